/**
 * The I/O tool's reads and writes: plain, vectored, asynchronous and merged.
 */

import { readVmState, writeCompressed, writeVmState } from '../operations.ts';
import { type Flags, parseFlags, type Words } from './arguments.ts';
import { IoError, type IoSession, reasonOf } from './session.ts';
import { dumpText, parseNumber, reportText } from './text.ts';

const SECTOR = 512;
const DEFAULT_PATTERN = 0xcd;

function number(text: string, what: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new IoError(`non-numeric ${what} argument -- ${text}`);
  return value;
}

function pattern(text: string): number {
  const value = /^(0x[0-9a-f]{1,2}|\d+)$/i.test(text) ? Number(text) : -1;
  if (value < 0 || value > 255) throw new IoError(`${text} is not a valid pattern byte`);
  return value;
}

function aligned(value: number, what: string): number {
  if (value % SECTOR !== 0) throw new IoError(`${what} ${value} is not sector aligned`);
  return value;
}

interface Timing {
  readonly session: IoSession;
  readonly flags: Flags;
  readonly verb: string;
  readonly offset: number;
  readonly length: number;
  readonly since: number;
}

function report({ session, flags, verb, offset, length, since }: Timing): void {
  if (flags.has('q')) return;
  const seconds = session.host.elapsed() - since;
  const condensed = flags.has('C');
  const text = { verb, offset, requested: length, done: length, operations: 1, seconds, condensed };
  session.print(reportText(text));
}

/** `read [-abCpqv] [-P pattern [-s off] [-l len]] off len` */
export async function read(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'bCl:pP:qs:v', 2, 2);
  const offset = aligned(number(rest[0], 'offset'), 'offset');
  const length = aligned(number(rest[1], 'length'), 'count');
  await readRange(session, flags, 'read', { offset, length });
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

async function readRange(
  session: IoSession,
  flags: Flags,
  name: string,
  { offset, length }: Range,
): Promise<void> {
  const check = checkRange(flags, length);
  const since = session.host.elapsed();
  const bytes = new Uint8Array(length);
  try {
    const { image } = session;
    if (flags.has('b')) await readVmState(image, offset, bytes);
    else {
      requireInside(image.length, offset, length);
      await image.read(offset, bytes);
    }
  } catch (error) {
    throw new IoError(`${name} failed: ${reasonOf(error)}`);
  }
  if (check !== undefined) {
    const part = bytes.subarray(check.offset, check.offset + check.length);
    if (!part.every(byte => byte === check.value)) {
      const where = `offset ${offset + check.offset}, ${check.length} bytes`;
      session.print(`Pattern verification failed at ${where}\n`);
    }
  }
  if (flags.has('v') && !flags.has('q')) session.print(dumpText(bytes, offset));
  report({ session, flags, verb: 'read', offset, length, since });
}

function requireInside(total: number, offset: number, length: number): void {
  if (offset + length > total) throw new IoError('read failed: Input/output error');
}

function checkRange(
  flags: Flags,
  length: number,
): (Range & { readonly value: number }) | undefined {
  const value = flags.get('P');
  const start = flags.get('s');
  const count = flags.get('l');
  if (value === undefined) {
    if (start !== undefined || count !== undefined) throw new IoError('bad argument count');
    return undefined;
  }
  const offset = start === undefined ? 0 : number(start, 'length');
  const size = count === undefined ? length - offset : number(count, 'length');
  if (offset + size > length) {
    throw new IoError('pattern verification range exceeds end of read data');
  }
  return { value: pattern(value), offset, length: size };
}

/** `write [-bcCpqz] [-P pattern] off len` */
export async function write(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'bcCpP:qz', 2, 2);
  if (flags.has('b') && flags.has('p')) {
    throw new IoError('-b and -p cannot be specified at the same time');
  }
  if (flags.has('z') && flags.has('P')) {
    throw new IoError('-z and -P cannot be specified at the same time');
  }
  const offset = aligned(number(rest[0], 'offset'), 'offset');
  const length = aligned(number(rest[1], 'length'), 'count');
  await writeRange(session, flags, 'write', { offset, length });
}

