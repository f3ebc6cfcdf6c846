/**
 * The legacy encryption of qcow and qcow2: AES-128-CBC over each 512-byte sector by itself.
 *
 * The key is the first 16 bytes of the password, zero-padded; the IV is the guest's sector number,
 * little endian. A pure codec over a cipher that knows single blocks only: decrypting is one call
 * and one XOR over everything; encrypting goes block by block through all sectors at once, the
 * n-th block of every sector in one call, since only blocks of one sector depend on each other.
 */

import type { BlockCipher } from '../../disk-host.ts';

export const SECTOR = 512;
const BLOCK = 16;
const BLOCKS_PER_SECTOR = SECTOR / BLOCK;
const WORDS_PER_SECTOR = SECTOR / 4;

/** The 16 bytes that a password stands for. */
export function keyOf(password: Uint8Array): Uint8Array {
  const key = new Uint8Array(BLOCK);
  key.set(password.subarray(0, BLOCK));
  return key;
}

/** A copy whose words can be viewed as 32-bit integers, or the bytes themselves. */
function words(bytes: Uint8Array): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : new Uint8Array(bytes);
  return new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

/** Decrypts whole sectors in place; `firstSector` counts in the guest's disk. */
export function decryptSectors(cipher: BlockCipher, firstSector: number, bytes: Uint8Array): void {
  const stored = words(new Uint8Array(bytes));
  const plain = words(cipher.decrypt(bytes));
  const result = bytes.byteOffset % 4 === 0 ? words(bytes) : new Int32Array(stored.length);
  const sectors = bytes.length / SECTOR;
  for (let s = 0; s < sectors; s++) {
    const at = s * WORDS_PER_SECTOR;
    const number = firstSector + s;
    result[at] = plain[at] ^ number;
    result[at + 1] = plain[at + 1] ^ Math.floor(number / 0x1_0000_0000);
    result[at + 2] = plain[at + 2];
    result[at + 3] = plain[at + 3];
    for (let i = at + 4; i < at + WORDS_PER_SECTOR; i++) result[i] = plain[i] ^ stored[i - 4];
  }
  if (bytes.byteOffset % 4 !== 0) bytes.set(new Uint8Array(result.buffer));
}

/** Encrypts whole sectors; the argument is left as it is. */
export function encryptSectors(
  cipher: BlockCipher,
  firstSector: number,
  bytes: Uint8Array,
): Uint8Array {
  const sectors = bytes.length / SECTOR;
  const plain = words(bytes);
  const result = new Int32Array(plain.length);
  const batch = new Int32Array(sectors * 4);
  const batchBytes = new Uint8Array(batch.buffer);
  for (let s = 0; s < sectors; s++) {
    const number = firstSector + s;
    batch[s * 4] = number;
    batch[s * 4 + 1] = Math.floor(number / 0x1_0000_0000);
  }
  for (let block = 0; block < BLOCKS_PER_SECTOR; block++) {
    for (let s = 0; s < sectors; s++) {
      const from = s * WORDS_PER_SECTOR + block * 4;
      const to = s * 4;
      batch[to] ^= plain[from];
      batch[to + 1] ^= plain[from + 1];
      batch[to + 2] ^= plain[from + 2];
      batch[to + 3] ^= plain[from + 3];
    }
    batchBytes.set(cipher.encrypt(batchBytes));
    for (let s = 0; s < sectors; s++) {
      const to = s * WORDS_PER_SECTOR + block * 4;
      const from = s * 4;
      result[to] = batch[from];
      result[to + 1] = batch[from + 1];
      result[to + 2] = batch[from + 2];
      result[to + 3] = batch[from + 3];
    }
  }
  return new Uint8Array(result.buffer);
}
