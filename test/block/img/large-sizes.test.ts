/**
 * Sizes that no double holds digit by digit, sizes below zero, sizes no host can store.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTool } from '../../support/image-tool.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-sizes-'));
const home = process.cwd();
beforeAll(() => process.chdir(folder));
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const create = (line: string) => runTool('tinamou-img', `create ${line}`.split(' '));

test('all digits are shown', async () => {
  expect((await create('-f qcow2 a 7E')).out).toContain('size=8070450532247928832 ');
  expect((await create('-f qcow2 -o size=65536T a')).out).toContain('size=72057594037927936 ');
  const raw = await create('-f raw a 3E');
  expect(raw.out).toBe("Formatting 'a', fmt=raw size=3458764513820540928\n");
  expect(raw.err).toBe('tinamou-img: a: Could not resize file: File too large\n');
  expect(raw.status).toBe(1);
});

test.each(['raw', 'qcow', 'qcow2'])('%s: a size below zero makes nothing', async format => {
  for (const size of ['-2', '-512', '-1M']) {
    const done = await create(`-f ${format} -o size=${size} b`);
    expect(done.err).toMatch(/^tinamou-img: b: Could not resize (file|image): File too large\n$/);
    expect(done.status).toBe(1);
    expect(existsSync('b')).toBe(false);
  }
  const none = await create(`-f ${format} -o size=-1 b`);
  expect(none.err).toBe('tinamou-img: b: Image creation needs a size parameter\n');
  const endless = await create(`-f ${format} -o size=1e400 b`);
  expect(endless.err).toContain("Parameter 'size' expects a size\n");
  expect(existsSync('b')).toBe(false);
});
