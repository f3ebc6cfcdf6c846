import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import type { Workshop } from './emulator.ts';
import { render } from './sessions.ts';

const PROMPT = '(qemu) ';
const PATIENCE_MS = 20_000;

/** The human monitor on a pipe, one line at a time. */
export class Prompt {
  private readonly child: ChildProcessWithoutNullStreams;
  private bytes = Buffer.alloc(0);
  private check: () => void = () => {};
  stderr = '';

  constructor(workshop: Workshop, argv: readonly string[]) {
    const quiet = ['-nodefaults', '-display', 'none', '-monitor', 'stdio'];
    this.child = spawn(workshop.program, [...quiet, ...argv], { cwd: workshop.folder });
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
      this.check();
    });
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString();
    });
    this.child.stdin.on('error', () => {});
  }

  /** Types a line when the monitor waits for one; resolves with the answer's text. */
  async ask(line: string): Promise<string> {
    await this.waiting();
    this.bytes = Buffer.alloc(0);
    this.child.stdin.write(`${line}\n`);
    await this.waiting();
    const text = render(this.bytes);
    return text.slice(text.indexOf('\n') + 1, text.lastIndexOf('\n') + 1);
  }

  /** Asks until the answer has `wanted` in it. */
  async askUntil(line: string, wanted: string): Promise<string> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.ask(line);
      if (answer.includes(wanted) || Date.now() > end) return answer;
    }
  }

  async quit(): Promise<number | null> {
    await this.waiting();
    const ended = new Promise<number | null>(resolve => this.child.on('close', resolve));
    this.child.stdin.write('quit\n');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), PATIENCE_MS);
    const status = await ended;
    clearTimeout(timer);
    return status;
  }

  /** For a prompt, or for a password to be typed. */
  private waiting(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`no prompt in ${JSON.stringify(render(this.bytes))}`));
      }, PATIENCE_MS);
      this.check = () => {
        const last = render(this.bytes).split('\n').at(-1);
        if (last !== PROMPT && last !== 'Password: ') return;
        clearTimeout(timer);
        this.check = () => {};
        resolve();
      };
      this.check();
    });
  }
}
