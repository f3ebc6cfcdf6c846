/**
 * `amend`: changes the options that an image was created with.
 */

import type { CreateValues } from '../create-options.ts';
import {
  AMEND_OPTIONS,
  asksForHelp,
  CREATE_OPTIONS,
  optionsHelp,
  parseCreateOptions,
} from '../create-options.ts';
import { type Amendments, amendQcow2 } from '../format/qcow2/amend.ts';
import { Qcow2Node } from '../format/qcow2/node.ts';
import { type BlockNode, SizeRefused } from '../node.ts';
import { Progress } from './progress.ts';
import { readSecrets } from './secret.ts';
import {
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

export async function amend(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'amend', words, {
    short: 'ho:f:t:pq',
    long: {},
    added: COMMON_LONG,
  });
  readSecrets(tool, given);
  const texts = given.all('o');
  if (texts.length === 0) throw usage(tool, 'Must specify options (-o)');
  const format = given.get('f');
  if (format !== undefined && texts.some(asksForHelp)) {
    tool.host.out(optionsHelp(AMEND_OPTIONS[format] ?? CREATE_OPTIONS[format] ?? []));
    return 0;
  }
  const quiet = given.has('q');
  const cache = parseCache(given.get('t') ?? 'writeback', 'cache');
  if (given.operands.length !== 1) throw new Failure(['Expecting one image file name']);
  const node = await open(tool, given.operands[0], {
    format,
    imageOptions: given.has('image-opts'),
    writable: true,
    cache,
    quiet,
  });
  const progress = new Progress(tool.host, given.has('p') && !quiet);
  try {
    if (texts.some(asksForHelp)) {
      tool.host.out(optionsHelp(AMEND_OPTIONS[node.driver] ?? []));
      return 0;
    }
    await run(node, texts, progress);
    progress.finish();
    return 0;
  } finally {
    progress.end();
    await close(tool, node);
  }
}

const NOT_SUPPORTED = 'Error while amending options: Operation not supported';

async function run(node: BlockNode, texts: readonly string[], progress: Progress): Promise<void> {
  if (!(node instanceof Qcow2Node)) throw new Failure([NOT_SUPPORTED]);
  let values: CreateValues;
  try {
    values = parseCreateOptions(AMEND_OPTIONS['qcow2'], texts);
  } catch (error) {
    throw new Failure([messageOf(error), "Invalid options for file format 'qcow2'"]);
  }
  const wanted = amendments(node, values);
  try {
    await amendQcow2(node, wanted, (done, total) => progress.reached(done, total));
  } catch (error) {
    const refused = error instanceof SizeRefused;
    const why = refused ? error.kind : messageOf(error);
    const before = refused ? [error.message] : [];
    throw new Failure([...before, `Error while amending options: ${why}`]);
  }
}

/** Refuses what cannot change; such lines come without the program's name. */
function amendments(node: Qcow2Node, values: CreateValues): Amendments {
  const refuse = (line: string): Failure => new Failure([`\n${line}`, NOT_SUPPORTED]);
  const { header, clusterSize } = node.metadata;
  const compat = values.get('compat');
  if (compat !== undefined && compat !== '0.10' && compat !== '1.1') {
    throw new Failure([
      `\nUnknown compatibility level ${compat}.`,
      'Error while amending options: Invalid argument',
    ]);
  }
  if (values.has('preallocation')) throw refuse('Cannot change preallocation mode.');
  const encryption = values.get('encryption');
  if (encryption !== undefined && (encryption === 'on') !== header.encrypted) {
    throw refuse('Changing the encryption flag is not supported.');
  }
  const size = values.get('cluster_size');
  if (size !== undefined && Number(size) !== clusterSize) {
    throw refuse('Changing the cluster size is not supported.');
  }
  const lazy = values.get('lazy_refcounts');
  const total = values.get('size');
  return {
    version: compat === undefined ? undefined : compat === '1.1' ? 3 : 2,
    lazyRefcounts: lazy === undefined ? undefined : lazy === 'on',
    backingFile: values.get('backing_file'),
    backingFormat: values.get('backing_fmt'),
    size: total === undefined ? undefined : Number(total),
  };
}
