/**
 * The I/O tool's reads and writes: plain, vectored, asynchronous and merged.
 */

import { BlockError } from '../backend.ts';
import { readVmState, writeCompressed, writeVmState } from '../operations.ts';
import { BadArguments, type Flags, parseFlags, type Words } from './arguments.ts';
import { IoError, type IoSession, type Port, reasonOf, UsageError } from './session.ts';
import { dumpText, parseNumber, reportText } from './text.ts';

const SECTOR = 512;
const DEFAULT_PATTERN = 0xcd;

/** The largest request, in bytes. */
const MOST = 0x7fff_fe00;
/** So much of a request is in memory at once. */
const PIECE = 8 * 1024 * 1024;
/** So much is shown at once: as text it is five times as long. */
const SHOWN = 65536;

function number(text: string): number {
  const value = parseNumber(text);
  if (value === undefined) throw new IoError(`non-numeric length argument -- ${text}`);
  return value;
}

function count(text: string): number {
  const value = number(text);
  if (value > MOST) throw new IoError(`length cannot exceed ${MOST}, given ${text}`);
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

/** Values are read where they stand, before anything is counted. */
function transferFlags(
  words: Words,
  letters: string,
  least: number,
  most?: number,
): ReturnType<typeof parseFlags> {
  return parseFlags(words, letters, least, most, (letter, value) => {
    if (letter === 'P') pattern(value);
    else number(value);
  });
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
  const { flags, rest } = transferFlags(words, 'bCl:pP:qs:v', 2, 2);
  if (!flags.has('P') && (flags.has('s') || flags.has('l'))) throw new BadArguments('');
  if (flags.has('b') && flags.has('p')) {
    throw new IoError('-b and -p cannot be specified at the same time');
  }
  await readRange(session, flags, 'read', offsetAndCount(rest, flags.has('p')));
}

interface Range {
  readonly offset: number;
  readonly length: number;
}

function offsetAndCount([offset, length]: readonly string[], anywhere: boolean): Range {
  const range = { offset: number(offset), length: count(length) };
  if (anywhere) return range;
  aligned(range.offset, 'offset');
  aligned(range.length, 'count');
  return range;
}

async function readRange(
  session: IoSession,
  flags: Flags,
  name: string,
  range: Range,
): Promise<void> {
  const { offset, length } = range;
  const check = checkRange(flags, length);
  const since = session.host.elapsed();
  const read = (): AsyncGenerator<Piece> => readPieces(session, range, flags.has('b'));
  let differs = false;
  let only: Piece | undefined;
  await told(name, async () => {
    for await (const piece of read()) {
      if (check !== undefined && !holds(piece, offset, check)) differs = true;
      only = piece;
    }
  });
  if (differs && check !== undefined) {
    const where = `offset ${offset + check.offset}, ${check.length} bytes`;
    session.print(`Pattern verification failed at ${where}\n`);
  }
  if (flags.has('v') && !flags.has('q')) {
    // What did not fit into one piece has to be read again.
    await told(name, async () => {
      for await (const piece of length <= PIECE && only ? [only] : read()) show(session, piece);
    });
  }
  report({ session, flags, verb: 'read', offset, length, since });
}

/** Says which command it was that failed. */
async function told(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof IoError) throw error;
    throw new IoError(`${name} failed: ${reasonOf(error)}`);
  }
}

