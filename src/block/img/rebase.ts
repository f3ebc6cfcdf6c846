/**
 * `rebase`: gives an image another backing file. Unless it is told that both backing files hold
 * the same (-u), it first copies what differs between them into the image.
 */

import type { BlockHost } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import { chainStatus } from '../chain.ts';
import { DRIVERS } from '../drivers.ts';
import { openImage, READ_ONLY } from '../graph.ts';
import type { BlockNode } from '../node.ts';
import { setBacking } from '../operations.ts';
import { Options } from '../options.ts';
import { backingPath } from '../path.ts';
import { CHUNK, readPadded } from '../request.ts';
import { Progress, STEP_BYTES, Steps } from './progress.ts';
import { readSecrets } from './secret.ts';
import { isMadeOf } from './sources.ts';
import {
  askPassword,
  COMMON_LONG,
  close,
  Failure,
  messageOf,
  open,
  parseCache,
  readArguments,
  type Tool,
  usage,
} from './tool.ts';

export async function rebase(tool: Tool, words: readonly string[]): Promise<number> {
  const table = { short: 'hf:F:b:upt:T:q', long: {}, added: COMMON_LONG };
  const given = readArguments(tool, 'rebase', words, table);
  readSecrets(tool, given);
  const unsafe = given.has('u');
  const quiet = given.has('q');
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const target = given.get('b');
  if (!unsafe && target === undefined) {
    throw usage(tool, 'Must specify backing file (-b) or use unsafe mode (-u)');
  }
  const cache = parseCache(given.get('t') ?? 'writeback', 'cache');
  parseCache(given.get('T') ?? 'writeback', 'source cache');
  const node = await open(tool, given.operands[0], {
    format: given.get('f'),
    imageOptions: given.has('image-opts'),
    writable: true,
    cache,
    quiet,
    withoutBacking: unsafe,
  });
  const progress = new Progress(tool.host, given.has('p') && !quiet, 2);
  try {
    const format = given.get('F');
    checkFormats(unsafe ? [format] : [node.details().backingFormat, format]);
    if (!unsafe) await copyDifferences(tool, node, { target: target ?? '', format, progress });
    await storeBacking(node, target ?? '', format);
    progress.finish();
    return 0;
  } finally {
    progress.end();
    await close(tool, node);
  }
}

function checkFormats(names: readonly (string | undefined)[]): void {
  for (const name of names) {
    if (name === undefined || DRIVERS.some(d => d.name === name)) continue;
    throw new Failure([`Invalid format name: '${name}'`]);
  }
}

async function storeBacking(
  node: BlockNode,
  target: string,
  format: string | undefined,
): Promise<void> {
  try {
    await setBacking(node, target, format);
  } catch (error) {
    throw new Failure([`Could not change the backing file to '${target}': ${messageOf(error)}`]);
  }
}

interface Plan {
  readonly target: string;
  readonly format: string | undefined;
  readonly progress: Progress;
}

async function copyDifferences(tool: Tool, node: BlockNode, plan: Plan): Promise<void> {
  if (node.backing === undefined) {
    const why = "Could not open old backing file '': Could not open image: ";
    throw new Failure([`${why}No such file or directory`], 0);
  }
  const other = plan.target === '' ? undefined : await openNew(tool, node, plan);
  try {
    await copyAll(node, other, { progress: plan.progress, host: tool.context.host });
    await node.flush();
  } catch (error) {
    throw error instanceof Failure ? error : new Failure([messageOf(error)]);
  } finally {
    await other?.close();
  }
}

/** Where an image is stored. */
function fileOf(node: BlockNode): string {
  return node.file === undefined ? node.filename : fileOf(node.file);
}

async function openNew(tool: Tool, node: BlockNode, plan: Plan): Promise<BlockNode> {
  const options = new Options();
  if (plan.format !== undefined) options.set('driver', plan.format);
  const filename = backingPath(node.filename, plan.target);
  try {
    const { context } = tool;
    const other = await openImage({ filename, options, flags: READ_ONLY, context });
    if (isMadeOf(other, fileOf(node), context.host)) {
      await other.close();
      throw new UserError('it is, or is based on, the image itself');
    }
    await askPassword(tool, other, filename, {});
    return other;
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure([`Could not open new backing file '${plan.target}': ${messageOf(error)}`]);
  }
}

/** Where bytes come from is asked for so much at once. */
const QUESTION = 1024 ** 3;

/** Says what failed. */
async function told(what: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw new Failure([`${what}: ${messageOf(error)}`]);
  }
}

async function copyAll(
  node: BlockNode,
  other: BlockNode | undefined,
  plan: { readonly progress: Progress; readonly host: BlockHost },
): Promise<void> {
  const total = node.length;
  const step = Math.min(STEP_BYTES, total);
  const steps = new Steps(() => plan.progress.add(1 / Math.floor(total / step)));
  const before = new Uint8Array(CHUNK);
  const after = new Uint8Array(CHUNK);
  for (let at = 0; at < total; ) {
    const extent = await chainStatus(node, node.backing, at, Math.min(QUESTION, total - at));
    const ours = extent.owner !== undefined;
    const same = ours ? extent.length : await zeroInBoth(node.backing, other, at, extent.length);
    // Of what is not known to be the same, one piece at a time.
    const length = same > 0 ? same : Math.min(CHUNK - (at % CHUNK), extent.length);
    if (same === 0) {
      const a = before.subarray(0, length);
      const b = after.subarray(0, length);
      await told('error while reading from old backing file', readPadded(node.backing, at, a));
      await told('error while reading from new backing file', readPadded(other, at, b));
      const write = writeDifferences(node, at, { a, b, host: plan.host });
      await told('Error while writing to COW image', write);
    }
    at += length;
    if (ours) continue;
    steps.add(length);
    if (length === extent.length) steps.endExtent();
  }
}

/** Bytes from `offset` on that both backing files know to be zeros. */
async function zeroInBoth(
  old: BlockNode | undefined,
  other: BlockNode | undefined,
  offset: number,
  length: number,
): Promise<number> {
  let span = length;
  for (const node of [old, other]) {
    if (node === undefined) continue;
    const extent = await chainStatus(node, undefined, offset, span);
    if (!extent.zero) return 0;
    span = Math.min(span, extent.length);
  }
  return span;
}

const GRAIN = 65536;

async function writeDifferences(
  node: BlockNode,
  offset: number,
  of: { readonly a: Uint8Array; readonly b: Uint8Array; readonly host: BlockHost },
): Promise<void> {
  if (of.host.isEqual(of.a, of.b)) return;
  for (let i = 0; i < of.a.length; i += GRAIN) {
    const a = of.a.subarray(i, i + GRAIN);
    if (!of.host.isEqual(a, of.b.subarray(i, i + GRAIN))) await node.write(offset + i, a);
  }
}
