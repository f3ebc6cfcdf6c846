import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

/** Tests run what the build makes; build it once before them. */
export function setup(): void {
  execFileSync(process.execPath, ['build.mjs'], {
    cwd: join(import.meta.dirname, '../..'),
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
