/**
 * The I/O tool's commands, by name: what they take, one line of help, what they do.
 */

import { BlockError } from '../backend.ts';
import { Qcow2Node } from '../format/qcow2/node.ts';
import { type BlockNode, SizeRefused } from '../node.ts';
import { BlkdebugNode } from '../protocol/blkdebug.ts';
import { BadArguments, splitLine, type Words } from './arguments.ts';
import { LONG_HELP } from './help.ts';
import { close, openCommand, orFail, reopen } from './opening.ts';
import { IoError, type IoSession, NO_FILE, reasonOf, UsageError } from './session.ts';
import { parseNumber, sizeWithUnit } from './text.ts';
import { aioRead, aioWrite, discard, multiwrite, read, readv, write, writev } from './transfer.ts';

export interface IoCommand {
  readonly name: string;
  readonly short?: string;
  readonly least: number;
  readonly most: number;
  readonly needsImage: boolean;
  /** Of the program itself: unknown where the image belongs to someone else. */
  readonly ownsImage: boolean;
  /** Absent: none are named. */
  readonly arguments?: string;
  readonly help: string;
  run(session: IoSession, words: Words): Promise<void>;
}

const SECTOR = 512;
const SIGABRT = 6;
const LAST_SIGNAL = 64;
const MANY = Number.POSITIVE_INFINITY;

type Spec = Omit<IoCommand, 'least' | 'most' | 'needsImage' | 'ownsImage'> & {
  readonly least?: number;
  readonly most?: number;
  readonly needsImage?: boolean;
  readonly ownsImage?: boolean;
};

const command = (spec: Spec): IoCommand => ({
  least: 0,
  most: 0,
  needsImage: true,
  ownsImage: false,
  ...spec,
});

function size(text: string, what: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new IoError(`non-numeric ${what} argument -- ${text}`);
  return value;
}

async function alloc(session: IoSession, words: Words): Promise<void> {
  const start = size(words[1], 'offset');
  if (start % SECTOR !== 0) throw new IoError(`offset ${start} is not sector aligned`);
  const total = words.length > 2 ? size(words[2], 'sector') : 1;
  const { image } = session;
  let allocated = 0;
  for (let at = start; at < Math.min(start + total * SECTOR, image.length); ) {
    const extent = await image.status(at, start + total * SECTOR - at);
    if (extent.allocated) allocated += extent.length / SECTOR;
    at += extent.length;
  }
  const where = `at offset ${sizeWithUnit(start)}\n`;
  if (total === 1) session.print(`sector ${allocated === 1 ? '' : 'not '}allocated ${where}`);
  else session.print(`${allocated}/${total} sectors allocated ${where}`);
}

async function map(session: IoSession): Promise<void> {
  const { image } = session;
  const total = image.length / SECTOR;
  for (let at = 0; at < total; ) {
    const first = await image.status(at * SECTOR, (total - at) * SECTOR);
    let run = first.length / SECTOR;
    while (at + run < total) {
      const next = await image.status((at + run) * SECTOR, (total - at - run) * SECTOR);
      if (next.allocated !== first.allocated) break;
      run += next.length / SECTOR;
    }
    const state = first.allocated ? '    allocated' : 'not allocated';
    const counts = `${String(run).padStart(8)}/${String(total - at).padStart(8)}`;
    const value = first.allocated ? 1 : 0;
    session.print(
      `[${String(at).padStart(24)}] ${counts} sectors ${state} ` +
        `at offset ${sizeWithUnit(at * SECTOR)} (${value})\n`,
    );
    at += run;
  }
}

async function info(session: IoSession): Promise<void> {
  const { image } = session;
  const { clusterSize, specific } = image.details();
  session.print(`format name: ${image.driver}\n`);
  if (!isOnFile(image)) return;
  const vmState = image instanceof Qcow2Node ? image.vmStateOffset : 0;
  session.print(`cluster size: ${sizeWithUnit(clusterSize ?? 0)}\n`);
  session.print(`vm state offset: ${sizeWithUnit(vmState)}\n`);
  if (specific === undefined) return;
  session.print('Format specific information:\n');
  for (const [name, value] of Object.entries(specific.data)) {
    session.print(`    ${name.replaceAll('-', ' ')}: ${value}\n`);
  }
}

/** A file of the host's is below: other protocols know of no clusters. */
function isOnFile(image: BlockNode): boolean {
  let at = image;
  while (at.file !== undefined) at = at.file;
  return at.driver === 'file';
}

export function findDebug({ node }: IoSession): BlkdebugNode | undefined {
  for (let at = node; at !== undefined; at = at.file) if (at instanceof BlkdebugNode) return at;
  return undefined;
}

