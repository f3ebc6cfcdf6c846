import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, expect, test } from 'vitest';

type Need = (id: number) => { readonly [name: string]: unknown };
type Bundle = (program: {
  readonly entry: string;
  readonly later: readonly (readonly string[])[];
  readonly external: readonly string[];
}) => Promise<{ readonly packs: readonly string[]; readonly packOfChunk: readonly number[] }>;

const { bundlePacks } = (await import(join(import.meta.dirname, '../build-packs.mjs'))) as {
  readonly bundlePacks: Bundle;
};

const folder = mkdtempSync(join(tmpdir(), 'tinamou-packs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const SOURCES = {
  'main.ts': `
    import { basename as nameOf } from 'node:path';
    import { shared as common, count } from './shared.ts';
    export const result = Promise.all([
      import('./early.ts').then(m => m.value()),
      import('./rest.ts').then(m => m.value()),
    ]).then(late => [nameOf('/a/b'), common, count(), ...late]);
  `,
  'shared.ts': `
    let calls = 0;
    export const shared = 'shared';
    export function count(): number { return ++calls; }
  `,
  'early.ts': `
    import * as path from 'node:path';
    import { count } from './shared.ts';
    export class Thing { name = path.join('x', import.meta.dirname === '' ? '' : 'y'); }
    export const value = (): unknown => [new Thing().name, count()];
  `,
  'rest.ts': `
    import { Thing } from './early.ts';
    export const value = (): string => 'import { a } from "b"; ' + new Thing().name;
  `,
};

test('packs are loaded when something of them is needed, and modules live once', async () => {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of Object.entries(SOURCES)) writeFileSync(join(folder, name), text);
  const at = (name: string): string => relative(process.cwd(), join(folder, name));
  const { packs, packOfChunk } = await bundlePacks({
    entry: at('main.ts'),
    later: [[at('early.ts')]],
    external: [],
  });
  expect(packs.length).toBe(3);
  const chunks: (() => { readonly [name: string]: unknown })[] = [];
  const values: { readonly [name: string]: unknown }[] = [];
  const loaded: number[] = [];
  const need: Need = id => {
    const pack = packOfChunk[id];
    if (!loaded.includes(pack)) {
      loaded.push(pack);
      const run = new Function('chunks', 'need', 'require', '__dirname', packs[pack]);
      run(chunks, need, createRequire(import.meta.url), '/here');
    }
    values[id] ??= chunks[id]();
    return values[id];
  };
  const main = need(0);
  expect(loaded).toEqual([0]);
  expect(await main['result']).toEqual([
    'b',
    'shared',
    2,
    ['x/y', 1],
    'import { a } from "b"; x/y',
  ]);
  expect(loaded).toEqual([0, 1, 2]);
});

test('what is never imported by itself cannot be a pack', async () => {
  const entry = relative(process.cwd(), join(folder, 'main.ts'));
  const later = [['src/utf8.ts']];
  await expect(bundlePacks({ entry, later, external: [] })).rejects.toThrow('never imported');
});
