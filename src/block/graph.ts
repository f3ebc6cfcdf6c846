/**
 * Opening images: from a file name and options to a graph of nodes, the way QEMU 2.2 reads them.
 *
 * A name leads to a protocol (`file`, unless it starts with another one's prefix), a driver option
 * or the first bytes of the file to a format, the image's header or `backing.*` to backing images.
 * Not emulated: protocols over a network.
 */

import { UserError } from '../error.ts';
import { BlockError } from './backend.ts';
import { CACHE_MODES } from './cache-mode.ts';
import { refuseWhileRunning } from './crypto/policy.ts';
import type { BlockContext, Driver, OpenFlags, OpenRequest } from './driver.ts';
import { DRIVERS } from './drivers.ts';
import { foreignFormat } from './foreign.ts';
import type { BlockNode } from './node.ts';
import { absorbJsonFilename, isIdentifier, Options } from './options.ts';
import { backingPath, protocolPrefix } from './path.ts';
import { SharedNode } from './shared-node.ts';

const PROBE_BYTES = 512;
/** A chain as long as this is a mistake; each image in it costs an open file. */
const MAX_CHAIN = 200;
/** So many names of a long chain are told from either end. */
const SHOWN_NAMES = 4;

export interface OpenImage {
  readonly filename?: string;
  readonly options?: Options;
  readonly flags: OpenFlags;
  readonly context: BlockContext;
  readonly deviceName?: string;
  /** Names that nodes of this graph have been given. */
  readonly names?: Set<string>;
}

export function findDriver(name: string): Driver {
  const driver = DRIVERS.find(d => d.name === name);
  if (driver === undefined) throw new UserError(`Unknown driver '${name}'`);
  return driver;
}

/** Opens an image and, unless the flags say otherwise, its chain of backing files. */
export async function openImage(request: OpenImage): Promise<BlockNode> {
  return openNode({ ...request, names: request.names ?? new Set() }, []);
}

async function openNode(request: OpenImage, trail: readonly string[]): Promise<BlockNode> {
  const options = request.options ?? new Options();
  const filename = resolveFilename(request.filename, options);
  const driverName = options.take('driver');
  const named = driverName === undefined ? undefined : findDriver(driverName);
  const nodeName = takeNodeName(options, request);
  const deviceName = request.deviceName ?? '';
  if (named?.kind === 'protocol') {
    const node = await openProtocol(filename, options, request, named, true);
    node.nodeName = nodeName;
    return finish(node, named, options, deviceName);
  }
  const file = await openFileChild(filename, options, request, named?.name);
  try {
    const driver = named ?? (await probe(file, filename ?? file.filename));
    const probed = named === undefined && driver.name === 'raw';
    if (probed && !request.flags.readOnly) warnProbedRaw(file.filename, request.context);
    const shown = filename ?? file.filename;
    const open: OpenRequest = {
      ...request,
      filename: shown,
      options,
      deviceName,
      file,
      probed,
      openChild: child(options, request),
    };
    const node = await driver.open(open);
    node.nodeName = nodeName;
    if (request.flags.withoutBacking !== true) {
      const name = request.filename ?? shown;
      node.backing = await openBacking(node, options, request, [...trail, name]);
    }
    await finish(node, driver, options, deviceName);
    return await whilePermitted(node, request.context);
  } catch (error) {
    await file.close();
    // What cannot be read cannot be opened, whatever the format was looking for.
    if (error instanceof BlockError) throw new UserError(error.message);
    throw error;
  }
}

/** Asked last: what is wrong with an image and its backing files is said before. */
async function whilePermitted(node: BlockNode, context: BlockContext): Promise<BlockNode> {
  try {
    refuseWhileRunning(node, context);
    return node;
  } catch (error) {
    await node.close();
    throw error;
  }
}

/** A name that no other node and no drive has. */
function takeNodeName(options: Options, { context, names }: OpenImage): string | undefined {
  const name = options.take('node-name');
  if (name === undefined) return undefined;
  if (!isIdentifier(name)) throw new UserError('Invalid node name');
  const owner = context.whoseName?.(name);
  if (owner === 'device') {
    throw new UserError(`node-name=${name} is conflicting with a device id`);
  }
  if (owner === 'node' || names?.has(name)) throw new UserError('Duplicate node name');
  names?.add(name);
  return name;
}

