/**
 * `convert`: copies one image, or several one after the other, into a new image.
 */

import { UserError } from '../../error.ts';
import { parseSize } from '../../size.ts';
import { CACHE_MODES } from '../cache-mode.ts';
import { checkProtocol, makeImage } from '../create.ts';
import {
  asksForHelp,
  CREATE_OPTIONS,
  type CreateValues,
  parseCreateOptions,
  splitOptions,
} from '../create-options.ts';
import { DRIVERS } from '../drivers.ts';
import { openImage, READ_ONLY } from '../graph.ts';
import type { BlockNode } from '../node.ts';
import { lookIntoSnapshot, type SnapshotKey, supportsCompression } from '../operations.ts';
import { Options } from '../options.ts';
import { backingPath } from '../path.ts';
import { copyImage } from './convert-copy.ts';
import { printOptionsHelp, refuseOldFlags } from './create.ts';
import { doubtPassword } from './doubt.ts';
import { Progress } from './progress.ts';
import { readSecrets } from './secret.ts';
import { Sources } from './sources.ts';
import {
  type Arguments,
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

const DEFAULT_SPARSE = 4096;

export async function convert(tool: Tool, words: readonly string[]): Promise<number> {
  const table = { short: 'hf:O:B:ce6o:s:l:S:pt:T:qn', long: {}, added: COMMON_LONG };
  const given = readArguments(tool, 'convert', words, table);
  refuseOldFlags(option => given.has(option));
  readSecrets(tool, given);
  const format = given.get('O') ?? 'raw';
  const sparse = sparseSize(given.get('S'));
  if (given.all('o').some(asksForHelp)) return printOptionsHelp(tool, format);
  if (given.operands.length < 2) throw usage(tool, 'Must specify image file name');
  const quiet = given.has('q');
  const target = given.operands[given.operands.length - 1];
  const sources = await openSources(tool, given, quiet);
  try {
    await run(tool, { given, format, target, sources, quiet, sparse });
    return 0;
  } finally {
    await sources.close();
  }
}

function sparseSize(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SPARSE;
  const size = parseSize(text);
  if (size === undefined || size.rest !== '') {
    throw new Failure(['Invalid minimum zero buffer size for sparse output specified']);
  }
  return Math.floor(size.bytes / 512) * 512;
}

interface Plan {
  readonly given: Arguments;
  readonly format: string;
  readonly target: string;
  readonly sources: Sources;
  readonly quiet: boolean;
  readonly sparse: number;
}

async function openSources(tool: Tool, given: Arguments, quiet: boolean): Promise<Sources> {
  const cache = parseCache(given.get('T') ?? 'writeback', 'source cache');
  const opened: BlockNode[] = [];
  try {
    for (const path of given.operands.slice(0, -1)) {
      const how = { format: given.get('f'), imageOptions: given.has('image-opts'), cache, quiet };
      const node = await open(tool, path, how);
      opened.push(node);
      await doubtPassword(tool, node, path);
    }
    const key = snapshotKey(given);
    if (key !== undefined) await pickSnapshot(opened, key);
    return new Sources(opened);
  } catch (error) {
    for (const node of opened) await node.close();
    throw error;
  }
}

function snapshotKey(given: Arguments): SnapshotKey | undefined {
  const either = given.get('l') ?? given.get('s');
  if (either === undefined || !given.get('l')?.startsWith('snapshot.')) {
    return either === undefined ? undefined : { either };
  }
  const key: { id?: string; name?: string } = {};
  for (const [name, value] of splitOptions(either)) {
    if (name === 'snapshot.id') key.id = value ?? '';
    else if (name === 'snapshot.name') key.name = value ?? '';
    else throw new Failure([`Invalid parameter '${name}'`, badSnapshot(either)]);
  }
  return key;
}

const badSnapshot = (text: string): string => `Failed in parsing snapshot param '${text}'`;

async function pickSnapshot(sources: readonly BlockNode[], key: SnapshotKey): Promise<void> {
  if (sources.length > 1) throw new Failure(['No support for concatenating multiple snapshot']);
  try {
    await lookIntoSnapshot(sources[0], key);
  } catch (error) {
    throw new Failure([`Failed to load snapshot: ${messageOf(error)}`]);
  }
}

async function run(tool: Tool, plan: Plan): Promise<void> {
  const { given, format, target, sources } = plan;
  const values = targetOptions(plan);
  try {
    checkProtocol(target);
  } catch (error) {
    throw new Failure([messageOf(error)]);
  }
  if (sources.reads(target, tool.context.host)) {
    const why = 'Failed to get "write" lock: the source is read from it';
    throw new Failure([`${target}: error while converting ${format}: ${why}`]);
  }
  values.set('size', String(sources.length));
  const compress = given.has('c');
  checkCompression(compress, format, values);
  const name = given.get('t');
  const cache = name === undefined ? CACHE_MODES['unsafe'] : parseCache(name, 'cache');
  if (!given.has('n')) {
    try {
      const { context } = tool;
      await checkBacking(tool, target, values);
      await makeImage({ path: target, format, values, context, cache, print: () => {} });
    } catch (error) {
      throw new Failure([`${target}: error while converting ${format}: ${messageOf(error)}`]);
    }
  }
  const out = await open(tool, target, { format, writable: true, cache, prompt: false });
  try {
    await askPassword(tool, out, target, { quiet: plan.quiet, secret: secretOf(given) });
    if (given.has('n') && out.length < sources.length) {
      throw new Failure(['output file is smaller than input file']);
    }
    await copyAll(tool, plan, out, values.get('backing_file') !== undefined);
  } finally {
    await close(tool, out);
  }
}

/** A target that could not be opened afterwards is not made: it may replace an older image. */
async function checkBacking(tool: Tool, target: string, values: CreateValues): Promise<void> {
  const name = values.get('backing_file') ?? '';
  if (name === '') return;
  const options = new Options();
  const format = values.get('backing_fmt');
  if (format !== undefined) options.set('driver', format);
  const { context } = tool;
  const filename = backingPath(target, name);
  if (context.host.isSameFile(filename, target)) {
    throw new UserError('Trying to create an image with the same filename as the backing file');
  }
  try {
    await (await openImage({ filename, options, flags: READ_ONLY, context })).close();
  } catch (error) {
    throw new UserError(`Could not open backing file: ${messageOf(error)}`);
  }
}

async function copyAll(tool: Tool, plan: Plan, out: BlockNode, stands: boolean): Promise<void> {
  const { given, sources, quiet, sparse } = plan;
  const visible = given.has('p') && !quiet;
  const progress = new Progress(tool.host, visible);
  try {
    await copyImage(sources, out, {
      compress: given.has('c'),
      sparse,
      targetIsZero: !given.has('n') && !stands,
      topOnly: stands,
      isZero: (bytes, start, end) => tool.context.host.isZero(bytes, start, end),
      progress: (done, total) => progress.reached(done, total),
      countsFirst: visible,
    });
    await out.flush();
    progress.finish();
  } finally {
    progress.end();
  }
}

/** `--object secret` with one id serves the target, too. */
function secretOf(given: Arguments): string | undefined {
  const text = given.all('o').flatMap(splitOptions);
  return new Map(text).get('encrypt.key-secret');
}

function targetOptions(plan: Plan): CreateValues {
  const { given, format, target } = plan;
  const known = CREATE_OPTIONS[format];
  if (!DRIVERS.some(d => d.name === format)) {
    throw new Failure([`Unknown file format '${format}'`]);
  }
  if (known === undefined) {
    throw new Failure([`Format driver '${format}' does not support image creation`]);
  }
  let values: CreateValues;
  try {
    values = parseCreateOptions(known, given.all('o').map(withoutSecret));
  } catch (error) {
    throw new Failure([messageOf(error), `Invalid options for file format '${format}'.`]);
  }
  const base = given.get('B');
  if (base !== undefined) {
    if (!known.some(o => o.name === 'backing_file')) {
      throw new Failure([`${target}: Backing file not supported for file format '${format}'`]);
    }
    values.set('backing_file', base);
  }
  return values;
}

function withoutSecret(text: string): string {
  return splitOptions(text)
    .filter(([name]) => name !== 'encrypt.key-secret')
    .map(([name, value]) => (value === undefined ? name : `${name}=${value.replaceAll(',', ',,')}`))
    .join(',');
}

function checkCompression(compress: boolean, format: string, values: CreateValues): void {
  if (!compress) return;
  if (!supportsCompression(format)) {
    throw new Failure(['Compression not supported for this file format']);
  }
  if (values.get('encryption') === 'on') {
    throw new Failure(['Compression and encryption not supported at the same time']);
  }
  const preallocation = values.get('preallocation') ?? 'off';
  if (preallocation !== 'off') {
    throw new Failure(['Compression and preallocation not supported at the same time']);
  }
}