async function writeRange(
  session: IoSession,
  flags: Flags,
  name: string,
  range: Range,
  bytes?: Uint8Array,
): Promise<void> {
  const { offset, length } = range;
  const value = flags.get('P');
  const fill = value === undefined ? DEFAULT_PATTERN : pattern(value);
  const since = session.host.elapsed();
  try {
    await store(session, flags, range, () => bytes ?? new Uint8Array(length).fill(fill));
  } catch (error) {
    if (error instanceof IoError) throw error;
    throw new IoError(`${name} failed: ${reasonOf(error)}`);
  }
  report({ session, flags, verb: 'wrote', offset, length, since });
}

async function store(
  session: IoSession,
  flags: Flags,
  { offset, length }: Range,
  bytes: () => Uint8Array,
): Promise<void> {
  const { image } = session;
  if (flags.has('b')) return writeVmState(image, offset, bytes());
  if (offset + length > image.length) throw new IoError('write failed: Input/output error');
  if (flags.has('z')) return image.writeZeroes(offset, length, false);
  if (flags.has('c')) return writeCompressed(image, offset, bytes());
  return image.write(offset, bytes());
}

function lengths(rest: readonly string[]): Range {
  const offset = aligned(number(rest[0], 'offset'), 'offset');
  const length = rest.slice(1).reduce((sum, t) => sum + aligned(number(t, 'length'), 'length'), 0);
  return { offset, length };
}

/** `readv [-Cqv] [-P pattern] off len [len…]` */
export async function readv(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'CP:qv', 2);
  await readRange(session, flags, 'readv', lengths(rest));
}

/** `writev [-Cq] [-P pattern] off len [len…]` */
export async function writev(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'CqP:', 2);
  await writeRange(session, flags, 'writev', lengths(rest));
}

/** `aio_read [-Cqv] [-P pattern] off len [len…]` */
export async function aioRead(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'CP:qv', 2);
  const range = lengths(rest);
  session.start(printing(session, readRange(session, flags, 'aio_read', range)));
}

/** `aio_write [-Cqz] [-P pattern] off len [len…]` */
export async function aioWrite(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'CqP:z', 2);
  const range = lengths(rest);
  session.start(printing(session, writeRange(session, flags, 'aio_write', range)));
}

async function printing(session: IoSession, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof IoError)) throw error;
    session.print(`${error.message}\n`);
  }
}

/** `multiwrite [-Cq] [-P pattern] off len [len…] [; off len…]…`; patterns count up. */
export async function multiwrite(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'CqP:', 2);
  const groups: string[][] = [[]];
  for (const word of rest) {
    if (word === ';') groups.push([]);
    else groups[groups.length - 1].push(word);
  }
  const given = flags.get('P');
  const first = given === undefined ? DEFAULT_PATTERN : pattern(given);
  const since = session.host.elapsed();
  const ranges = groups.map(lengths);
  try {
    const work = ranges.map((range, i) => {
      const bytes = new Uint8Array(range.length).fill(first + i);
      return store(session, flags, range, () => bytes);
    });
    await Promise.all(work);
  } catch (error) {
    if (error instanceof IoError) throw error;
    throw new IoError(`aio_write failed: ${reasonOf(error)}`);
  }
  const total = ranges.reduce((sum, r) => sum + r.length, 0);
  report({ session, flags, verb: 'wrote', offset: ranges[0].offset, length: total, since });
}

/** `discard [-Cq] off len` */
export async function discard(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = parseFlags(words, 'Cq', 2, 2);
  const offset = number(rest[0], 'offset');
  const length = number(rest[1], 'length');
  const since = session.host.elapsed();
  try {
    const start = Math.floor(offset / SECTOR) * SECTOR;
    await session.image.discard(start, Math.floor(length / SECTOR) * SECTOR);
  } catch (error) {
    throw new IoError(`discard failed: ${reasonOf(error)}`);
  }
  report({ session, flags, verb: 'discard', offset, length, since });
}