function resolveFilename(given: string | undefined, options: Options): string | undefined {
  let filename = given;
  if (filename?.startsWith('json:')) {
    absorbJsonFilename(filename, options);
    filename = undefined;
  }
  const option = options.take('filename');
  if (filename !== undefined && option !== undefined) {
    throw new UserError("Can't specify 'file' and 'filename' options at the same time");
  }
  return filename ?? option;
}

async function openFileChild(
  filename: string | undefined,
  options: Options,
  request: OpenImage,
  format: string | undefined,
): Promise<BlockNode> {
  const what = format === undefined ? 'Must specify either driver or file' : '';
  const missing = what || 'A block device must be specified for "file"';
  return openNamed({ name: 'file', filename, missing }, options, request);
}

interface NamedChild {
  readonly name: string;
  readonly filename: string | undefined;
  /** What is said when there is nothing that names it. */
  readonly missing: string;
}

/** A protocol, unless the options name a format. */
async function openNamed(
  { name, filename, missing }: NamedChild,
  options: Options,
  request: OpenImage,
): Promise<BlockNode> {
  const child = options.takeChild(name);
  const reference = options.take(name);
  if (reference !== undefined) {
    if (child.size > 0 || filename !== undefined) {
      throw new UserError('Cannot reference an existing block device with additional options');
    }
    return shareNode(reference, request.context);
  }
  if (filename === undefined && child.size === 0) throw new UserError(missing);
  const resolved = resolveFilename(filename, child);
  const driverName = child.take('driver');
  const named = driverName === undefined ? undefined : findDriver(driverName);
  if (named !== undefined && named.kind === 'format') {
    if (resolved !== undefined) child.set('filename', resolved);
    child.set('driver', named.name);
    return openNode({ ...request, filename: undefined, options: child }, []);
  }
  const nodeName = takeNodeName(child, request);
  const node = await openProtocol(resolved, child, request, named);
  node.nodeName = nodeName;
  return finish(node, named ?? findDriver(node.driver), child, request.deviceName ?? '');
}

/** Another image's node: whoever names it becomes one of its owners. */
function shareNode(name: string, { findNode }: BlockContext): BlockNode {
  const node = findNode?.(name);
  if (node === undefined) throw new UserError(`Cannot find device=${name} nor node_name=${name}`);
  return new SharedNode(node);
}

async function openProtocol(
  filename: string | undefined,
  options: Options,
  request: OpenImage,
  named: Driver | undefined,
  isDisk = false,
): Promise<BlockNode> {
  const driver = named ?? protocolOf(filename);
  return driver.open({
    ...request,
    filename: filename ?? '',
    options,
    deviceName: request.deviceName ?? '',
    file: undefined,
    probed: false,
    isDisk,
    openChild: child(options, request),
  });
}

/** Opens what a filter stands on. */
function child(options: Options, request: OpenImage): OpenRequest['openChild'] {
  return async (name, filename) => {
    const missing = `A block device must be specified for "${name}"`;
    return openNamed({ name, filename, missing }, options, request);
  };
}

function protocolOf(filename: string | undefined): Driver {
  if (filename === undefined) {
    throw new UserError("The 'file' block driver requires a file name");
  }
  const prefix = protocolPrefix(filename);
  if (prefix === undefined) return findDriver('file');
  const driver = DRIVERS.find(d => d.kind === 'protocol' && d.name === prefix);
  if (driver === undefined) throw new UserError(`Unknown protocol '${prefix}'`);
  return driver;
}

/** Refuses options that no driver took. */
async function finish(
  node: BlockNode,
  driver: Driver,
  options: Options,
  deviceName: string,
): Promise<BlockNode> {
  const [left] = options.names();
  if (left === undefined) return node;
  await node.close();
  const kind = driver.kind === 'format' ? 'format' : 'protocol';
  throw new UserError(
    kind === 'protocol'
      ? `Block protocol '${driver.name}' doesn't support the option '${left}'`
      : `Block format '${driver.name}' used by device '${deviceName}' ` +
          `doesn't support the option '${left}'`,
  );
}

