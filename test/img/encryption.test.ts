/**
 * Encrypted images as the recorded ones: header, tables, and every sector's ciphertext.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { encryptSectors, keyOf } from '../../src/block/crypto/aes-cbc.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';
import { runTool } from '../support/image-tool.ts';
import { golden } from '../support/sessions.ts';

const SECTORS = [0, 1, 2, 127, 128, 300, 8191];
const folder = mkdtempSync(join(tmpdir(), 'tinamou-encryption-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Guest sector n holds bytes i + n, in the recorded sectors; the rest is zeros. */
function sample(): Buffer {
  const bytes = Buffer.alloc(4 * 1024 * 1024);
  for (const n of SECTORS) for (let i = 0; i < 512; i++) bytes[n * 512 + i] = i + n;
  return bytes;
}

interface Layout {
  /** As the recorder printed it. */
  readonly header: string;
  readonly crypt: number;
  readonly cluster: number;
  readonly l1: number;
  readonly l2Entries: number;
}

function layoutOf(image: Buffer): Layout {
  if (image.readUInt32BE(4) === 1) {
    const [clusterBits, l2Bits] = [image[32], image[33]];
    const l1 = Number(image.readBigUInt64BE(40));
    return {
      header: `(1, ${clusterBits}, ${l2Bits}, ${l1})`,
      crypt: image.readUInt32BE(36),
      cluster: 2 ** clusterBits,
      l1,
      l2Entries: 2 ** l2Bits,
    };
  }
  const cluster = 2 ** image.readUInt32BE(20);
  return {
    header: String(image.readUInt32BE(4)),
    crypt: image.readUInt32BE(32),
    cluster,
    l1: Number(image.readBigUInt64BE(40)),
    l2Entries: cluster / 8,
  };
}

const PLACE = 0x00ff_ffff_ffff_fe00n;

/** Stored clusters by guest cluster. */
function clustersOf(image: Buffer): Map<number, Buffer> {
  const { cluster, l1, l2Entries } = layoutOf(image);
  const found = new Map<number, Buffer>();
  for (let i = 0; i < (4 * 1024 * 1024) / cluster; i++) {
    const table = Number(image.readBigUInt64BE(l1 + Math.floor(i / l2Entries) * 8) & PLACE);
    if (table === 0) continue;
    const at = Number(image.readBigUInt64BE(table + (i % l2Entries) * 8) & PLACE);
    if (at !== 0) found.set(i, image.subarray(at, at + cluster));
  }
  return found;
}

/** The recorder's lines about one image. */
function report(name: string, image: Buffer, hashes: readonly string[], zeros: Buffer): string {
  const { header, crypt, cluster } = layoutOf(image);
  const clusters = clustersOf(image);
  const sector = (n: number): Buffer => {
    const at = (n * 512) % cluster;
    const found = clusters.get(Math.floor((n * 512) / cluster)) ?? Buffer.alloc(cluster);
    return found.subarray(at, at + 512);
  };
  const match = SECTORS.map((n, i) => {
    const sha = createHash('sha256').update(sector(n)).digest('hex').slice(0, 32);
    return sha === hashes[i] ? 'True' : 'False';
  });
  return (
    `${name} crypt_method ${crypt} cluster ${cluster} hdr ${header} ` +
    `match [${match.join(', ')}] nclusters ${clusters.size}\n` +
    `   zero-sector 3 in allocated cluster: encrypted zeros? ` +
    `${sector(3).equals(zeros) ? 'True' : 'False'}\n`
  );
}

/** Sector 3 full of zeros under a password: what an image of nothing but zeros beside data has. */
function zerosUnder(password: string): Buffer {
  const cipher = nodeBlockHost.aes128(keyOf(new TextEncoder().encode(password)));
  return Buffer.from(encryptSectors(cipher, 3, new Uint8Array(512)));
}

test('G01: images of both formats, with every recorded password', async () => {
  const lines = golden('G01-vectors').trimEnd().split('\n');
  const blocks: { password: string; hashes: string[]; text: string }[] = [];
  for (const line of lines) {
    const vector = /^pw='(.*)' sector=\d+ .* sha256=(\w+)$/.exec(line);
    const last = blocks.at(-1);
    if (vector !== null && (last === undefined || last.text !== '')) {
      blocks.push({ password: vector[1], hashes: [vector[2]], text: '' });
    } else if (vector !== null) last?.hashes.push(vector[2]);
    else if (last !== undefined) last.text += `${line}\n`;
  }
  expect(blocks.length).toBeGreaterThan(5);
  const raw = join(folder, 'sample.raw');
  writeFileSync(raw, sample());
  for (const { password, hashes, text } of blocks) {
    const names = [...text.matchAll(/^(v\d+\.(qcow2?)) /gm)];
    const zeros = zerosUnder(password);
    let seen = '';
    for (const [, name, format] of names) {
      const path = join(folder, name);
      const words = ['convert', '-f', 'raw', '-O', format, '-o', 'encryption', raw, path];
      const { status, err } = await runTool('qemu-img', words, [password]);
      expect([status, err]).toEqual([0, '']);
      seen += report(name, readFileSync(path), hashes, zeros);
    }
    expect(seen).toBe(text);
  }
});
