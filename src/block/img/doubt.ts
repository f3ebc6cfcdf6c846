/**
 * A word of doubt when what an encrypted image decrypts to looks like noise: the formats cannot
 * tell a wrong password, but random bytes at the start of a disk can.
 */

import type { BlockNode } from '../node.ts';
import { isZero } from '../request.ts';
import type { Tool } from './tool.ts';

const SAMPLE = 4096;
/** Bits per byte; 4 KiB of random bytes have about 7.95. */
const NOISE = 7.8;

export async function doubtPassword(tool: Tool, node: BlockNode, path: string): Promise<void> {
  if (node.encryption === undefined || node.length < SAMPLE) return;
  const extent = await node.status(0, SAMPLE);
  if (!extent.allocated || extent.zero) return;
  const sample = new Uint8Array(SAMPLE);
  await node.read(0, sample);
  const bootable = sample[510] === 0x55 && sample[511] === 0xaa;
  if (bootable || isZero(sample) || entropy(sample) < NOISE) return;
  tool.host.err(
    `${tool.host.program}: warning: '${path}' does not look like a disk, ` +
      'the password may be wrong\n',
  );
}

function entropy(bytes: Uint8Array): number {
  const counts = new Uint32Array(256);
  for (const byte of bytes) counts[byte]++;
  let bits = 0;
  for (const count of counts) {
    if (count > 0) bits -= (count / bytes.length) * Math.log2(count / bytes.length);
  }
  return bits;
}
