/**
 * Recorded sessions of command line tools: `$ command`, what came out, how it ended.
 */

export interface Step {
  readonly words: readonly string[];
  readonly out: string;
  readonly err: string;
  readonly terminal: boolean;
  /** Undefined when the recorder, or a signal, ended the program. */
  readonly status: number | undefined;
  /** The program waited for a password until it was killed. */
  readonly signalled: boolean;
}

/** Splits as a shell does, for single and double quotes. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  for (const [, part] of line.matchAll(/((?:'[^']*'|"[^"]*"|[^\s'"])+)/g)) {
    words.push(part.replace(/'([^']*)'|"([^"]*)"/g, (_, a?: string, b?: string) => a ?? b ?? ''));
  }
  return words;
}

export function parseTranscript(text: string): Step[] {
  const steps: Step[] = [];
  for (const block of text.split(/^\$ /m).slice(1)) {
    const lines = block.split('\n');
    const command = lines.shift() ?? '';
    const end = lines.findIndex(l => /^\[(pipe|tty) on stdin; /.test(l));
    if (end < 0) continue;
    const split = lines.slice(0, end).indexOf('[stderr]');
    const body = lines.slice(0, split < 0 ? end : split);
    const err = split < 0 ? [] : lines.slice(split + 1, end);
    const status = /exit (\d+)/.exec(lines[end])?.[1];
    steps.push({
      words: shellWords(command),
      out: body.map(l => `${l}\n`).join(''),
      err: err.map(l => `${l}\n`).join(''),
      terminal: lines[end].startsWith('[tty'),
      status: status === undefined ? undefined : Number(status),
      signalled: lines[end].includes('signal'),
    });
  }
  return steps;
}
