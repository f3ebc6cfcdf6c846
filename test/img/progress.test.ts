/**
 * What `-p` writes, byte for byte as Debian's tool does, and what SIGUSR1 brings without it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { missing, ROOT } from '../support/program.ts';
import { Random, seedOr } from '../support/random.ts';

const absent = missing('progress beside QEMU', '/usr/bin/qemu-img');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-progress-'));
const MIB = 1024 * 1024;
const TINAMOU = `${ROOT}/bin/tinamou-img`;

function run(program: string, words: string): string {
  const list = words.split(' ').map(word => (word === "''" ? '' : word));
  const options = { cwd: folder, encoding: 'utf8', timeout: 60_000 } as const;
  const { stdout, stderr, status } = spawnSync(program, list, options);
  return `${stdout}${stderr}exit ${status}`;
}

/** Half of it data, in pieces of odd lengths. */
beforeAll(() => {
  const bytes = new Uint8Array(67 * MIB);
  const random = new Random(seedOr(5));
  for (let at = 3 * MIB; at < 66 * MIB; at += 13 * MIB) {
    random.fill(bytes.subarray(at, at + 7 * MIB - 8192));
  }
  writeFileSync(join(folder, 'full'), bytes);
  spawnSync('cp', ['--sparse=always', 'full', 'disk.raw'], { cwd: folder });
  writeFileSync(join(folder, 'empty.raw'), '');
  truncateSync(join(folder, 'empty.raw'), 90 * MIB);
  run(TINAMOU, 'convert -f raw -O qcow2 disk.raw disk.qcow2');
  run(TINAMOU, 'create -q -f qcow2 -b disk.qcow2 -o backing_fmt=qcow2 top.qcow2');
  const pieces = ['-c', 'write 5M 4M', '-c', 'write -z 20M 9M', '-c', 'write 40M 3M', 'top.qcow2'];
  spawnSync(`${ROOT}/bin/tinamou-io`, pieces, { cwd: folder });
  run(TINAMOU, 'create -q -f qcow2 -o cluster_size=512 small.qcow2 5M');
  spawnSync(`${ROOT}/bin/tinamou-io`, ['-c', 'write -z 1M 2M', 'small.qcow2'], { cwd: folder });
  run(TINAMOU, 'snapshot -c one small.qcow2');
});
beforeEach(refresh);
afterAll(() => rmSync(folder, { recursive: true }));

const LINES = [
  'convert -p -f raw -O qcow2 disk.raw o',
  'convert -p -f raw -O qcow2 full o',
  'convert -p -f raw -S 0 -O raw disk.raw o',
  'convert -p -f raw -O qcow2 empty.raw o',
  'convert -p -c -f raw -O qcow2 disk.raw o',
  'convert -p -O raw top.qcow2 o',
  'convert -p -c -O qcow2 top.qcow2 o',
  'convert -p -O qcow2 -o backing_file=disk.qcow2,backing_fmt=qcow2 top.qcow2 o',
  'compare -p -f raw -F qcow2 full disk.qcow2',
  'compare -p -f raw -F raw disk.raw full',
  'compare -p -f qcow2 -F qcow2 disk.qcow2 top.qcow2',
  'compare -p -f raw -F raw full empty.raw',
  "rebase -p -b '' top2.qcow2",
  'rebase -p -F raw -b empty.raw top2.qcow2',
  "rebase -p -u -b '' top2.qcow2",
  'amend -p -o compat=0.10 small2.qcow2',
  'amend -p -o compat=0.10 top2.qcow2',
  'amend -p -o lazy_refcounts=on top2.qcow2',
];

test.skipIf(absent).each(LINES)('%s', line => {
  const theirs = run('qemu-img', line);
  refresh();
  expect(run(TINAMOU, line)).toBe(theirs);
});

/** Images that commands change. */
function refresh(): void {
  for (const name of ['top', 'small']) {
    copyFileSync(join(folder, `${name}.qcow2`), join(folder, `${name}2.qcow2`));
  }
}

test('commit shows what is in the base of all that has to get there', () => {
  const shown = run(TINAMOU, 'commit -p top2.qcow2');
  const figures = [...shown.matchAll(/ {4}\((\d+\.\d\d)\/100%\)\r/g)].map(([, figure]) => figure);
  expect(figures[0]).toBe('0.00');
  expect(figures.slice(-2)).toEqual(['100.00', '100.00']);
  expect(figures.length).toBeGreaterThan(5);
  expect(figures.map(Number)).toEqual(figures.map(Number).toSorted((a, b) => a - b));
  expect(shown).toMatch(/\r\nImage committed\.\nexit 0$/);
});

test('SIGUSR1 brings one line on standard error', async () => {
  rmSync(join(folder, 'o'), { force: true });
  const words = 'convert -c -f raw -O qcow2 full o'.split(' ');
  const child = spawn(TINAMOU, words, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', text => {
    out += text;
  });
  child.stderr.on('data', text => {
    err += text;
  });
  // Before the program listens, the signal would end it: it is sent when the target is there.
  const timer = setInterval(() => {
    const { stdout } = spawnSync('stat', ['-c', '%s', 'o'], { cwd: folder, encoding: 'utf8' });
    if (Number(stdout) < 2 * MIB) return;
    clearInterval(timer);
    child.kill('SIGUSR1');
  }, 20);
  const status = await new Promise(resolve => child.on('close', resolve));
  clearInterval(timer);
  expect([out, status]).toEqual(['', 0]);
  expect(err).toMatch(/^ {4}\(\d+\.\d\d\/100%\)\n$/);
});
