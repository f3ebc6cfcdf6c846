import type { Workshop } from './emulator.ts';
import { render } from './sessions.ts';
import { type How, start, type Talk } from './talk.ts';

/** What a session leaves behind. */
export interface KeySession {
  /** Bytes as the terminal, or the pipe, got them, one character each. */
  readonly bytes: string;
  readonly text: string;
  readonly stderr: string;
  readonly status: number;
}

export type Step =
  /** Waits until the output since the last step contains it. */
  | { readonly until: string }
  /** Waits until a line of the screen contains it, in how many pieces ever it was drawn. */
  | { readonly shows: string }
  | { readonly type: string };

/** The lines of a screen that was drawn with a cursor that is sent to rows and columns. */
function screenOf(bytes: string): string[] {
  const lines: string[][] = [];
  let [row, column] = [0, 0];
  for (const [, csi, key, plain] of bytes.matchAll(/\x1b\[([?0-9;]*)([A-Za-z])|([\s\S])/g)) {
    if (key === 'H') [row, column] = csi.split(';').map(n => Number(n) - 1);
    else if (plain !== undefined) {
      lines[row] ??= Array(column).fill(' ');
      lines[row][column++] = plain;
    }
  }
  return lines.map(line => line.join(''));
}

const PATIENCE_MS = 50_000;

/** Runs the emulator on a pty, following `steps`, to its end. */
export function onTerminal(
  workshop: Pick<Workshop, 'program' | 'folder'>,
  argv: readonly string[],
  steps: readonly Step[],
): Promise<KeySession> {
  return press('tty', workshop, argv, steps);
}

/** The same keys at a terminal, or written to a pipe. */
export async function press(
  how: How,
  { program, folder }: Pick<Workshop, 'program' | 'folder'>,
  argv: readonly string[],
  steps: readonly Step[],
): Promise<KeySession> {
  let bytes = '';
  let seen = 0;
  let next = 0;
  let hangs = false;
  let talk: Talk | undefined;
  const go = (): void => {
    for (; talk !== undefined && next < steps.length; next++) {
      const step = steps[next];
      if ('type' in step) talk.write(step.type);
      else if ('shows' in step) {
        if (!screenOf(bytes).some(line => line.includes(step.shows))) return;
      } else {
        const at = bytes.indexOf(step.until, seen);
        if (at < 0) return;
        seen = at + step.until.length;
      }
    }
  };
  talk = start(how, { program, argv, folder }, chunk => {
    bytes += Buffer.from(chunk).toString('latin1');
    go();
  });
  const timer = setTimeout(() => {
    hangs = true;
    talk?.kill('SIGKILL');
  }, PATIENCE_MS);
  go();
  const { stderr, end } = await talk.ended;
  clearTimeout(timer);
  if (hangs) throw new Error(`no '${JSON.stringify(steps[next])}' in ${JSON.stringify(bytes)}`);
  const status = /^exit (\d+)$/.exec(end)?.[1];
  const text = render(Buffer.from(bytes, 'latin1'));
  return { bytes, text, stderr, status: Number(status ?? Number.NaN) };
}
