/**
 * Configuration files, `-readconfig`: groups of options, `[drive "id"]`, with a line per key,
 * `file = "x"`. Each group becomes the option that it stands for.
 *
 * Not there: -writeconfig.
 */

import type { Occurrence } from './command-line.ts';
import { CommandLineError, escapeOption } from './options.ts';

/** Names of groups, and of the options that take their keys. */
const OPTIONS: { readonly [group: string]: string } = {
  'boot-opts': 'boot',
  chardev: 'chardev',
  device: 'device',
  drive: 'drive',
  icount: 'icount',
  machine: 'machine',
  memory: 'm',
  mon: 'mon',
  name: 'name',
  net: 'net',
  netdev: 'netdev',
  object: 'object',
  rtc: 'rtc',
  'smp-opts': 'smp',
};

interface Group {
  readonly option: string;
  readonly location: string;
  readonly pairs: string[];
}

/** The options that the text of the file `path` stands for. Throws CommandLineError. */
export function readConfigFile(path: string, text: string): Occurrence[] {
  const groups: Group[] = [];
  text.split('\n').forEach((line, i) => {
    const location = `:${path}:${i + 1}`;
    if (/^\s*(#|$)/.test(line)) return;
    const header = /^\s*\[\s*([^\s"\]]+)(?:\s+"([^"]*)")?\s*\]/.exec(line);
    if (header !== null) groups.push(openGroup(header[1], header[2], location));
    else addPair(groups.at(-1), line, location);
  });
  return groups.map(({ option, location, pairs }) => ({
    name: option,
    argument: pairs.join(','),
    location,
  }));
}

function openGroup(name: string, id: string | undefined, location: string): Group {
  const option = Object.hasOwn(OPTIONS, name) ? OPTIONS[name] : undefined;
  if (option === undefined) {
    throw new CommandLineError(`There is no option group '${name}'`, location);
  }
  return { option, location, pairs: id === undefined ? [] : [`id=${escapeOption(id)}`] };
}

function addPair(group: Group | undefined, line: string, location: string): void {
  const pair = /^\s*([^\s=]+)\s*=\s*"([^"]*)"/.exec(line);
  if (pair === null) throw new CommandLineError('parse error', location);
  if (group === undefined) throw new CommandLineError('no group defined', location);
  group.pairs.push(`${pair[1]}=${escapeOption(pair[2])}`);
}
