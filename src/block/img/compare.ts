/**
 * `compare`: do two images hold the same? Exit status 0 yes, 1 no, 2 cannot open, 3 and 4 cannot
 * read.
 */

import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { CHUNK, isZero } from '../request.ts';
import {
  COMMON_LONG,
  Failure,
  messageOf,
  open,
  Progress,
  parseCache,
  readArguments,
  readSecrets,
  type Tool,
  usage,
} from './tool.ts';

const SECTOR = 512;

export async function compare(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments('compare', words, { short: 'hf:F:T:pqs', long: longOptions(words) });
  readSecrets(tool, given);
  const quiet = given.has('q');
  if (given.operands.length !== 2) throw usage(tool, 'Expecting two image file names');
  const cache = parseCache(given.get('T') ?? 'writeback', 'source cache');
  const imageOptions = given.has('image-opts');
  const how = { quiet, cache, imageOptions, status: 2 };
  const [first, second] = given.operands;
  const one = await open(tool, first, { format: given.get('f'), ...how });
  const two = await open(tool, second, { format: given.get('F'), ...how });
  const progress = new Progress(tool, given.has('p') && !quiet);
  const say = (text: string): void => {
    if (!quiet) tool.host.out(`${text}\n`);
  };
  try {
    const same = await run(one, two, { strict: given.has('s'), say, progress });
    if (same) say('Images are identical.');
    return same ? 0 : 1;
  } finally {
    progress.end();
    await one.close();
    await two.close();
  }
}

/** Without our additions an unknown long option is complained about letter by letter. */
export function longOptions(words: readonly string[]): { readonly [name: string]: string } {
  const known = Object.keys(COMMON_LONG).map(name => `--${name.replace('=', '')}`);
  return words.some(w => known.includes(w.split('=')[0])) ? COMMON_LONG : {};
}

interface Comparison {
  readonly strict: boolean;
  readonly say: (text: string) => void;
  readonly progress: Progress;
}

async function run(one: BlockNode, two: BlockNode, how: Comparison): Promise<boolean> {
  const common = Math.min(one.length, two.length);
  const total = Math.max(one.length, two.length);
  if (one.length !== two.length) {
    if (how.strict) {
      how.say('Strict mode: Image size mismatch!');
      return false;
    }
    how.say('Warning: Image size mismatch!');
  }
  for (let at = 0; at < common; ) {
    const length = Math.min(CHUNK, common - at);
    const a = await chainStatus(one, undefined, at, length);
    const b = await chainStatus(two, undefined, at, a.length);
    if (how.strict && (a.owner === undefined) !== (b.owner === undefined)) {
      how.say(`Strict mode: Offset ${at} allocation mismatch!`);
      return false;
    }
    const differs = await firstDifference(one, two, { at, length: b.length, a, b });
    if (differs !== undefined) {
      how.say(`Content mismatch at offset ${differs}!`);
      return false;
    }
    at += b.length;
    how.progress.update(at / total);
  }
  return tailIsZero(one.length > common ? one : two, common, how);
}

async function firstDifference(
  one: BlockNode,
  two: BlockNode,
  range: {
    readonly at: number;
    readonly length: number;
    readonly a: { readonly zero: boolean };
    readonly b: { readonly zero: boolean };
  },
): Promise<number | undefined> {
  if (range.a.zero && range.b.zero) return undefined;
  const first = await readOne(one, range, 3);
  const second = await readOne(two, range, 4);
  for (let i = 0; i < range.length; i += SECTOR) {
    const x = first.subarray(i, i + SECTOR);
    const y = second.subarray(i, i + SECTOR);
    if (!x.every((byte, k) => byte === y[k])) return range.at + i;
  }
  return undefined;
}

async function readOne(
  node: BlockNode,
  range: { readonly at: number; readonly length: number },
  status: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.length);
  try {
    await node.read(range.at, bytes);
  } catch (error) {
    const what = `Error while reading offset ${range.at} of ${node.filename}`;
    throw new Failure([`${what}: ${messageOf(error)}`], status);
  }
  return bytes;
}

/** The longer image must hold nothing where the shorter one has ended. */
async function tailIsZero(node: BlockNode, from: number, how: Comparison): Promise<boolean> {
  for (let at = from; at < node.length; ) {
    const extent = await chainStatus(node, undefined, at, Math.min(CHUNK, node.length - at));
    if (!extent.zero) {
      const bytes = await readOne(node, { at, length: extent.length }, 3);
      const sector = firstUsedSector(bytes);
      if (sector >= 0) {
        how.say(`Content mismatch at offset ${at + sector}!`);
        return false;
      }
    }
    at += extent.length;
  }
  return true;
}

function firstUsedSector(bytes: Uint8Array): number {
  if (isZero(bytes)) return -1;
  for (let i = 0; i < bytes.length; i += SECTOR) {
    if (!isZero(bytes.subarray(i, i + SECTOR))) return i;
  }
  return -1;
}
