/**
 * `info`: what is known about an image, or about each image of a chain.
 */

import type { Json } from '../../json.ts';
import {
  JsonItems,
  type StreamedJson,
  type StreamedObject,
  streamJson,
} from '../../json-stream.ts';
import { type ImageInfo, imageInfo, Pieces, printImageInfo } from '../image-info.ts';
import type { BlockNode } from '../node.ts';
import { backingPath } from '../path.ts';
import type { SnapshotInfo, SnapshotList } from '../snapshot-info.ts';
import { readSecrets } from './secret.ts';
import { ADDED_LONG, Failure, open, readArguments, type Tool, usage } from './tool.ts';

/** `human` or `json`. */
export function outputFormat(value: string | undefined): 'human' | 'json' {
  if (value === undefined || value === 'human') return 'human';
  if (value === 'json') return 'json';
  throw new Failure(['--output must be used with human or json as argument.']);
}

const TABLE = {
  short: 'f:h',
  long: {
    help: 'h',
    'format=': 'f',
    'output=': 'output',
    'backing-chain': 'chain',
  },
  added: ADDED_LONG,
};

export async function info(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'info', words, TABLE);
  readSecrets(tool, given);
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const output = outputFormat(given.get('output'));
  const [path] = given.operands;
  const left: BlockNode[] = [];
  const pieces = new Pieces(tool.host.out);
  try {
    const images = await collect(tool, path, left, {
      format: given.get('f'),
      chain: given.has('chain'),
      imageOptions: given.has('image-opts'),
    });
    if (output === 'human') await printText(tool, images, pieces);
    else await printAsJson(images, given.has('chain'), pieces);
  } finally {
    for (const node of left) await node.close();
  }
  pieces.end();
  return 0;
}

async function printText(tool: Tool, images: readonly ImageInfo[], pieces: Pieces): Promise<void> {
  for (const [index, image] of images.entries()) {
    if (index > 0) pieces.add('\n');
    await printImageInfo(image, tool.context.host.localOffset, pieces);
  }
}

async function printAsJson(
  images: readonly ImageInfo[],
  isChain: boolean,
  pieces: Pieces,
): Promise<void> {
  const values = images.map(imageJson);
  await streamJson(isChain ? values : values[0], text => pieces.add(text));
  pieces.add('\n');
}

/** Images that have more to tell are left open, in `opened`. */
async function collect(
  tool: Tool,
  first: string,
  opened: BlockNode[],
  how: {
    readonly format: string | undefined;
    readonly chain: boolean;
    readonly imageOptions: boolean;
  },
): Promise<ImageInfo[]> {
  const images: ImageInfo[] = [];
  const seen = new Set<string>();
  let path: string | undefined = first;
  let { format, imageOptions } = how;
  while (path !== undefined) {
    if (seen.has(path)) {
      throw new Failure([`Backing file '${path}' creates an infinite loop.`]);
    }
    seen.add(path);
    const node = await open(tool, path, {
      format,
      imageOptions,
      withoutBacking: true,
      prompt: false,
    });
    opened.push(node);
    const { backingFilename, backingFormat, snapshots } = node.details();
    const full = backingFilename && backingPath(node.filename, backingFilename);
    images.push(imageInfo(node, full === '' ? undefined : full));
    if (snapshots.count === 0) await opened.pop()?.close();
    path = how.chain && full !== '' ? full : undefined;
    format = backingFormat;
    imageOptions = false;
  }
  return images;
}

/** In the order of the schema; the printer sorts. */
function imageJson(image: ImageInfo): StreamedObject {
  const { details } = image;
  const members: { [name: string]: StreamedJson } = {
    filename: image.filename,
    format: image.format,
    'dirty-flag': details.dirty,
  };
  if (image.actualSize !== undefined) members['actual-size'] = image.actualSize;
  members['virtual-size'] = image.virtualSize;
  if (details.clusterSize !== undefined) members['cluster-size'] = details.clusterSize;
  if (details.encrypted) members['encrypted'] = true;
  if (details.backingFilename !== undefined) {
    members['backing-filename'] = details.backingFilename;
    if (image.fullBackingFilename !== undefined) {
      members['full-backing-filename'] = image.fullBackingFilename;
    }
    if (details.backingFormat !== undefined) {
      members['backing-filename-format'] = details.backingFormat;
    }
  }
  if (details.snapshots.count > 0) {
    members['snapshots'] = new JsonItems(snapshotItems(details.snapshots));
  }
  if (details.specific !== undefined) {
    members['format-specific'] = { type: details.specific.type, data: details.specific.data };
  }
  return members;
}

async function* snapshotItems(snapshots: SnapshotList): AsyncGenerator<Json> {
  for await (const snapshot of snapshots) yield snapshotJson(snapshot);
}

function snapshotJson(snapshot: SnapshotInfo): Json {
  return {
    id: snapshot.id,
    name: snapshot.name,
    'vm-state-size': snapshot.vmStateSize,
    'date-sec': snapshot.dateSeconds,
    'date-nsec': snapshot.dateNanoseconds,
    'vm-clock-sec': Math.floor(snapshot.vmClockNs / 1e9),
    'vm-clock-nsec': snapshot.vmClockNs % 1e9,
  };
}
