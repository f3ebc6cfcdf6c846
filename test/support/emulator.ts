import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { render } from './sessions.ts';

const BIN = join(import.meta.dirname, '../../bin');
const LAUNCHER = join(BIN, 'tinamou');
export const IMAGE_TOOL = join(BIN, 'tinamou-img');
export const IO_TOOL = join(BIN, 'tinamou-io');
/** The name messages show: the transcripts' own. */
export const PROGRAM = 'qemu-system-x86_64';

export interface Ended {
  readonly stdout: Buffer;
  readonly stderr: string;
  readonly status: number | null;
  /** stdout as a terminal shows it. */
  readonly text: string;
}

/** A folder with a link to the emulator under QEMU's name; images are put beside it. */
export class Workshop {
  readonly folder = mkdtempSync(join(tmpdir(), 'tinamou-'));
  readonly program = join(this.folder, PROGRAM);

  constructor() {
    symlinkSync(LAUNCHER, this.program);
  }

  /** Runs `argv` with `input` on a pipe, to its end. */
  run(
    argv: readonly string[],
    input: string | Uint8Array = '',
    timeoutMs = 20_000,
  ): Promise<Ended> {
    return new Promise(resolve => {
      const child = spawn(this.program, argv, { cwd: this.folder });
      const out: Buffer[] = [];
      let stderr = '';
      const timer = setTimeout(() => child.kill('SIGTERM'), timeoutMs);
      child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
      });
      child.on('close', status => {
        clearTimeout(timer);
        const stdout = Buffer.concat(out);
        resolve({ stdout, stderr, status, text: render(stdout) });
      });
      child.stdin.on('error', () => {});
      child.stdin.write(input);
    });
  }

  /** Runs until it ends by itself, or for `ms`, when it is told to end. */
  runFor(argv: readonly string[], ms: number): Promise<Ended> {
    return this.run(argv, '', ms);
  }

  imageTool(...argv: string[]): void {
    const done = spawnSync(IMAGE_TOOL, argv, { cwd: this.folder, encoding: 'utf8' });
    if (done.status !== 0) throw new Error(`tinamou-img ${argv.join(' ')}: ${done.stderr}`);
  }

  close(): void {
    rmSync(this.folder, { recursive: true });
  }
}
