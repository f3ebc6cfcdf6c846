// Bundles the programs into dist/. `npm ci` runs it, so a fresh checkout is ready to start.
// The starters are CommonJS, because Node starts it some 5 ms sooner than an ES module.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { bundlePacks } from './build-packs.mjs';

const GENERATED = 'src/cpu/generated';

/** Writes `text` unless the file says so already: watchers and caches stay quiet. */
function save(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(path, text);
}

/** The interpreter is written by src/cpu/generate.ts from the instruction definitions. */
async function generateInterpreter() {
  const bundle = join(GENERATED, `generate-${process.pid}.mjs`);
  mkdirSync(GENERATED, { recursive: true });
  await build({
    entryPoints: ['src/cpu/generate.ts'],
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    logLevel: 'warning',
  });
  const { generate, DECLARATIONS } = await import(pathToFileURL(bundle).href);
  rmSync(bundle);
  save(join(GENERATED, 'interpreter.js'), generate());
  save(join(GENERATED, 'interpreter.d.ts'), DECLARATIONS);
}

await generateInterpreter();

/**
 * The programs. `later`: what is not needed before the prompt, by pack, each a list of modules that
 * are imported when they are first used; what is in none of the lists makes a last pack. The short
 * run by `args` uses what every start uses: V8 compiles that for the cache.
 */
const PROGRAMS = {
  tinamou: {
    entry: 'src/main.ts',
    later: [['src/main-machine.ts', 'src/main-devices.ts']],
    args: [
      ...['-nodefaults', '-display', 'none', '-monitor', 'stdio'],
      ...['-drive', 'file=build.mjs,format=raw,if=none,readonly=on'],
    ],
    input: 'quit\n',
  },
  'tinamou-img': { entry: 'src/img.ts', args: ['info', 'build.mjs'], input: '' },
  'tinamou-io': { entry: 'src/io.ts', args: ['-c', 'help', 'build.mjs'], input: '' },
};

/**
 * Starts a program from its packs, each with V8's code cache beside it, which saves half of the
 * start-up time. A cache of another V8 is refused by V8 itself and costs nothing.
 */
const STARTER = `#!/usr/bin/env node
'use strict';
const { closeSync, openSync, readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const packOf = [PACK_OF];
const base = __filename.replace(/cjs$/, '');
const name = base.slice(base.lastIndexOf('/') + 1);
function open(name) {
  try {
    return openSync(base + name);
  } catch {}
}
function read(fd, encoding) {
  const content = fd === undefined ? undefined : readFileSync(fd, encoding);
  if (fd !== undefined) closeSync(fd);
  return content;
}
// What is loaded later comes from the files of now, even if they are replaced in between.
const files = Array.from({ length: Math.max(...packOf) + 1 }, (_, pack) => ({
  source: open(pack + '.js'),
  cache: open(pack + '.cache'),
}));
const loaded = [];
const chunks = [];
const values = [];
function load(pack) {
  const source = '(function(chunks,need,require,__dirname){' + read(files[pack].source, 'latin1') + '})';
  const cachedData = read(files[pack].cache);
  // The cache has this name in it: no place of whoever built it.
  const script = new Script(source, { filename: name + pack + '.js', cachedData });
  loaded[pack] = script;
  script.runInThisContext()(chunks, need, require, __dirname);
}
function need(id) {
  if (id in values) return values[id];
  if (loaded[packOf[id]] === undefined) load(packOf[id]);
  return (values[id] = chunks[id]());
}
if (process.env.TINAMOU_BUILD_CACHE) {
  process.on('exit', () => {
    loaded.forEach((script, pack) => writeFileSync(base + pack + '.cache', script.createCachedData()));
  });
}
need(0);
`;

async function bundle(name, { entry, later, args, input }) {
  const external = ['blessed', 'node-pty'];
  const { packs, packOfChunk } = await bundlePacks({ entry, later, external });
  for (const file of readdirSync('dist')) {
    if (file.startsWith(`${name}.`)) rmSync(join('dist', file));
  }
  for (const [i, text] of packs.entries()) writeFileSync(`dist/${name}.${i}.js`, text);
  writeFileSync(`dist/${name}.cjs`, STARTER.replace('PACK_OF', packOfChunk.join()));
  chmodSync(`dist/${name}.cjs`, 0o755);
  spawnSync(process.execPath, [`dist/${name}.cjs`, ...args], {
    input,
    env: { ...process.env, TINAMOU_BUILD_CACHE: '1' },
    stdio: ['pipe', 'ignore', 'ignore'],
    timeout: 30_000,
  });
}

mkdirSync('dist', { recursive: true });
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n');
for (const [name, program] of Object.entries(PROGRAMS)) {
  if (existsSync(program.entry)) await bundle(name, program);
}
