/**
 * What TAB offers: command names first, then by the kind of the argument under the cursor.
 */

import type { Json } from '../../json.ts';
import type { Arguments, Session } from '../session.ts';
import { splitWords } from './arguments.ts';
import { findCommand, type HmpCommand, type HumanWorld } from './command.ts';
import type { Completion } from './editor.ts';
import { isBlank } from './expression.ts';

type JsonObject = { readonly [name: string]: Json };

const NONE: Completion = { candidates: [], wordStart: 0 };

export async function complete(
  { session, commands, printOut }: Omit<HumanWorld, 'defaults'>,
  line: string,
): Promise<Completion> {
  const words = splitWords(line, printOut);
  if (words === undefined) return NONE;
  if (words.length === 0 || isBlank(line.at(-1))) words.push('');
  const all = await candidates(session, commands, words);
  const typed = completedPart(words);
  const wordStart = line.length - typed.length;
  return { candidates: all.filter(name => name.startsWith(typed)), wordStart };
}

/** The last word; of several keys that are pressed together the last one. */
function completedPart(words: readonly string[]): string {
  const last = words[words.length - 1];
  return words[0] === 'sendkey' ? last.slice(last.lastIndexOf('-') + 1) : last;
}

async function candidates(
  session: Session,
  commands: readonly HmpCommand[],
  words: readonly string[],
): Promise<readonly string[]> {
  if (words.length === 1) return commands.flatMap(command => command.name.split('|'));
  const command = findCommand(commands, words[0]);
  if (command === undefined) return [];
  if (command.subcommands !== undefined) {
    return candidates(session, command.subcommands, words.slice(1));
  }
  // As if what help is wanted for were typed itself.
  if (command.name === 'help|?') return candidates(session, commands, words.slice(1));
  return ofArgument(session, command, words.slice(1));
}

async function ofArgument(
  session: Session,
  command: HmpCommand,
  words: readonly string[],
): Promise<readonly string[]> {
  const flags = words.filter(word => /^-./.test(word)).length;
  const argument = command.args.filter(a => a.kind !== 'flag')[words.length - 1 - flags];
  const last = words[words.length - 1];
  if (argument?.kind === 'filename') {
    return session.call<readonly string[]>('x-complete-path', { prefix: last });
  }
  if (argument?.kind === 'block') {
    const drives = await session.call<readonly JsonObject[]>('query-block');
    return drives.map(drive => String(drive['device']));
  }
  if (argument?.kind === 'switch') return ['on', 'off'];
  if (command.name === 'sendkey' && argument?.name === 'keys') {
    return session.call<readonly string[]>('x-key-names');
  }
  const isFirst = argument === command.args.find(a => a.kind !== 'flag');
  return isFirst ? ((await FIRST_WORDS[command.name]?.(session)) ?? []) : [];
}

type Names = (session: Session) => Promise<readonly string[]> | readonly string[];

/** The members of that name in a list that a QMP command returns. */
function members(qmpName: string, member: string, args: Arguments = {}): Names {
  return async session => {
    const list = await session.call<readonly JsonObject[]>(qmpName, args);
    return list.map(item => String(item[member]));
  };
}

async function rings(session: Session): Promise<readonly string[]> {
  const list = await session.call<readonly JsonObject[]>('query-chardev');
  return list.filter(item => item['filename'] === 'ringbuf').map(item => String(item['label']));
}

/** The parts of each line of a text that an internal command returns. */
function matches(name: string, pattern: RegExp): Names {
  return async session => {
    const text = await session.call<string>(name);
    return [...text.matchAll(pattern)].map(([, word]) => word);
  };
}

/** What is below a place in the tree of objects. */
function children(path: string): Names {
  return async session => {
    const list = await session.call<readonly JsonObject[]>('qom-list', { path });
    return list.filter(({ type }) => String(type).startsWith('child<')).map(o => String(o['name']));
  };
}

const NETWORKS = ['user', 'tap', 'socket', 'vde', 'netmap', 'bridge', 'vhost-user'];
const TAGS = matches('x-snapshots', /^\d+ +(\S+)/gm);

/** What the first words of commands can be. */
const FIRST_WORDS: { readonly [command: string]: Names } = {
  'chardev-add': members('query-chardev-backends', 'name'),
  'chardev-remove': members('query-chardev', 'label'),
  delvm: TAGS,
  device_add: matches('x-device-help', /^name "([^"]*)"/gm),
  device_del: children('/machine/peripheral'),
  host_net_add: () => [...NETWORKS, 'dump'],
  loadvm: TAGS,
  migrate_set_capability: members('query-migrate-capabilities', 'capability'),
  netdev_add: () => [...NETWORKS, 'hubport'],
  object_add: members('qom-list-types', 'name', { implements: 'user-creatable' }),
  object_del: children('/objects'),
  ringbuf_read: rings,
  ringbuf_write: rings,
  watchdog_action: () => ['reset', 'shutdown', 'poweroff', 'pause', 'debug', 'none'],
};
