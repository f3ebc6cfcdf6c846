// Bundles the programs into dist/. `npm ci` runs it, so a fresh checkout is ready to start.
import { mkdirSync, existsSync } from 'node:fs';
import { build } from 'esbuild';

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
