// Bundles the programs into dist/. `npm ci` runs it, so a fresh checkout is ready to start.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
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

const entryPoints = Object.fromEntries(
  Object.entries(ENTRIES).filter(([, path]) => existsSync(path)),
);
mkdirSync('dist', { recursive: true });
if (Object.keys(entryPoints).length > 0) {
  await build({
    entryPoints,
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    format: 'esm',
    target: 'node20',
    external: ['blessed', 'node-pty'],
    logLevel: 'warning',
  });
}
