/**
 * `commit`: moves what an image holds into a backing file.
 */

import { findInChain, makeWritable } from '../chain.ts';
import { commitInto } from '../commit.ts';
import { makeEmpty } from '../operations.ts';
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

export async function commit(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'commit', words, {
    short: 'f:ht:b:dpq',
    long: {},
    added: COMMON_LONG,
  });
  readSecrets(tool, given);
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const cache = parseCache(given.get('t') ?? 'writeback', 'cache');
  const quiet = given.has('q');
  const baseName = given.get('b');
  const top = await open(tool, given.operands[0], {
    format: given.get('f'),
    imageOptions: given.has('image-opts'),
    writable: true,
    cache,
    quiet,
  });
  const progress = new Progress(tool.host, given.has('p') && !quiet);
  try {
    if (top.backing === undefined) throw new Failure(['Image does not have a backing file']);
    const found = baseName === undefined ? top.backing : findInChain(top, baseName);
    if (found === undefined) throw new Failure([`Base '${baseName}' not found`]);
    const base = await makeWritable(top, found, tool.context);
    await commitInto(top, base, (done, total) => progress.reached(done, total));
    progress.finish();
    if (baseName === undefined && !given.has('d')) await makeEmpty(top);
    await top.flush();
    progress.end();
    if (!quiet) tool.host.out('Image committed.\n');
    return 0;
  } catch (error) {
    throw error instanceof Failure ? error : new Failure([messageOf(error)]);
  } finally {
    progress.end();
    await close(tool, top);
  }
}
