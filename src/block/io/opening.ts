/**
 * The I/O tool's commands that change which image is open, and how: open, reopen, close.
 */

import { UserError } from '../../error.ts';
import { CACHE_MODES, cacheMode } from '../cache-mode.ts';
import { splitOptions } from '../create-options.ts';
import { findDriver } from '../graph.ts';
import { parseFlags, type Words } from './arguments.ts';
import { IoError, type IoSession, type OpenCall, reasonOf, UsageError } from './session.ts';

export async function openCommand(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'snrgo:', 0, 1);
  if (session.node !== undefined) throw new UsageError("file open already, try 'help close'");
  await openImage(session, {
    path: rest[0] ?? '',
    readOnly: flags.has('r'),
    snapshot: flags.has('s'),
    cache: CACHE_MODES[flags.has('n') ? 'none' : 'writethrough'],
    unmap: true,
    options: flags.get('o') ?? '',
  });
}

/** Opens, or says why not. */
export async function openImage(session: IoSession, call: OpenCall): Promise<void> {
  try {
    await session.open(call);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const which = call.path === '' ? '' : ` device ${call.path}`;
    const hint = error.hint === undefined ? '' : `${error.hint}\n`;
    const text = `can't open${which}: ${error.message}`;
    session.host.complain(`${session.host.prefix}${text}\n${hint}`);
  }
}

/** The image with other options. */
export async function reopen(session: IoSession, words: Words): Promise<void> {
  const { flags } = parseFlags(words, 'rwc:o:', 0, 0);
  const refuse = (text: string): never => {
    throw new UsageError(`${session.host.prefix}${text}`);
  };
  const { opened } = session;
  if (opened === undefined) throw new IoError('reopen: not here');
  const mode = flags.get('c');
  const cache = mode === undefined ? opened.cache : cacheMode(mode);
  if (cache === undefined) return refuse(`Invalid cache option: ${mode}`);
  if (flags.has('r') && flags.has('w')) refuse('Only one -r/-w option may be given');
  const { image } = session;
  const more = flags.get('o') ?? '';
  for (const [name] of splitOptions(more)) {
    if (!(findDriver(image.driver).changeable ?? []).includes(name)) {
      refuse(`Cannot change the option '${name.replace(/^.*\./, '')}'`);
    }
  }
  if (opened.snapshot) refuse(`Could not open '${image.filename}': No such file or directory`);
  const readOnly = flags.has('r') || (opened.readOnly && !flags.has('w'));
  const options = `${opened.options}${opened.options === '' || more === '' ? '' : ','}${more}`;
  await close(session);
  try {
    await session.open({ ...opened, readOnly, cache, options });
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    await openImage(session, opened);
    refuse(error.message);
  }
}

export async function close(session: IoSession): Promise<void> {
  await session.settle();
  const { image } = session;
  session.node = undefined;
  await orFail('close', () => image.close());
}

export async function orFail(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof IoError) throw error;
    throw new IoError(`${name} failed: ${reasonOf(error)}`);
  }
}
