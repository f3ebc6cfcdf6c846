/** What npm makes of the project, installed into a folder of its own. */

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-package-'));
const installed = join(folder, 'node_modules/tinamou');

function npm(cwd: string, ...words: string[]): string {
  return execFileSync('npm', words, { cwd, encoding: 'utf8', stdio: 'pipe' }).trim();
}

/** Runs one of the installed programs as users do, from `node_modules/.bin`. */
function run(program: string, words: readonly string[], input = '') {
  const path = join(folder, 'node_modules/.bin', program);
  return spawnSync(path, words, { cwd: folder, encoding: 'utf8', input, timeout: 60_000 });
}

beforeAll(() => {
  const archive = npm(root, 'pack', '--silent', '--ignore-scripts', '--pack-destination', folder);
  npm(folder, 'init', '-y');
  npm(folder, 'install', '--silent', '--offline', '--no-audit', join(folder, archive));
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true }));

test('the package needs no other', () => {
  const { dependencies } = JSON.parse(npm(folder, 'ls', '--all', '--json'));
  expect(Object.keys(dependencies)).toEqual(['tinamou']);
  expect(dependencies.tinamou.dependencies).toBeUndefined();
});

test('the licence is in it, and everything its documents link to', () => {
  expect(readFileSync(join(installed, 'LICENSE'), 'latin1')).toContain('MIT License');
  const names = readdirSync(installed, { recursive: true, encoding: 'utf8' });
  const dead = names
    .filter(name => name.endsWith('.md'))
    .flatMap(name => {
      const text = readFileSync(join(installed, name), 'utf8');
      const links = [...text.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link);
      const isDead = (link: string) => !existsSync(join(installed, dirname(name), link));
      return links.filter(isDead).map(link => `${name}: ${link}`);
    });
  expect(dead).toEqual([]);
});

test('it does not say where it was built', () => {
  const names = readdirSync(join(installed, 'dist'));
  const telling = names.filter(name => readFileSync(join(installed, 'dist', name)).includes(root));
  expect(telling).toEqual([]);
});

test('a machine starts from it', () => {
  const words = ['-nodefaults', '-display', 'none', '-monitor', 'stdio'];
  const { stdout, stderr, status } = run('tinamou', words, 'info status\nquit\n');
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(stdout).toContain('VM status: running');
});

test('the demo runs from it', () => {
  const { stdout, stderr, status } = run('tinamou', ['-demo']);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  expect(stdout).toContain('tinamou');
});

test('the boot ROM of -kernel and the card of -vga are in it', () => {
  const kernel = join(root, 'roms/bench/kernels.elf');
  const words = ['-S', '-monitor', 'stdio', '-display', 'none', '-kernel', kernel];
  const { stderr, status } = run('tinamou', words, 'quit\n');
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});

test('images are made and read with it', () => {
  expect(run('tinamou-img', ['create', '-q', '-f', 'qcow2', 'a.qcow2', '1M']).status).toBe(0);
  const { stdout } = run('tinamou-io', [
    '-c',
    'write -P 3 0 64k',
    '-c',
    'read -P 3 0 1k',
    'a.qcow2',
  ]);
  expect(stdout).toContain('wrote 65536/65536 bytes at offset 0');
  expect(run('tinamou-img', ['check', 'a.qcow2']).status).toBe(0);
});

test('a mistake of ours is one line, and no stack', () => {
  rmSync(join(installed, 'roms/bios/bios.bin'));
  const { stdout, stderr, status } = run('tinamou', ['-display', 'none']);
  expect({ stdout, status }).toEqual({ stdout: '', status: 134 });
  expect(stderr).toMatch(
    /^tinamou: internal error: assertion failed: '[^\n]*bios\.bin' cannot be read\n$/,
  );
});
