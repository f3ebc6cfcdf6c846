/**
 * Making images of any format: for the tools, for snapshots and for the targets of jobs.
 */

import { HostError, type HostFile } from '../disk-host.ts';
import { UserError } from '../error.ts';
import { BlockError } from './backend.ts';
import { CACHE_MODES, type CacheMode } from './cache-mode.ts';
import { CREATE_OPTIONS, type CreateValues, optionsText } from './create-options.ts';
import type { BlockContext } from './driver.ts';
import { DRIVERS } from './drivers.ts';
import { createQcow } from './format/qcow-header.ts';
import {
  checkSettings,
  createQcow2,
  type Preallocation,
  preallocate,
} from './format/qcow2/create.ts';
import { stringToBytes } from './format/qcow2/layout.ts';
import { Qcow2Node } from './format/qcow2/node.ts';
import { findDriver, openImage, READ_ONLY } from './graph.ts';
import { Options } from './options.ts';
import { backingPath, protocolPrefix } from './path.ts';
import { FileNode } from './protocol/file.ts';
import { fillZeroes } from './request.ts';

const WRITEBACK = CACHE_MODES['writeback'];

/** Throws when there is no such format or it cannot make images. */
export function checkFormat(format: string, path: string): void {
  if (!DRIVERS.some(d => d.name === format)) {
    throw new UserError(`Unknown file format '${format}'`);
  }
  checkProtocol(path);
  if (CREATE_OPTIONS[format] === undefined) {
    throw new UserError(`Format driver '${format}' does not support image creation`);
  }
}

/** Images are made in files. */
export function checkProtocol(path: string): void {
  const prefix = protocolPrefix(path);
  if (prefix !== undefined && prefix !== 'file') {
    throw new UserError(`Unknown protocol '${prefix}'`);
  }
}

export interface CreateRequest {
  readonly path: string;
  readonly format: string;
  /** Checked by parseCreateOptions; `size` may be missing when there is a backing file. */
  readonly values: CreateValues;
  readonly context: BlockContext;
  /** Receives the "Formatting" line. */
  readonly print: (text: string) => void;
  readonly cache?: CacheMode;
}

/** Completes the options, prints the "Formatting" line and makes the image. */
export async function createImage(request: CreateRequest): Promise<void> {
  const { path, format, values } = request;
  checkFormat(format, path);
  const backing = values.get('backing_file');
  const { host } = request.context;
  if (
    backing !== undefined &&
    (backing === path || host.isSameFile(backingPath(path, backing), path))
  ) {
    throw new UserError(
      'Error: Trying to create an image with the same filename as the backing file',
    );
  }
  const backingFormat = values.get('backing_fmt');
  if (backingFormat !== undefined && !DRIVERS.some(d => d.name === backingFormat)) {
    throw new UserError(`Unknown backing file format '${backingFormat}'`);
  }
  // -1 is how the size says that nobody gave one.
  if ((values.get('size') ?? '-1') === '-1') {
    if (backing === undefined || backing === '') {
      throw new UserError('Image creation needs a size parameter');
    }
    values.set('size', String(await lengthOf(backingPath(path, backing), request)));
  }
  const known = CREATE_OPTIONS[format];
  request.print(`Formatting '${path}', fmt=${format}${optionsText(known, values)}\n`);
  await makeImage(request);
}

async function lengthOf(path: string, request: CreateRequest): Promise<number> {
  const options = new Options();
  const format = request.values.get('backing_fmt');
  if (format !== undefined) options.set('driver', format);
  const context: BlockContext = { ...request.context, encryptedImages: 'legacy' };
  const node = await openImage({
    filename: path,
    options,
    flags: { ...READ_ONLY, withoutBacking: true },
    context,
  });
  const { length } = node;
  await node.close();
  return length;
}