/** The format whose magic the file has; raw when none. */
async function probe(file: BlockNode, filename: string): Promise<Driver> {
  const head = new Uint8Array(PROBE_BYTES);
  const raw = findDriver('raw');
  if (file.length === 0) return raw;
  try {
    await file.read(0, head);
  } catch (error) {
    const why = error instanceof BlockError ? error.message : String(error);
    throw new UserError(`Could not read image for determining its format: ${why}`);
  }
  const driver = probeBytes(head, filename);
  const foreign = driver === raw ? foreignFormat(head) : undefined;
  if (foreign !== undefined) throw new UserError(`Unknown driver '${foreign}'`);
  return driver;
}

export function probeBytes(head: Uint8Array, filename: string): Driver {
  let best = findDriver('raw');
  let bestScore = 0;
  for (const driver of DRIVERS) {
    const score = driver.probe?.(head, filename) ?? 0;
    if (score > bestScore) [best, bestScore] = [driver, score];
  }
  return best;
}

function warnProbedRaw(filename: string, context: BlockContext): void {
  context.warn(
    `WARNING: Image format was not specified for '${filename}' and probing guessed raw.`,
  );
  context.warn(
    '         Automatically detecting the format is dangerous for raw images, ' +
      'write operations on block 0 will be restricted.',
  );
  context.warn("         Specify the 'raw' format explicitly to remove the restrictions.");
}

/** The file that an image is in, whatever filters stand between. */
function placeOf(node: BlockNode): string {
  let at = node;
  while (at.file !== undefined) at = at.file;
  return at.filename;
}

/** Names in their order; of very many, the first and the last ones. */
function chainText(names: readonly string[]): string {
  const quoted = names.map(name => `'${name}'`);
  if (quoted.length > 2 * SHOWN_NAMES)
    quoted.splice(SHOWN_NAMES, quoted.length - 2 * SHOWN_NAMES, '...');
  return quoted.join(' -> ');
}

/** For an image that was opened without: what its header names. */
export async function openBackingOf(
  node: BlockNode,
  { flags, context }: Pick<OpenImage, 'flags' | 'context'>,
): Promise<void> {
  const request = { flags, context, names: new Set<string>() };
  node.backing ??= await openBacking(node, new Options(), request, [node.filename]);
}

async function openBacking(
  node: BlockNode,
  options: Options,
  request: OpenImage,
  trail: readonly string[],
): Promise<BlockNode | undefined> {
  const child = options.takeChild('backing');
  const reference = options.take('backing');
  if (reference === '') return undefined;
  if (reference !== undefined) return shareNode(reference, request.context);
  const { backingFilename, backingFormat } = node.details();
  const stored = backingFilename === undefined || backingFilename === '';
  const overridden = child.has('file.filename') || child.has('filename');
  if (stored && child.size === 0) return undefined;
  const wanted =
    overridden || stored ? undefined : backingPath(placeOf(node), backingFilename ?? '');
  if (wanted !== undefined && backingFormat !== undefined && !child.has('driver')) {
    child.set('driver', backingFormat);
  }
  if (wanted !== undefined && (trail.includes(wanted) || trail.length >= MAX_CHAIN)) {
    const loop = chainText([...trail, wanted]);
    throw new UserError(`Could not open backing file: the chain of backing files loops: ${loop}`);
  }
  const { unmap: _, ...flags } = request.flags;
  try {
    return await openNode(
      {
        ...request,
        filename: wanted,
        options: child,
        flags: { ...flags, readOnly: true, forCheck: false },
        deviceName: '',
      },
      trail,
    );
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      `Could not open backing file: ${error.message}`,
      error.errorClass,
      error.hint,
    );
  }
}

/** Flags of a plain read-only look at an image. */
export const READ_ONLY: OpenFlags = { readOnly: true, cache: CACHE_MODES['writeback'] };
