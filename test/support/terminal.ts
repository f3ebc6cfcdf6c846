import { spawn } from 'node-pty';
import type { Workshop } from './emulator.ts';
import { render } from './sessions.ts';

/** What a session on a terminal leaves behind. */
export interface TerminalSession {
  /** Bytes as the terminal got them, one character each. */
  readonly bytes: string;
  readonly text: string;
  readonly status: number;
}

export type Step =
  /** Waits until the output since the last step contains it. */
  { readonly until: string } | { readonly type: string };

/** Runs the emulator on a pty, following `steps`, to its end. */
export function onTerminal(
  workshop: Pick<Workshop, 'program' | 'folder'>,
  argv: readonly string[],
  steps: readonly Step[],
): Promise<TerminalSession> {
  return new Promise((resolve, reject) => {
    const child = spawn(workshop.program, [...argv], {
      cwd: workshop.folder,
      cols: 80,
      rows: 25,
      encoding: null,
    });
    let bytes = '';
    let seen = 0;
    let next = 0;
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`no '${JSON.stringify(steps[next])}' in ${JSON.stringify(bytes)}`));
    }, 20_000);
    const go = (): void => {
      for (; next < steps.length; next++) {
        const step = steps[next];
        if ('type' in step) child.write(step.type);
        else {
          const at = bytes.indexOf(step.until, seen);
          if (at < 0) return;
          seen = at + step.until.length;
        }
      }
    };
    // With no encoding the data are buffers, whatever the declared type says.
    child.onData(data => {
      bytes += Buffer.from(data as unknown as Uint8Array).toString('latin1');
      go();
    });
    child.onExit(({ exitCode }) => {
      clearTimeout(timer);
      resolve({ bytes, text: render(Buffer.from(bytes, 'latin1')), status: exitCode });
    });
    go();
  });
}
