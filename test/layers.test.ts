import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const TOP = new Set(['main', 'img', 'io', 'machine']);

function files(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap(name => {
    const path = join(folder, name);
    if (name === 'generated') return [];
    if (statSync(join(ROOT, path)).isDirectory()) return files(path);
    return path.endsWith('.ts') ? [path] : [];
  });
}

function imports(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const found = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)];
  // Text of generated files names paths that are theirs; the compiler checks that ours exist.
  return found
    .map(([, to]) => normalize(join(dirname(path), to)))
    .filter(to => to.includes('generated/') || existsSync(join(ROOT, to)));
}

/** kernel, cpu, hw, block, monitor, hmp, machine, main, img, io, host. */
function layer(path: string): string {
  const inner = path.replace(/^src\//, '');
  const folder = inner.includes('/') ? inner.split('/')[0] : '';
  if (folder === '') {
    const name = inner.replace(/\.ts$/, '');
    if (name.startsWith('host-')) return 'host';
    if (name.startsWith('machine')) return 'machine';
    if (name.startsWith('main-')) return 'main';
    if (name.startsWith('main')) return 'main';
    return TOP.has(name) ? name : 'kernel';
  }
  if (inner.startsWith('monitor/hmp/')) return 'hmp';
  if (inner.startsWith('block/img/') || inner.startsWith('block/io/')) return 'tool';
  return folder;
}

const ALLOWED: { readonly [from: string]: readonly string[] } = {
  kernel: ['kernel'],
  host: ['kernel', 'host'],
  cpu: ['kernel', 'cpu'],
  block: ['kernel', 'block'],
  tool: ['kernel', 'block', 'tool'],
  hw: ['kernel', 'hw'],
  machine: ['kernel', 'cpu', 'hw', 'block', 'machine'],
  monitor: ['kernel', 'machine', 'monitor'],
  hmp: ['kernel', 'hmp'],
  main: ['kernel', 'host', 'main', 'machine', 'monitor', 'hmp', 'cpu', 'hw', 'block', 'tool'],
  img: ['kernel', 'host', 'block', 'tool'],
  io: ['kernel', 'host', 'block', 'tool'],
};

/** Single files of another layer that a layer may see. */
const DOORS: { readonly [from: string]: readonly string[] } = {
  hw: ['src/block/backend.ts'],
  monitor: ['src/block/graph.ts', 'src/block/schema.ts'],
  hmp: ['src/monitor/session.ts'],
};

const everything = files('src');

test('every import stays within what its layer may see', () => {
  const wrong = everything.flatMap(path =>
    imports(path)
      .filter(to => !to.includes('generated/'))
      .filter(to => !ALLOWED[layer(path)].includes(layer(to)))
      .filter(to => !(DOORS[layer(path)] ?? []).includes(to))
      .map(to => `${path} -> ${to}`),
  );
  expect(wrong).toEqual([]);
});

test('imports have no cycles', () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '));
      return;
    }
    if (done.has(path) || path.includes('generated/')) return;
    for (const to of imports(path)) visit(to, [...trail, path]);
    done.add(path);
  };
  for (const path of everything) visit(path, []);
  expect(cycles).toEqual([]);
});
