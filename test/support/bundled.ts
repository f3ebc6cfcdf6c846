/**
 * Programs in TypeScript run by node alone, as the product is: vitest's way to import makes inner
 * loops several times slower, and its flags are its own.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';

export interface BundleOptions {
  /** Of node. */
  readonly flags?: readonly string[];
  /** Names in the program that stand for other text. */
  readonly define?: { readonly [name: string]: string };
}

/** What a program in TypeScript, placed beside the harnesses, prints. */
export async function bundledOutput(contents: string, options: BundleOptions): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'bundled-'));
  try {
    const outfile = join(folder, 'run.mjs');
    await build({
      stdin: { contents, resolveDir: import.meta.dirname, loader: 'ts' },
      define: { ...options.define },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    });
    const node = { encoding: 'utf8', maxBuffer: 1 << 26 } as const;
    return execFileSync(process.execPath, [...(options.flags ?? []), outfile], node);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
