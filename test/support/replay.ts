/**
 * Types a recorded session of the human monitor again, as a person does: each line when the prompt
 * waits for it, on a pipe or on a terminal.
 */

import { spawn } from 'node:child_process';
import { spawn as spawnTerminal } from 'node-pty';
import type { Workshop } from './emulator.ts';
import { LEGACY } from './encrypted-images.ts';
import { type Run, render, typedLines } from './sessions.ts';

export interface Replayed {
  readonly output: string;
  readonly stderr: string;
  readonly end: string;
}

interface Talk {
  write(text: string): void;
  kill(signal: string): void;
}

const PATIENCE_MS = 15_000;

/** Types `lines` one by one; what is left of the session when it hangs is compared all the same. */
class Typist {
  private bytes = Buffer.alloc(0);
  private next = 0;
  private seen = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly lines: readonly string[],
    private readonly talk: Talk,
    /** What a person at a terminal presses at the end of a line. */
    private readonly enter: string,
    /** How long a person waits before the next line. */
    private readonly settleMs: number,
  ) {
    this.restart();
  }

  get output(): Buffer {
    return this.bytes;
  }

  take(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    const tail = this.bytes.subarray(this.seen).toString('latin1');
    if (!/(^|\n|-)(\r*\(qemu\) |\r*Password: )$/.test(tail)) return;
    this.seen = this.bytes.length;
    this.restart();
    if (this.settleMs === 0) this.type();
    else setTimeout(() => this.type(), this.settleMs);
  }

  private type(): void {
    if (this.next < this.lines.length) this.talk.write(this.lines[this.next++] + this.enter);
    else this.talk.kill('SIGINT');
  }

  done(): void {
    clearTimeout(this.timer);
  }

  private restart(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.talk.kill('SIGKILL'), PATIENCE_MS);
  }
}

/** Says all that was typed in a recorded session. */
export function replay(workshop: Workshop, run: Run, settleMs = 0): Promise<Replayed> {
  const lines = typedLines(run);
  const argv = [...LEGACY, ...run.argv];
  const say = run.stdin === 'tty' ? onTerminal : onPipe;
  return say({ workshop, argv, lines, settleMs });
}

export interface Script {
  readonly workshop: Workshop;
  readonly argv: readonly string[];
  readonly lines: readonly string[];
  readonly settleMs: number;
}

function onPipe({ workshop, argv, lines, settleMs }: Script): Promise<Replayed> {
  return new Promise(resolve => {
    const child = spawn(workshop.program, argv, { cwd: workshop.folder });
    const typist = new Typist(
      lines,
      {
        write: text => child.stdin.write(text),
        kill: signal => child.kill(signal as NodeJS.Signals),
      },
      '\n',
      settleMs,
    );
    let stderr = '';
    child.stdin.on('error', () => {});
    child.stdout.on('data', (chunk: Buffer) => typist.take(chunk));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('close', (status, signal) => {
      typist.done();
      const end = signal === null ? `exit ${status}` : `signal ${signal}`;
      resolve({ output: render(typist.output), stderr, end });
    });
  });
}

/** stdout and stderr are one here. */
function onTerminal({ workshop, argv, lines, settleMs }: Script): Promise<Replayed> {
  return new Promise(resolve => {
    const child = spawnTerminal(workshop.program, [...argv], {
      cwd: workshop.folder,
      cols: 80,
      rows: 25,
      encoding: null,
    });
    const typist = new Typist(
      lines,
      { write: text => child.write(text), kill: signal => child.kill(signal) },
      '\r',
      settleMs,
    );
    child.onData(data => typist.take(data as unknown as Uint8Array));
    child.onExit(({ exitCode }) => {
      typist.done();
      resolve({ output: render(typist.output), stderr: '', end: `exit ${exitCode}` });
    });
  });
}
