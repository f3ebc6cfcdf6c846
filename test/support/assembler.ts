/**
 * Guests in assembly language, made by Debian's nasm.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';

/** The flat image of `source`; undefined, and a line that says so, where there is no nasm. */
export function assemble(source: string): Uint8Array | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'assembler-'));
  const image = join(folder, 'guest.img');
  try {
    execFileSync('nasm', ['-f', 'bin', source, '-o', image]);
    return readFileSync(image);
  } catch {
    console.log(`nasm is absent, ${basename(source)} is skipped`);
    return undefined;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