/** The node that breakpoints are for; `task` is what failed if there is none. */
function debugNode(session: IoSession, task: string): BlkdebugNode {
  const found = findDebug(session);
  if (found !== undefined) return found;
  throw new IoError(`Could not ${task}: Operation not supported`);
}

async function setBreakpoint(session: IoSession, [, event, tag]: Words): Promise<void> {
  const node = debugNode(session, 'set a breakpoint');
  if (!node.setBreakpoint(event, tag)) {
    throw new IoError('Could not set a breakpoint: No such file or directory');
  }
}

async function removeBreakpoint(session: IoSession, [, tag]: Words): Promise<void> {
  if (debugNode(session, `remove breakpoint ${tag}`).removeBreakpoint(tag)) return;
  throw new IoError(`Could not remove breakpoint ${tag}: No such file or directory`);
}

async function resume(session: IoSession, [, tag]: Words): Promise<void> {
  if (debugNode(session, 'resume request').resume(tag)) return;
  throw new IoError('Could not resume request: No such file or directory');
}

async function truncate(session: IoSession, [, at]: Words): Promise<void> {
  const length = size(at, 'truncate');
  try {
    if (session.image.readOnly) throw new BlockError('EACCES', 'Permission denied');
    await session.image.truncate(length);
  } catch (error) {
    if (error instanceof SizeRefused) {
      session.host.complain(`${session.host.prefix}${error.message}\n`);
      throw new IoError(`truncate: ${error.kind}`);
    }
    throw new IoError(`truncate: ${reasonOf(error)}`);
  }
}

async function sleep(session: IoSession, [, time]: Words): Promise<void> {
  if (!/^\d+$/.test(time)) throw new IoError(`${time} is not a valid number`);
  await session.host.sleep(Number(time));
}

export const COMMANDS: readonly IoCommand[] = [
  command({
    name: 'abort',
    needsImage: false,
    help: 'simulate a program crash using abort(3)',
    run: async session => session.host.raise?.(SIGABRT),
  }),
  command({
    name: 'aio_flush',
    help: 'completes all outstanding aio requests',
    run: session => session.settle(),
  }),
  command({
    name: 'aio_read',
    least: 2,
    most: MANY,
    arguments: '[-Cqv] [-P pattern] off len [len..]',
    help: 'asynchronously reads a number of bytes',
    run: aioRead,
  }),
  command({
    name: 'aio_write',
    least: 2,
    most: MANY,
    arguments: '[-Cqz] [-P pattern] off len [len..]',
    help: 'asynchronously writes a number of bytes',
    run: aioWrite,
  }),
  command({
    name: 'alloc',
    short: 'a',
    least: 1,
    most: 2,
    arguments: 'off [sectors]',
    help: 'checks if a sector is present in the file',
    run: alloc,
  }),
  command({
    name: 'break',
    least: 2,
    most: 2,
    arguments: 'event tag',
    help: 'sets a breakpoint on event and tags the stopped request as tag',
    run: setBreakpoint,
  }),
  command({
    name: 'close',
    short: 'c',
    ownsImage: true,
    help: 'close the current open file',
    run: close,
  }),
  command({
    name: 'discard',
    short: 'd',
    least: 2,
    most: MANY,
    arguments: '[-Cq] off len',
    help: 'discards a number of bytes at a specified offset',
    run: discard,
  }),
  command({
    name: 'flush',
    short: 'f',
    help: 'flush all in-core file state to disk',
    run: session => orFail('flush', () => session.image.flush()),
  }),
  command({
    name: 'help',
    short: '?',
    most: 1,
    needsImage: false,
    arguments: '[command]',
    help: 'help for one or all commands',
    run: async (session, [, name]) => printHelp(session, name),
  }),
  command({
    name: 'info',
    short: 'i',
    help: 'prints information about the current file',
    run: info,
  }),
  command({
    name: 'length',
    short: 'l',
    help: 'gets the length of the current file',
    run: async session => session.print(`${sizeWithUnit(session.image.length)}\n`),
  }),
  command({ name: 'map', arguments: '', help: 'prints the allocated areas of a file', run: map }),
  command({
    name: 'multiwrite',
    least: 2,
    most: MANY,
    arguments: '[-Cq] [-P pattern] off len [len..] [; off len [len..]..]',
    help: 'issues multiple write requests at once',
    run: multiwrite,
  }),
  command({
    name: 'open',
    short: 'o',
    least: 1,
    most: MANY,
    needsImage: false,
    ownsImage: true,
    arguments: '[-Crsn] [-o options] [path]',
    help: 'open the file specified by path',
    run: openCommand,
  }),
  command({
    name: 'quit',
    short: 'q',
    most: MANY,
    needsImage: false,
    ownsImage: true,
    help: 'exit the program',
    run: async session => {
      session.isOver = true;
    },
  }),
  command({
    name: 'read',
    short: 'r',
    least: 2,
    most: MANY,
    arguments: '[-abCpqv] [-P pattern [-s off] [-l len]] off len',
    help: 'reads a number of bytes at a specified offset',
    run: read,
  }),
  command({
    name: 'readv',
    least: 2,
    most: MANY,
    arguments: '[-Cqv] [-P pattern] off len [len..]',
    help: 'reads a number of bytes at a specified offset',
    run: readv,
  }),
  command({
    name: 'remove_break',
    least: 1,
    most: 1,
    arguments: 'tag',
    help: 'remove a breakpoint by tag',
    run: removeBreakpoint,
  }),
  command({
    name: 'reopen',
    most: MANY,
    arguments: '[(-r|-w)] [-c cache] [-o options]',
    help: 'reopens an image with new options',
    run: reopen,
  }),
  command({
    name: 'resume',
    least: 1,
    most: 1,
    arguments: 'tag',
    help: 'resumes the request tagged as tag',
    run: resume,
  }),
  command({
    name: 'sigraise',
    least: 1,
    most: 1,
    needsImage: false,
    arguments: 'signal',
    help: 'raises a signal',
    run: async (session, [, signal]) => {
      const number = size(signal, 'signal number');
      // What is no signal is not raised, and nothing is said of it.
      if (number <= LAST_SIGNAL) await session.host.raise?.(number);
    },
  }),
  command({
    name: 'sleep',
    least: 1,
    most: 1,
    needsImage: false,
    help: 'waits for the given value in milliseconds',
    run: sleep,
  }),
  command({
    name: 'truncate',
    short: 't',
    least: 1,
    most: 1,
    arguments: 'off',
    help: 'truncates the current file at the given offset',
    run: truncate,
  }),
  command({
    name: 'wait_break',
    least: 1,
    most: 1,
    arguments: 'tag',
    help: 'waits for the suspension of a request',
    run: (session, [, tag]) => findDebug(session)?.waitSuspended(tag) ?? Promise.resolve(),
  }),
  command({
    name: 'write',
    short: 'w',
    least: 2,
    most: MANY,
    arguments: '[-bcCpqz] [-P pattern] off len',
    help: 'writes a number of bytes at a specified offset',
    run: write,
  }),
  command({
    name: 'writev',
    least: 2,
    most: MANY,
    arguments: '[-Cq] [-P pattern] off len [len..]',
    help: 'writes a number of bytes at a specified offset',
    run: writev,
  }),
];

