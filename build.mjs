// Bundles the programs into dist/. `npm ci` runs it, so a fresh checkout is ready to start.
// CommonJS, because Node starts it some 5 ms sooner than an ES module.
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

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

const ENTRIES = { tinamou: 'src/main.ts', 'tinamou-img': 'src/img.ts', 'tinamou-io': 'src/io.ts' };

/**
 * Starts a bundle with V8's code cache beside it, which saves half of the start-up time. A cache of
 * another V8 is refused by V8 itself and costs nothing.
 */
const STARTER = `#!/usr/bin/env node
'use strict';
const { readFileSync, writeFileSync } = require('node:fs');
const { Script } = require('node:vm');
const filename = __filename.replace(/cjs$/, 'js');
const cacheName = __filename.replace(/cjs$/, 'cache');
let cachedData;
try {
  cachedData = readFileSync(cacheName);
} catch {}
const source = '(function (exports, require, module, __filename, __dirname) {' +
  readFileSync(filename, 'latin1') + '})';
const script = new Script(source, { filename, cachedData });
if (process.env.TINAMOU_BUILD_CACHE) {
  process.on('exit', () => writeFileSync(cacheName, script.createCachedData()));
}
script.runInThisContext()(exports, require, module, filename, __dirname);
`;

/** What each program does for its cache: a short run that uses what every start uses. */
const WARM_UP = {
  tinamou: { args: ['-nodefaults', '-display', 'none', '-monitor', 'stdio'], input: 'quit\n' },
  'tinamou-img': { args: ['info', 'build.mjs'], input: '' },
  'tinamou-io': { args: ['-c', 'help', 'build.mjs'], input: '' },
};

async function bundle(name, entry) {
  await build({
    entryPoints: [entry],
    outfile: `dist/${name}.js`,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    supported: { 'dynamic-import': false },
    define: { 'import.meta.dirname': '__dirname' },
    external: ['blessed', 'node-pty'],
    minifyWhitespace: true,
    legalComments: 'none',
    minifySyntax: true,
    logLevel: 'warning',
  });
  writeFileSync(`dist/${name}.cjs`, STARTER);
  chmodSync(`dist/${name}.cjs`, 0o755);
  rmSync(`dist/${name}.cache`, { force: true });
  const { args, input } = WARM_UP[name];
  spawnSync(process.execPath, [`dist/${name}.cjs`, ...args], {
    input,
    env: { ...process.env, TINAMOU_BUILD_CACHE: '1' },
    stdio: ['pipe', 'ignore', 'ignore'],
    timeout: 30_000,
  });
}

mkdirSync('dist', { recursive: true });
writeFileSync('dist/package.json', '{ "type": "commonjs" }\n');
for (const [name, entry] of Object.entries(ENTRIES)) {
  if (existsSync(entry)) await bundle(name, entry);
}
