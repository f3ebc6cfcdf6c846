import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { decryptSectors, encryptSectors, keyOf } from '../../src/block/crypto/aes-cbc.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';

const VECTORS = readFileSync(join(import.meta.dirname, '../goldens/G01-vectors.txt'), 'utf8');

function plaintext(sector: number): Uint8Array {
  return Uint8Array.from({ length: 512 }, (_, i) => (i + sector) % 256);
}

test('all recorded vectors come out, one sector at a time and many at once', () => {
  const lines = [...VECTORS.matchAll(/^pw='(.*)' sector=(\d+) ct\[0:32\]=(\w+) sha256=(\w+)$/gm)];
  expect(lines.length).toBeGreaterThan(40);
  for (const [, password, number, head, sha] of lines) {
    const cipher = nodeBlockHost.aes128(keyOf(new TextEncoder().encode(password)));
    const sector = Number(number);
    const bytes = encryptSectors(cipher, sector, plaintext(sector));
    expect(Buffer.from(bytes.subarray(0, 32)).toString('hex')).toBe(head);
    expect(createHash('sha256').update(bytes).digest('hex').slice(0, 32)).toBe(sha);
    const two = new Uint8Array(1024);
    two.set(plaintext(sector), 512);
    const both = encryptSectors(cipher, sector - 1, two);
    if (sector > 0) expect(Buffer.compare(both.subarray(512), bytes)).toBe(0);
    decryptSectors(cipher, sector, bytes);
    expect(Buffer.compare(bytes, plaintext(sector))).toBe(0);
  }
});

test('buffers at odd addresses are handled', () => {
  const cipher = nodeBlockHost.aes128(keyOf(new Uint8Array([1, 2, 3])));
  const odd = new Uint8Array(1025).subarray(1);
  odd.set(plaintext(5));
  const stored = encryptSectors(cipher, 5, odd);
  odd.set(stored);
  decryptSectors(cipher, 5, odd);
  expect(Buffer.compare(odd.subarray(0, 512), plaintext(5))).toBe(0);
});