function printHelp(session: IoSession, name: string | undefined): void {
  if (name === undefined) {
    for (const item of commandsOf(session)) session.print(helpLine(item));
    session.print("\nUse 'help commandname' for extended help.\n");
    return;
  }
  const found = find(session, name);
  if (found === undefined) session.print(`command ${name} not found\n`);
  else session.print(`${helpLine(found)}${LONG_HELP[found.name] ?? ''}`);
}

function helpLine({ name, help, arguments: words }: IoCommand): string {
  return `${name}${words === undefined ? '' : ` ${words}`} -- ${help}\n`;
}

function commandsOf({ ownsImage }: IoSession): readonly IoCommand[] {
  return COMMANDS.filter(item => ownsImage || !item.ownsImage);
}

function find(session: IoSession, name: string): IoCommand | undefined {
  return commandsOf(session).find(c => c.name === name || c.short === name);
}

/** Runs one line. Nothing is thrown for a user's mistakes: they are printed. */
export async function runLine(session: IoSession, line: string): Promise<void> {
  const words = splitLine(line);
  if (words.length === 0) return;
  const found = find(session, words[0]);
  if (found === undefined) {
    session.host.complain(`command "${words[0]}" not found\n`);
    return;
  }
  try {
    if (found.needsImage && session.node === undefined) {
      throw new UsageError(NO_FILE);
    }
    checkCount(found, words);
    await found.run(session, words);
  } catch (error) {
    if (error instanceof BadArguments) {
      if (error.message !== '') session.host.complain(`${error.message}\n`);
      session.print(helpLine(found));
    } else if (error instanceof UsageError) session.host.complain(`${error.message}\n`);
    else if (error instanceof IoError) session.print(`${error.message}\n`);
    else throw error;
  }
}

function checkCount({ least, most }: IoCommand, words: Words): void {
  const count = words.length - 1;
  if (count >= least && count <= most) return;
  const expected =
    most === MANY
      ? `at least ${least} arguments`
      : least === most
        ? `${least} arguments`
        : `between ${least} and ${most} arguments`;
  throw new UsageError(`bad argument count ${count} to ${words[0]}, expected ${expected}`);
}
