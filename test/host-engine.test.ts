import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test, vi } from 'vitest';
import { compileBeside, compileSoon, isCompiled } from '../src/host-engine.ts';
import { bundledOutput } from './support/bundled.ts';
import { missing } from './support/program.ts';

test('a loop computes the same before and after it is compiled', () => {
  const sum = (n: number): number => {
    let total = 0;
    for (let i = 0; i < n; i++) total = (total + i * i) | 0;
    return total;
  };
  const before = sum(1000);
  expect(compileSoon(sum)).toBe(true);
  expect(sum(1000)).toBe(before);
});

test('V8 compiles the loop at its next call, not beside the program', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-engine-'));
  const script = join(folder, 'script.cjs');
  const program = `import { compileSoon } from './src/host-engine.ts';
    function marked(n) { let t = 0; for (let i = 0; i < n; i++) t = (t + i) | 0; return t; }
    marked(10); marked(10); compileSoon(marked); marked(10);`;
  await build({
    stdin: { contents: program, resolveDir: join(import.meta.dirname, '..') },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: script,
  });
  const trace = execFileSync(process.execPath, ['--trace-opt', script], { encoding: 'latin1' });
  rmSync(folder, { recursive: true });
  expect(trace).toMatch(/compiling method .*marked.*kSynchronous/);
});

test('V8 is asked again after it has forgotten how to be asked', async () => {
  const program = `
    import { compileBeside, compileSoon, isCompiled } from '../../src/host-engine.ts';
    const loop = n => n + 1;
    const ask = () => [compileSoon(loop), compileBeside(loop), isCompiled(() => 1)].join(' ');
    const before = ask();
    for (let i = 0; i < 3; i++) gc();
    console.log(before === ask() ? before : 'differs');
  `;
  const flags = ['--expose-gc', '--stress-flush-code'];
  expect(await bundledOutput(program, { flags })).toBe('true true false\n');
});

/** TINAMOU_NODES names the programs of other versions, with colons between. */
const OTHERS = (process.env['TINAMOU_NODES'] ?? '').split(':').filter(path => path !== '');

test.each([process.execPath, ...OTHERS])('%s says nothing about flags', node => {
  if (missing('another Node', node)) return;
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-engine-'));
  const tool = join(import.meta.dirname, '..', 'bin', 'tinamou-img');
  const img = (...words: string[]) =>
    spawnSync(node, [tool, ...words], { cwd: folder, encoding: 'latin1' });
  expect(img('create', '-q', '-f', 'raw', 'a', '1M').stderr).toBe('');
  for (const words of [
    ['convert', '-f', 'raw', '-O', 'qcow2', 'a', 'b'],
    ['compare', '-f', 'raw', 'a', 'b'],
    ['check', 'b'],
  ]) {
    const { stderr, status } = img(...words);
    expect({ words, stderr, status }).toEqual({ words, stderr: '', status: 0 });
  }
  rmSync(folder, { recursive: true });
});

test('V8 compiles a function beside the program and says when it is done', async () => {
  const square = (n: number): number => n * n;
  square(3);
  expect(isCompiled(square)).toBe(false);
  expect(compileBeside(square)).toBe(true);
  await vi.waitUntil(() => square(3) === 9 && isCompiled(square), 20_000);
});
