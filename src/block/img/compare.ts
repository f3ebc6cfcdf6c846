/**
 * `compare`: do two images hold the same? Exit status 0 yes, 1 no, 2 cannot open, 3 and 4 cannot
 * read.
 */

import type { BlockHost } from '../../disk-host.ts';
import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { Progress, Steps } from './progress.ts';
import { readSecrets } from './secret.ts';
import {
  COMMON_LONG,
  Failure,
  messageOf,
  open,
  parseCache,
  readArguments,
  type Tool,
  usage,
} from './tool.ts';

const SECTOR = 512;
/** Read at once: both pieces stay in the processor's cache. */
const CHUNK = 256 * 1024;
/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

export async function compare(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'compare', words, {
    short: 'hf:F:T:pqs',
    long: {},
    added: COMMON_LONG,
  });
  readSecrets(tool, given);
  const quiet = given.has('q');
  if (given.operands.length !== 2) throw usage(tool, 'Expecting two image file names');
  const cache = parseCache(given.get('T') ?? 'writeback', 'source cache', 2);
  const imageOptions = given.has('image-opts');
  const how = { quiet, cache, imageOptions, status: 2 };
  const [first, second] = given.operands;
  const one = await open(tool, first, { format: given.get('f'), ...how });
  const two = await open(tool, second, { format: given.get('F'), ...how }).catch(async error => {
    await one.close();
    throw error;
  });
  const progress = new Progress(tool.host, given.has('p') && !quiet, 2);
  const say = (text: string): void => {
    if (!quiet) tool.host.out(`${text}\n`);
  };
  try {
    const { host } = tool.context;
    const same = await run(one, two, { strict: given.has('s'), say, progress, host });
    if (same) say('Images are identical.');
    return same ? 0 : 1;
  } finally {
    progress.end();
    await one.close();
    await two.close();
  }
}

interface Comparison {
  readonly strict: boolean;
  readonly say: (text: string) => void;
  readonly progress: Progress;
  readonly host: BlockHost;
}

async function run(one: BlockNode, two: BlockNode, how: Comparison): Promise<boolean> {
  const common = Math.min(one.length, two.length);
  const total = Math.max(one.length, two.length);
  if (how.strict && one.length !== two.length) {
    how.say('Strict mode: Image size mismatch!');
    return false;
  }
  const steps = new Steps(bytes => how.progress.add(bytes / total));
  const buffers = { first: new Uint8Array(CHUNK), second: new Uint8Array(CHUNK) };
  for (let at = 0; at < common; ) {
    const length = Math.min(QUESTION, common - at);
    const a = await chainStatus(one, undefined, at, length);
    const b = await chainStatus(two, undefined, at, a.length);
    if (how.strict && (a.owner === undefined) !== (b.owner === undefined)) {
      how.say(`Strict mode: Offset ${at} allocation mismatch!`);
      return false;
    }
    if (!(a.zero && b.zero)) {
      const range = { at, end: at + b.length, steps, ...buffers };
      const differs = await firstDifference(one, two, range, how);
      if (differs !== undefined) {
        how.say(`Content mismatch at offset ${differs}!`);
        return false;
      }
      steps.endExtent();
    } else how.progress.add(b.length / total);
    at += b.length;
  }
  if (one.length !== two.length) how.say('Warning: Image size mismatch!');
  return tailIsZero(one.length > common ? one : two, common, how);
}

interface Range {
  readonly at: number;
  readonly end: number;
  readonly steps: Steps;
  /** Where the two images are read to, piece by piece. */
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

async function firstDifference(
  one: BlockNode,
  two: BlockNode,
  range: Range,
  how: Comparison,
): Promise<number | undefined> {
  for (let at = range.at; at < range.end; at += CHUNK) {
    const length = Math.min(CHUNK, range.end - at);
    const first = await readOne(one, at, range.first.subarray(0, length), 3);
    const second = await readOne(two, at, range.second.subarray(0, length), 4);
    const differs = differingSector(first, second, how.host);
    if (differs >= 0) return at + differs;
    range.steps.add(length);
  }
  return undefined;
}

/** Where in the two pieces the first sector differs; -1 when they are the same. */
function differingSector(first: Uint8Array, second: Uint8Array, host: BlockHost): number {
  if (host.isEqual(first, second)) return -1;
  for (let i = 0; i < first.length; i += SECTOR) {
    if (!host.isEqual(first.subarray(i, i + SECTOR), second.subarray(i, i + SECTOR))) return i;
  }
  return -1;
}

async function readOne(
  node: BlockNode,
  at: number,
  bytes: Uint8Array,
  status: number,
): Promise<Uint8Array> {
  try {
    await node.read(at, bytes);
  } catch (error) {
    const what = `Error while reading offset ${at} of ${node.filename}`;
    throw new Failure([`${what}: ${messageOf(error)}`], status);
  }
  return bytes;
}

/** The longer image must hold nothing where the shorter one has ended. */
async function tailIsZero(node: BlockNode, from: number, how: Comparison): Promise<boolean> {
  const room = new Uint8Array(CHUNK);
  for (let at = from; at < node.length; ) {
    const extent = await chainStatus(node, undefined, at, Math.min(QUESTION, node.length - at));
    const end = at + extent.length;
    for (let piece = at; piece < end && !extent.zero; piece += CHUNK) {
      const bytes = await readOne(node, piece, room.subarray(0, end - piece), 3);
      const sector = firstUsedSector(bytes, how.host);
      if (sector < 0) continue;
      how.say(`Content mismatch at offset ${piece + sector}!`);
      return false;
    }
    how.progress.add(extent.length / node.length);
    at = end;
  }
  return true;
}

function firstUsedSector(bytes: Uint8Array, host: BlockHost): number {
  if (host.isZero(bytes, 0, bytes.length)) return -1;
  for (let i = 0; i < bytes.length; i += SECTOR) {
    if (!host.isZero(bytes, i, Math.min(i + SECTOR, bytes.length))) return i;
  }
  return -1;
}
