// Bundles the programs into dist/. `npm ci` runs it, so a fresh checkout is ready to start.
// CommonJS, because Node starts it some 5 ms sooner than an ES module.
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

mkdirSync('dist', { recursive: true });
for (const [name, entry] of Object.entries(ENTRIES)) {
  if (!existsSync(entry)) continue;
  const outfile = `dist/${name}.cjs`;
  await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20',
    define: { 'import.meta.dirname': '__dirname' },
    banner: { js: '#!/usr/bin/env node' },
    external: ['blessed', 'node-pty'],
    minifyWhitespace: true,
    minifySyntax: true,
    logLevel: 'warning',
  });
  chmodSync(outfile, 0o755);
}
