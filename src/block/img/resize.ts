/**
 * `resize`: makes an image larger, or a raw one smaller.
 */

import { errnoOf } from '../../errno.ts';
import { parseOptionSize } from '../../size.ts';
import { BlockError } from '../backend.ts';
import { SizeRefused } from '../node.ts';
import { readSecrets } from './secret.ts';
import { COMMON_LONG, close, Failure, open, readArguments, type Tool, usage } from './tool.ts';

export async function resize(tool: Tool, words: readonly string[]): Promise<number> {
  // The size comes last and may start with a minus sign: it is no option.
  if (words.length < 2) throw usage(tool, 'Not enough arguments');
  const sizeText = words[words.length - 1];
  const rest = words.slice(0, -1);
  const given = readArguments(tool, 'resize', rest, {
    short: 'f:hq',
    long: {},
    added: COMMON_LONG,
  });
  readSecrets(tool, given);
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const sign = /^[+-]/.test(sizeText) ? sizeText[0] : '';
  const size = parseOptionSize(sizeText.slice(sign.length));
  if (size === undefined) throw new Failure(["Parameter 'size' expects a size"]);
  const node = await open(tool, given.operands[0], {
    format: given.get('f'),
    imageOptions: given.has('image-opts'),
    writable: true,
    quiet: given.has('q'),
  });
  try {
    const step = { '+': 1, '-': -1, '': 0 }[sign] ?? 0;
    const total = step === 0 ? size : node.length + step * size;
    if (total <= 0) throw new Failure(['New image size must be positive']);
    await node.truncate(total);
    if (!given.has('q')) tool.host.out('Image resized.\n');
    return 0;
  } catch (error) {
    throw resizeFailure(error);
  } finally {
    await close(tool, node);
  }
}

function resizeFailure(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const lines = error instanceof SizeRefused ? [error.message] : [];
  if (!(error instanceof SizeRefused || error instanceof BlockError)) throw error;
  const { code } = error;
  if (code === 'ENOTSUP') lines.push('This image does not support resize');
  else if (code === 'EROFS' || code === 'EACCES') lines.push('Image is read-only');
  else lines.push(`Error resizing image (${errnoOf(code)})`);
  return new Failure(lines);
}