/** Makes the image, all options being known. Throws UserError. */
export async function makeImage(request: CreateRequest): Promise<void> {
  const { path, format, values } = request;
  findDriver(format);
  const plain = path.startsWith('file:') ? path.slice('file:'.length) : path;
  const checked = checkValues(format, values);
  // Before the file is touched: what is refused must leave an older image as it was.
  if (format === 'qcow2') checkSettings(checked);
  let handle: HostFile | undefined;
  let node: FileNode;
  try {
    handle = request.context.host.open(plain, 'create');
    // What cannot be made empty, a pipe or a device, is no file to make an image of.
    handle.truncate(0);
    node = new FileNode(path, handle, false, request.cache ?? WRITEBACK);
  } catch (error) {
    handle?.close();
    if (!(error instanceof HostError)) throw error;
    const what = handle === undefined ? 'create' : 'resize';
    throw new UserError(`Could not ${what} file: ${error.message}`);
  }
  try {
    await fill(node, format, checked, request);
  } finally {
    await node.close();
  }
}

interface Checked {
  readonly size: number;
  readonly version: 2 | 3;
  readonly clusterSize: number;
  readonly encrypted: boolean;
  readonly lazyRefcounts: boolean;
  readonly backingFile: string;
  readonly backingFormat: string | undefined;
  readonly preallocation: Preallocation;
}

function checkValues(format: string, values: CreateValues): Checked {
  const compat = values.get('compat') ?? '1.1';
  if (compat !== '0.10' && compat !== '1.1') {
    throw new UserError(`Invalid compatibility level: '${compat}'`);
  }
  const modes = format === 'qcow2' ? ['off', 'metadata', 'falloc', 'full'] : RAW_MODES;
  const preallocation = values.get('preallocation') ?? 'off';
  if (!modes.includes(preallocation)) {
    throw new UserError(`invalid parameter value: ${preallocation}`);
  }
  const backingFile = values.get('backing_file') ?? '';
  // An image with a longer one could not be opened.
  if (stringToBytes(backingFile).length > MAX_BACKING_NAME) {
    throw new UserError('Backing file name too long');
  }
  const size = Number(values.get('size') ?? 0);
  if (size < 0 || size >= 2 ** 63) {
    const what = format.startsWith('qcow') ? 'image' : 'file';
    throw new UserError(`Could not resize ${what}: File too large`);
  }
  if (backingFile !== '' && preallocation !== 'off' && format === 'qcow2') {
    throw new UserError('Backing file and preallocation cannot be used at the same time');
  }
  return {
    size,
    version: compat === '1.1' ? 3 : 2,
    clusterSize: Number(values.get('cluster_size') ?? 65536),
    encrypted: values.get('encryption') === 'on',
    lazyRefcounts: values.get('lazy_refcounts') === 'on',
    backingFile,
    backingFormat: values.get('backing_fmt'),
    preallocation: preallocation as Preallocation,
  };
}

const MAX_BACKING_NAME = 1023;
const RAW_MODES: readonly string[] = ['off', 'falloc', 'full'];

async function fill(
  node: FileNode,
  format: string,
  checked: Checked,
  request: CreateRequest,
): Promise<void> {
  if (format === 'qcow') return createQcow(node, checked);
  if (format === 'qcow2') {
    await createQcow2(node, checked);
    if (checked.preallocation !== 'off') await preallocateImage(request, checked.preallocation);
    return;
  }
  const length = Math.ceil(checked.size / 512) * 512;
  if (checked.preallocation === 'off') {
    try {
      return await node.truncate(length);
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      throw new UserError(`Could not resize file: ${error.message}`);
    }
  }
  await node.truncate(0);
  await fillZeroes(node, 0, length);
}

async function preallocateImage(request: CreateRequest, mode: Preallocation): Promise<void> {
  const node = await openImage({
    filename: request.path,
    options: new Options([['driver', 'qcow2']]),
    flags: { readOnly: false, cache: request.cache ?? WRITEBACK, withoutBacking: true },
    context: { ...request.context, encryptedImages: 'legacy' },
  });
  try {
    if (node instanceof Qcow2Node && node.length > 0) await preallocate(node, mode);
  } finally {
    await node.close();
  }
}
