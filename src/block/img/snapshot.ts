/**
 * `snapshot`: lists, takes, applies and deletes the snapshots inside an image.
 */

import { errnoOf } from '../../errno.ts';
import { BlockError } from '../backend.ts';
import { Pieces, printSnapshots } from '../image-info.ts';
import type { BlockNode } from '../node.ts';
import { applySnapshot, createSnapshot, deleteSnapshot } from '../operations.ts';
import { readSecrets } from './secret.ts';
import {
  COMMON_LONG,
  close,
  Failure,
  messageOf,
  open,
  readArguments,
  type Tool,
  usage,
} from './tool.ts';

export async function snapshot(tool: Tool, words: readonly string[]): Promise<number> {
  const table = { short: 'la:c:d:hq', long: {}, added: COMMON_LONG };
  const given = readArguments(tool, 'snapshot', words, table);
  readSecrets(tool, given);
  const actions = ['l', 'a', 'c', 'd'].flatMap(letter => given.all(letter).map(() => letter));
  if (actions.length > 1) throw usage(tool, "Cannot mix '-l', '-a', '-c', '-d'");
  const action = actions[0];
  if (given.operands.length !== 1) throw usage(tool, 'Expecting one image file name');
  const node = await open(tool, given.operands[0], {
    format: undefined,
    imageOptions: given.has('image-opts'),
    writable: action !== 'l',
    quiet: given.has('q'),
  });
  try {
    if (action !== undefined) await act(tool, node, action, given.get(action) ?? '');
    return 0;
  } finally {
    await close(tool, node);
  }
}

async function act(tool: Tool, node: BlockNode, action: string, name: string): Promise<void> {
  switch (action) {
    case 'l':
      return list(tool, node);
    case 'c': {
      const date = tool.context.host.now();
      return orFail('create', name, createSnapshot(node, { name, date }));
    }
    case 'a':
      return orFail('apply', name, applySnapshot(node, name));
    default:
      return orFail('delete', name, deleteSnapshot(node, name));
  }
}

async function orFail(verb: string, name: string, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const message = messageOf(error);
    const code = error instanceof BlockError ? error.code : 'EINVAL';
    if (verb === 'delete' && code === 'ENOENT') {
      throw new Failure([`Could not delete snapshot '${name}': (Can't find the snapshot)`]);
    }
    const number = errnoOf(code);
    const why = verb === 'delete' ? `(${message})` : `-${number} (${message})`;
    throw new Failure([`Could not ${verb} snapshot '${name}': ${why}`]);
  }
}

async function list(tool: Tool, node: BlockNode): Promise<void> {
  const pieces = new Pieces(tool.host.out);
  await printSnapshots(node.details().snapshots, tool.context.host.localOffset, pieces);
  pieces.end();
}
