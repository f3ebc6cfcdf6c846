import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { functionSizes } from './support/functions.ts';

const ROOT = join(import.meta.dirname, '..');
/** Files that are tables: data, not program. Each is a list with its readers elsewhere. */
const TABLES = new Set<string>([
  'src/block/img/help.ts',
  'src/cpu/model-table.ts',
  'src/monitor/option-groups.ts',
]);

const LONGEST = 60;
const DEEPEST = 3;
/** Functions that are longer or deeper, as they were found: they may only shrink. */
const LARGE: { readonly [at: string]: { readonly lines: number; readonly depth: number } } = {
  'src/block/img/help.ts helpText': { lines: 76, depth: 0 },
};

interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
}

function sources(folder: string): Source[] {
  const found: Source[] = [];
  for (const name of readdirSync(join(ROOT, folder))) {
    const path = join(folder, name);
    if (name === 'generated' || name === 'goldens') continue;
    if (statSync(join(ROOT, path)).isDirectory()) found.push(...sources(path));
    else if (path.endsWith('.ts')) {
      const text = readFileSync(join(ROOT, path), 'utf8');
      found.push({ path: relative('.', path), text, lines: text.split('\n') });
    }
  }
  return found;
}

function isHost(path: string): boolean {
  return /^src\/host-[^/]*\.ts$/.test(path);
}

const product = sources('src');
const all = [...product, ...sources('test')];

/** All lines of `files` that match, as `path:line text`. */
function offenders(files: readonly Source[], pattern: RegExp): string[] {
  return files.flatMap(file =>
    file.lines.flatMap((line, i) =>
      pattern.test(line) && !/^\s*(\*|\/\/|\/\*)/.test(line)
        ? [`${file.path}:${i + 1} ${line}`]
        : [],
    ),
  );
}

test('files have at most 500 lines, tables apart', () => {
  const long = all.filter(f => f.lines.length > 501 && !TABLES.has(f.path)).map(f => f.path);
  expect(long).toEqual([]);
});

test('lines have at most 100 characters, tables apart', () => {
  const long = all
    .filter(f => !TABLES.has(f.path))
    .flatMap(f => f.lines.map((l, i) => ({ at: `${f.path}:${i + 1}`, length: l.length })))
    .filter(l => l.length > 100)
    .map(l => l.at);
  expect(long).toEqual([]);
});

test('functions have at most 60 lines, and statements nest three deep', () => {
  const sizes = product.flatMap(f => functionSizes(f.path, f.text));
  const large = sizes.filter(f => f.lines > LONGEST || f.depth > DEEPEST);
  const grown = large.filter(({ at, lines, depth }) => {
    const known = LARGE[at] ?? { lines: LONGEST, depth: DEEPEST };
    return lines > known.lines || depth > known.depth;
  });
  expect(grown).toEqual([]);
  const cured = Object.keys(LARGE).filter(at => !large.some(f => f.at === at));
  expect(cured, 'no longer large: take them off the list').toEqual([]);
  expect(sizes.length).toBeGreaterThan(1000);
});

test('a source file opens by saying what it is', () => {
  const silent = product.filter(f => !/^(#!.*\n)?\/\*\*/.test(f.text)).map(f => f.path);
  expect(silent).toEqual([]);
});

test('time, chance and the host come in through src/host-*.ts only', () => {
  const guarded = product.filter(f => !isHost(f.path));
  expect(offenders(guarded, /\b(Date\.now|new Date|performance\.now|process\.hrtime)\b/)).toEqual(
    [],
  );
  expect(offenders(guarded, /\bMath\.random\b|\brandomBytes\b/)).toEqual([]);
  expect(offenders(guarded, /\b(setTimeout|setInterval|setImmediate)\b/)).toEqual([]);
  expect(
    offenders(guarded, /from 'node:|import\('node:|\bprocess\.|\bconsole\.(log|error|warn)/),
  ).toEqual([]);
});

test('no default exports, no namespaces, no decorators', () => {
  expect(offenders(product, /^export default\b/)).toEqual([]);
  expect(offenders(product, /^\s*(export\s+)?namespace\s/)).toEqual([]);
  expect(offenders(product, /^\s*@[a-zA-Z]+\(/)).toEqual([]);
});

test('no index files: an outsider imports a door by name', () => {
  expect(product.filter(f => f.path.endsWith('/index.ts')).map(f => f.path)).toEqual([]);
});
