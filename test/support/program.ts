/**
 * Starts bin/tinamou (or a peer) as a user would and talks to it over pipes.
 */

import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');
export const TINAMOU = join(ROOT, 'bin/tinamou');
export const SEABIOS = '/usr/share/seabios/bios-256k.bin';

export interface Outcome {
  readonly output: string;
  /** Exit status; undefined when it was killed. */
  readonly status: number | undefined;
}

export class Program {
  output = '';
  status: number | undefined;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly ended: Promise<void>;

  constructor(args: readonly string[], program: string = TINAMOU) {
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const take = (chunk: Buffer) => {
      this.output += chunk.toString('latin1');
    };
    this.child.stdout.on('data', take);
    this.child.stderr.on('data', take);
    this.child.stdin.on('error', () => {});
    this.ended = new Promise(resolve => {
      this.child.on('close', code => {
        this.status = code ?? undefined;
        resolve();
      });
    });
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** Resolves when the output holds all of `texts`; rejects, with its tail, after `timeoutMs`. */
  async seen(texts: readonly string[], timeoutMs: number): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const missing = texts.filter(t => !this.output.includes(t));
      if (missing.length === 0) return;
      if (Date.now() > deadline || this.status !== undefined) {
        const tail = this.output.slice(-1500);
        throw new Error(`never saw ${missing.join(', ')}; status ${this.status}; tail:\n${tail}`);
      }
      await new Promise(resolve => setTimeout(resolve, 20));
    }
  }

  /** Waits for the program's end; kills it after `timeoutMs`. */
  async end(timeoutMs: number): Promise<Outcome> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), timeoutMs);
    await this.ended;
    clearTimeout(timer);
    return { output: this.output, status: this.status };
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }
}

/** Which of `paths` are missing; a suite that needs them says so in one line and skips. */
export function missing(suite: string, ...paths: readonly string[]): boolean {
  const absent = paths.filter(p => !existsSync(p));
  if (absent.length > 0) console.log(`${suite}: skipped, ${absent.join(', ')} absent`);
  return absent.length > 0;
}
