/**
 * `info`: what is known about an image, or about each image of a chain.
 */

import type { Json } from '../../json.ts';
import { printJson } from '../../json-text.ts';
import { type ImageInfo, imageInfo, imageInfoText } from '../image-info.ts';
import { backingPath } from '../path.ts';
import type { SnapshotInfo } from '../snapshot-info.ts';
import { readSecrets } from './secret.ts';
import { Failure, open, readArguments, type Tool, usage } from './tool.ts';

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
    'object=': 'object',
    'image-opts': 'image-opts',
  },
};

export async function info(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments('info', words, TABLE);
  readSecrets(tool, given);
  const output = outputFormat(given.get('output'));
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const [path] = given.operands;
  const images = await collect(tool, path, {
    format: given.get('f'),
    chain: given.has('chain'),
    imageOptions: given.has('image-opts'),
  });
  if (output === 'human') {
    tool.host.out(images.map(i => imageInfoText(i, tool.context.host.localOffset)).join('\n'));
    return 0;
  }
  const values = images.map(imageJson);
  tool.host.out(`${printJson(given.has('chain') ? values : values[0], true)}\n`);
  return 0;
}

async function collect(
  tool: Tool,
  first: string,
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
    const { backingFilename, backingFormat } = node.details();
    const full = backingFilename && backingPath(node.filename, backingFilename);
    images.push(imageInfo(node, full === '' ? undefined : full));
    await node.close();
    path = how.chain && full !== '' ? full : undefined;
    format = backingFormat;
    imageOptions = false;
  }
  return images;
}

/** In the order of the schema; the printer sorts. */
export function imageJson(image: ImageInfo): Json {
  const { details } = image;
  const members: { [name: string]: Json } = {
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
  if (details.snapshots.length > 0) members['snapshots'] = details.snapshots.map(snapshotJson);
  if (details.specific !== undefined) {
    members['format-specific'] = { type: details.specific.type, data: details.specific.data };
  }
  return members;
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
