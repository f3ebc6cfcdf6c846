/**
 * The program itself over QMP at its standard input, in a scratch folder: one command after the
 * answer to the one before.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PROGRAM = join(import.meta.dirname, '../../bin/tinamou');

export interface Talk {
  readonly out: string;
  readonly stderr: string;
  readonly status: number | null;
  /** The most memory it had, as far as was seen. */
  readonly peakMib: number;
}

function peakOf(pid: number | undefined): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'utf8');
    const kib = /VmHWM:\s+(\d+) kB/.exec(text)?.[1];
    return kib === undefined ? undefined : Number(kib) / 1024;
  } catch {
    // It has ended, or this system does not tell.
    return undefined;
  }
}

/** Not sent are `until X`, which waits for an output that has X in it, and `wait MILLISECONDS`. */
export function converse(
  folder: string,
  words: readonly string[],
  commands: readonly string[],
): Promise<Talk> {
  return new Promise<Talk>((resolve, reject) => {
    const args = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-S', ...words];
    const child = spawn(PROGRAM, args, { cwd: folder });
    const queue = ['{"execute":"qmp_capabilities"}', ...commands];
    let out = '';
    let stderr = '';
    let replies = 0;
    let peakMib = 0;
    let isWaiting = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    const go = (): void => {
      const answers = out.split('\n').filter(l => /^\{"(return|error|QMP)"/.test(l)).length;
      while (queue.length > 0 && replies < answers && !isWaiting) {
        const [next] = queue;
        if (next.startsWith('wait ')) {
          queue.shift();
          isWaiting = true;
          setTimeout(goOn, Number(next.slice('wait '.length)));
          return;
        }
        if (next.startsWith('until ')) {
          if (!out.includes(next.slice('until '.length))) return;
          queue.shift();
          continue;
        }
        queue.shift();
        replies++;
        child.stdin.write(`${next}\n`);
      }
    };
    const goOn = (): void => {
      isWaiting = false;
      go();
    };
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      peakMib = peakOf(child.pid) ?? peakMib;
      go();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.stdin.on('error', () => {});
    child.on('error', reject);
    child.on('close', status => {
      clearTimeout(timer);
      resolve({ out, stderr, status, peakMib });
    });
  });
}

/** A line of the human monitor. */
export const human = (line: string): string =>
  JSON.stringify({ execute: 'human-monitor-command', arguments: { 'command-line': line } });

export async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-qmp-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