interface Piece {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Reads a range, of which only a piece is in memory: each is good until the next. */
async function* readPieces(
  { image, port }: IoSession,
  { offset, length }: Range,
  vmState: boolean,
): AsyncGenerator<Piece> {
  if (!vmState) requireInside(image.length, { offset, length });
  const whole = vmState ? { offset, length } : around({ offset, length });
  const buffer = new Uint8Array(Math.min(PIECE, whole.length));
  let done = 0;
  do {
    const bytes = buffer.subarray(0, whole.length - done);
    const at = whole.offset + done;
    if (vmState) await readVmState(image, at, bytes);
    else await port.read(at, bytes);
    done += bytes.length;
    const from = Math.max(0, offset - at);
    yield { at: at + from, bytes: bytes.subarray(from, Math.max(from, offset + length - at)) };
  } while (done < whole.length);
}

/** True when a piece has the value wherever it is looked for. */
function holds(
  { at, bytes }: Piece,
  offset: number,
  check: Range & { readonly value: number },
): boolean {
  const start = offset + check.offset - at;
  const from = Math.min(bytes.length, Math.max(0, start));
  const part = bytes.subarray(from, Math.max(from, start + check.length));
  for (let i = 0; i < part.length; i++) if (part[i] !== check.value) return false;
  return true;
}

function show(session: IoSession, { at, bytes }: Piece): void {
  for (let i = 0; i < bytes.length; i += SHOWN) {
    session.print(dumpText(bytes.subarray(i, i + SHOWN), at + i));
  }
}

function requireInside(total: number, { offset, length }: Range): void {
  if (offset + length > total) throw new BlockError('EIO');
}

/** The sectors around a range. */
function around({ offset, length }: Range): Range {
  const start = offset - (offset % SECTOR);
  return { offset: start, length: Math.ceil((offset + length) / SECTOR) * SECTOR - start };
}

function checkRange(
  flags: Flags,
  length: number,
): (Range & { readonly value: number }) | undefined {
  const value = flags.get('P');
  const start = flags.get('s');
  const many = flags.get('l');
  if (value === undefined) return undefined;
  const offset = start === undefined ? 0 : number(start);
  const size = many === undefined ? length - offset : number(many);
  if (offset > length || offset + size > length) {
    throw new IoError('pattern verification range exceeds end of read data');
  }
  return { value: pattern(value), offset, length: size };
}

/** `write [-bcCpqz] [-P pattern] off len` */
export async function write(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = transferFlags(words, 'bcCpP:qz', 2, 2);
  if ([...'bpz'].filter(letter => flags.has(letter)).length > 1) {
    throw new IoError('-b, -p, or -z cannot be specified at the same time');
  }
  refusePatternOfZeroes(flags);
  await writeRange(session, flags, 'write', offsetAndCount(rest, flags.has('p')));
}

function refusePatternOfZeroes(flags: Flags): void {
  if (!flags.has('z') || !flags.has('P')) return;
  throw new IoError('-z and -P cannot be specified at the same time');
}

async function writeRange(
  session: IoSession,
  flags: Flags,
  name: string,
  range: Range,
): Promise<void> {
  const { offset, length } = range;
  const value = flags.get('P');
  const fill = value === undefined ? DEFAULT_PATTERN : pattern(value);
  const since = session.host.elapsed();
  await told(name, () => store(session, flags, range, fill));
  report({ session, flags, verb: 'wrote', offset, length, since });
}

async function store(session: IoSession, flags: Flags, range: Range, fill: number): Promise<void> {
  const { image, port } = session;
  const { offset, length } = range;
  const filled = (most: number): Uint8Array => new Uint8Array(Math.min(length, most)).fill(fill);
  if (flags.has('b')) {
    const bytes = filled(PIECE);
    let done = 0;
    do {
      await writeVmState(image, offset + done, bytes.subarray(0, length - done));
      done += bytes.length;
    } while (done < length);
    return;
  }
  requireInside(image.length, range);
  if (flags.has('z')) await image.writeZeroes(offset, length, false);
  // No cluster is as large as a piece: what is longer is refused whatever it holds.
  else if (flags.has('c')) return writeCompressed(image, offset, filled(PIECE));
  else await writePieces(port, range, fill);
  await session.stored();
}

/** Writes whole sectors; what lies in the first and the last beside the range stays. */
async function writePieces(port: Port, range: Range, fill: number): Promise<void> {
  const { offset, length } = range;
  const whole = around(range);
  const buffer = new Uint8Array(Math.min(PIECE, whole.length));
  let done = 0;
  do {
    const at = whole.offset + done;
    const bytes = buffer.subarray(0, whole.length - done);
    bytes.fill(fill);
    const before = new Uint8Array(SECTOR);
    const head = offset - at;
    if (head > 0) {
      await port.read(at, before);
      bytes.set(before.subarray(0, head));
    }
    const tail = at + bytes.length - offset - length;
    if (tail > 0) {
      await port.read(at + bytes.length - SECTOR, before);
      bytes.set(before.subarray(SECTOR - tail), bytes.length - tail);
    }
    await port.write(at, bytes);
    done += bytes.length;
  } while (done < whole.length);
}

function lengths(rest: readonly string[]): Range {
  const offset = aligned(number(rest[0]), 'offset');
  const length = rest.slice(1).reduce((sum, t) => sum + aligned(count(t), 'length'), 0);
  if (length > MOST) throw new IoError('Argument list too long');
  return { offset, length };
}

/** `readv [-Cqv] [-P pattern] off len [len…]` */
export async function readv(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = transferFlags(words, 'CP:qv', 2);
  await readRange(session, flags, 'readv', lengths(rest));
}

/** `writev [-Cq] [-P pattern] off len [len…]` */
export async function writev(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = transferFlags(words, 'CqP:', 2);
  await writeRange(session, flags, 'writev', lengths(rest));
}

/** `aio_read [-Cqv] [-P pattern] off len [len…]` */
export async function aioRead(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = transferFlags(words, 'CP:qv', 2);
  const range = lengths(rest);
  session.start(printing(session, readRange(session, flags, 'readv', range)));
}

/** `aio_write [-Cqz] [-P pattern] off len [len…]` */
export async function aioWrite(session: IoSession, words: Words): Promise<void> {
  const { flags, rest } = transferFlags(words, 'CqP:z', 2);
  if (flags.has('z') && rest.length > 2) {
    throw new IoError('-z supports only a single length parameter');
  }
  refusePatternOfZeroes(flags);
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
  const { flags, rest } = transferFlags(words, 'CqP:', 2);
  const groups: string[][] = [[]];
  for (const word of rest) {
    if (word === ';') groups.push([]);
    else groups[groups.length - 1].push(word);
  }
  if (groups.some(group => group.length < 2)) {
    throw new UsageError('multiwrite: each request has an offset and at least one length');
  }
  const given = flags.get('P');
  const first = given === undefined ? DEFAULT_PATTERN : pattern(given);
  const since = session.host.elapsed();
  const ranges = groups.map(lengths);
  try {
    const work = ranges.map((range, i) => store(session, flags, range, (first + i) % 256));
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
  const { flags, rest } = transferFlags(words, 'Cq', 2, 2);
  const offset = number(rest[0]);
  const length = count(rest[1]);
  const since = session.host.elapsed();
  const start = Math.floor(offset / SECTOR) * SECTOR;
  const range = { offset: start, length: Math.floor(length / SECTOR) * SECTOR };
  try {
    if (session.image.readOnly) throw new BlockError('EACCES', 'Permission denied');
    requireInside(session.image.length, range);
    if (session.unmaps) await session.image.discard(range.offset, range.length);
  } catch (error) {
    throw new IoError(`discard failed: ${reasonOf(error)}`);
  }
  report({ session, flags, verb: 'discard', offset, length, since });
}
