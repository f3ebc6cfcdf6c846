/**
 * `check`: looks for inconsistencies and repairs them. Exit status 0 clean, 1 the check failed,
 * 2 corruption, 3 leaks only, 63 the format knows no checks.
 */

import { fixed } from '../../fixed.ts';
import type { Json } from '../../json.ts';
import { printJson } from '../../json-text.ts';
import type { CheckResult, Repair } from '../check-result.ts';
import type { BlockNode } from '../node.ts';
import { checkImage } from '../operations.ts';
import { outputFormat } from './info.ts';
import { readSecrets } from './secret.ts';
import {
  ADDED_LONG,
  close,
  Failure,
  messageOf,
  open,
  parseCache,
  readArguments,
  type Tool,
  usage,
} from './tool.ts';

const TABLE = {
  short: 'hf:r:T:q',
  long: {
    help: 'h',
    'format=': 'f',
    'repair=': 'r',
    'output=': 'output',
  },
  added: ADDED_LONG,
};

function repairOf(tool: Tool, value: string | undefined): Repair {
  if (value === undefined) return 'none';
  if (value === 'leaks' || value === 'all') return value;
  throw usage(tool, `Unknown option value for -r (expecting 'leaks' or 'all'): ${value}`);
}

export async function check(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'check', words, TABLE);
  readSecrets(tool, given);
  const repair = repairOf(tool, given.get('r'));
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const output = outputFormat(given.get('output'));
  const [path] = given.operands;
  const cache = parseCache(given.get('T') ?? 'writeback', 'source cache');
  const quiet = given.has('q');
  const node = await open(tool, path, {
    format: given.get('f'),
    imageOptions: given.has('image-opts'),
    writable: repair !== 'none',
    forCheck: true,
    cache,
    quiet,
  });
  try {
    const print = (text: string): void => {
      if (!quiet || output === 'json') tool.host.out(text);
    };
    return await run(tool, node, { path, repair, output, print });
  } finally {
    await close(tool, node);
  }
}

interface Run {
  readonly path: string;
  readonly repair: Repair;
  readonly output: 'human' | 'json';
  readonly print: (text: string) => void;
}

async function run(tool: Tool, node: BlockNode, how: Run): Promise<number> {
  let result = await checkOnce(tool, node, how.repair);
  const { leaksFixed, corruptionsFixed } = result;
  if (leaksFixed > 0 || corruptionsFixed > 0) {
    if (how.output === 'human') {
      how.print(
        'The following inconsistencies were found and repaired:\n\n' +
          `    ${leaksFixed} leaked clusters\n    ${corruptionsFixed} corruptions\n\n` +
          'Double checking the fixed image now...\n',
      );
    }
    const again = await checkOnce(tool, node, 'none');
    result = { ...again, leaksFixed, corruptionsFixed };
  }
  how.print(how.output === 'human' ? humanText(result) : jsonText(result, how.path, node.driver));
  if (result.checkErrors > 0) return 1;
  if (result.corruptions > 0) return 2;
  return result.leaks > 0 ? 3 : 0;
}

/** There may be millions of lines: they are written many at a time, and never all kept. */
class Lines {
  private pending = '';

  constructor(private readonly write: (text: string) => void) {}

  add(line: string): void {
    this.pending += `${line}\n`;
    if (this.pending.length >= 16384) this.flush();
  }

  flush(): void {
    if (this.pending !== '') this.write(this.pending);
    this.pending = '';
  }
}

async function checkOnce(tool: Tool, node: BlockNode, repair: Repair): Promise<CheckResult> {
  let result: CheckResult | undefined;
  const lines = new Lines(text => tool.host.err(text));
  try {
    result = await checkImage(node, repair, line => lines.add(line));
  } catch (error) {
    throw new Failure([`Check failed: ${messageOf(error)}`]);
  } finally {
    lines.flush();
  }
  if (result === undefined) throw new Failure(['This image format does not support checks'], 63);
  if (result.failure !== undefined) throw new Failure([`Check failed: ${result.failure}`]);
  return result;
}

function humanText(result: CheckResult): string {
  const { corruptions, leaks, checkErrors } = result;
  let text = '';
  if (corruptions === 0 && leaks === 0 && checkErrors === 0) {
    text += 'No errors were found on the image.\n';
  }
  if (corruptions > 0) {
    text +=
      `\n${corruptions} errors were found on the image.\n` +
      'Data may be corrupted, or further writes to the image may corrupt it.\n';
  }
  if (leaks > 0) {
    text +=
      `\n${leaks} leaked clusters were found on the image.\n` +
      'This means waste of disk space, but no harm to data.\n';
  }
  const { allocatedClusters: allocated, totalClusters: total } = result;
  if (total !== 0 && allocated !== 0) {
    const percent = (part: number, whole: number): string => fixed((part * 100) / whole, 2);
    text +=
      `${allocated}/${total} = ${percent(allocated, total)}% allocated, ` +
      `${percent(result.fragmentedClusters, allocated)}% fragmented, ` +
      `${percent(result.compressedClusters, allocated)}% compressed clusters\n`;
  }
  if (result.imageEndOffset > 0) text += `Image end offset: ${result.imageEndOffset}\n`;
  return text;
}

function jsonText(result: CheckResult, filename: string, format: string): string {
  const members: { [name: string]: Json } = {
    filename,
    format,
    'check-errors': result.checkErrors,
  };
  const optional: readonly (readonly [string, number, number])[] = [
    ['image-end-offset', result.imageEndOffset, result.imageEndOffset],
    ['corruptions', result.corruptions, result.corruptions],
    ['leaks', result.leaks, result.leaks],
    ['corruptions-fixed', result.corruptionsFixed, result.corruptions + result.corruptionsFixed],
    ['leaks-fixed', result.leaksFixed, result.leaks + result.leaksFixed],
    ['total-clusters', result.totalClusters, result.totalClusters],
    ['allocated-clusters', result.allocatedClusters, result.allocatedClusters],
    ['fragmented-clusters', result.fragmentedClusters, result.fragmentedClusters],
    ['compressed-clusters', result.compressedClusters, result.compressedClusters],
  ];
  for (const [name, value, shown] of optional) if (shown !== 0) members[name] = value;
  return `${printJson(members, true)}\n`;
}
