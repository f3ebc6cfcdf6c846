/**
 * `map`: which bytes of which file hold what the guest sees.
 */

import { prefixedHex } from '../../fixed.ts';
import { chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';
import { isCompressed } from '../operations.ts';
import { outputFormat } from './info.ts';
import { readSecrets } from './secret.ts';
import { ADDED_LONG, Failure, messageOf, open, readArguments, type Tool, usage } from './tool.ts';

interface Entry {
  start: number;
  length: number;
  readonly depth: number;
  zero: boolean;
  readonly data: boolean;
  readonly offset: number | undefined;
  readonly file: string;
}

const TABLE = {
  short: 'f:h',
  long: {
    help: 'h',
    'format=': 'f',
    'output=': 'output',
  },
  added: ADDED_LONG,
};

export async function map(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'map', words, TABLE);
  readSecrets(tool, given);
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const output = outputFormat(given.get('output'));
  const node = await open(tool, given.operands[0], {
    format: given.get('f'),
    imageOptions: given.has('image-opts'),
  });
  try {
    const human = output === 'human';
    if (human) {
      tool.host.out(`${'Offset'.padEnd(16)}${'Length'.padEnd(16)}${'Mapped to'.padEnd(16)}File\n`);
    }
    let first = true;
    for await (const entry of entries(node)) {
      if (human) printHuman(tool, entry);
      else tool.host.out(`${first ? '[' : ',\n'}${jsonEntry(entry)}`);
      first = false;
    }
    if (!human) tool.host.out(']\n');
    return 0;
  } catch (error) {
    throw error instanceof Failure
      ? error
      : new Failure([`Failed to read image metadata: ${messageOf(error)}`]);
  } finally {
    await node.close();
  }
}

async function* entries(node: BlockNode): AsyncGenerator<Entry> {
  let pending: Entry | undefined;
  for (let at = 0; at < node.length; ) {
    const next = await entryAt(node, at);
    if (pending !== undefined && continues(pending, next)) pending.length += next.length;
    else {
      if (pending !== undefined) yield pending;
      pending = next;
    }
    at += next.length;
  }
  yield pending ?? NOTHING;
}

/** What a disk without any bytes is made of. */
const NOTHING: Entry = {
  start: 0,
  length: 0,
  depth: 0,
  zero: false,
  data: false,
  offset: undefined,
  file: '',
};

const SECTOR = 512;
const QUESTION = 1024 ** 3;

async function entryAt(node: BlockNode, start: number): Promise<Entry> {
  const length = Math.min(QUESTION, node.length - start);
  const extent = await chainStatus(node, undefined, start, length);
  const owner = extent.owner ?? node;
  const data = extent.owner !== undefined && !extent.zero;
  const inCompressed = data && (await isCompressed(owner, start));
  const offset = inCompressed ? undefined : extent.offset;
  const { depth } = extent;
  // One shape for all, without copies of it: large empty images have a million of them.
  const entry: Entry = {
    start,
    length: extent.length,
    depth,
    zero: extent.zero,
    data,
    offset,
    file: owner.filename,
  };
  if (!data || offset === undefined || owner.file === undefined) return entry;
  // What an image holds as data may be a hole of its file, which may end within a sector.
  const below = await owner.file.status(offset, extent.length);
  const end = Math.ceil(below.length / SECTOR) * SECTOR;
  entry.length = Math.min(extent.length, end);
  entry.zero = below.zero;
  return entry;
}

function continues(a: Entry, b: Entry): boolean {
  const inLine = a.offset === undefined ? b.offset === undefined : a.offset + a.length === b.offset;
  return a.zero === b.zero && a.data === b.data && a.depth === b.depth && inLine;
}

function printHuman(tool: Tool, entry: Entry): void {
  if (!entry.data || entry.zero) return;
  if (entry.offset === undefined) {
    throw new Failure(['File contains external, encrypted or compressed clusters.']);
  }
  const columns = [entry.start, entry.length, entry.offset].map(v => prefixedHex(v).padEnd(16));
  tool.host.out(`${columns.join('')}${entry.file}\n`);
}

function jsonEntry(entry: Entry): string {
  const place = entry.offset === undefined ? '' : `, "offset": ${entry.offset}`;
  return (
    `{ "start": ${entry.start}, "length": ${entry.length}, "depth": ${entry.depth}, ` +
    `"zero": ${entry.zero}, "data": ${entry.data}${place}}`
  );
}
