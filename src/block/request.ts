/**
 * What all nodes share: padded reads, zero detection, copies, and a queue for changes of metadata.
 */

import { BlockError } from './backend.ts';
import type { BlockNode } from './node.ts';

/** The largest piece that copies and zero fills move at once. */
export const CHUNK = 2 * 1024 * 1024;

const DONE = Promise.resolve();

/** Reads, where `node` may be shorter than the question (or absent): the rest is zeros. */
export function readPadded(
  node: BlockNode | undefined,
  offset: number,
  into: Uint8Array,
): Promise<void> {
  const there = node === undefined ? 0 : Math.min(into.length, Math.max(0, node.length - offset));
  if (there < into.length) into.fill(0, there);
  if (node === undefined || there <= 0) return DONE;
  return node.read(offset, there < into.length ? into.subarray(0, there) : into);
}

/** Stores zeros the long way. */
export async function fillZeroes(node: BlockNode, offset: number, length: number): Promise<void> {
  const zeros = new Uint8Array(Math.min(length, CHUNK));
  for (let done = 0; done < length; done += zeros.length) {
    await node.write(offset + done, zeros.subarray(0, Math.min(zeros.length, length - done)));
  }
}

/** True when every byte is zero. */
export function isZero(bytes: Uint8Array): boolean {
  const head = Math.min(bytes.length, (4 - (bytes.byteOffset & 3)) & 3);
  for (let i = 0; i < head; i++) if (bytes[i] !== 0) return false;
  const count = (bytes.length - head) >>> 2;
  const words = new Int32Array(bytes.buffer, bytes.byteOffset + head, count);
  const whole = count - (count % 8);
  for (let i = 0; i < whole; i += 8) {
    const low = words[i] | words[i + 1] | words[i + 2] | words[i + 3];
    if ((low | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7]) !== 0) return false;
  }
  for (let i = whole; i < count; i++) if (words[i] !== 0) return false;
  for (let i = head + count * 4; i < bytes.length; i++) if (bytes[i] !== 0) return false;
  return true;
}

/** Lets one task at a time in, in order of arrival; at once when nobody is in. */
export class Mutex {
  /** Settles when the last task that came is done; undefined when all are. */
  private tail: Promise<void> | undefined;

  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.tail === undefined ? task() : this.tail.then(task);
    const leave = (): void => {
      if (this.tail === tail) this.tail = undefined;
    };
    const tail = result.then(leave, leave);
    this.tail = tail;
    return result;
  }
}

/** Only whole clusters are stored compressed, and what is left at the end of the disk. */
export function checkCompressed(
  image: { readonly clusterSize: number; readonly length: number },
  offset: number,
  length: number,
): void {
  const { clusterSize } = image;
  const isRest = length < clusterSize && offset + length === image.length;
  if (offset % clusterSize === 0 && (length === clusterSize || isRest)) return;
  throw new BlockError('EINVAL', 'Invalid argument');
}
