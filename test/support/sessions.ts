import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const GOLDENS = join(import.meta.dirname, '../goldens');

/** One run of a program in a recorded transcript. */
export interface Run {
  readonly command: string;
  /** Without the program's name. */
  readonly argv: readonly string[];
  /** As a terminal shows it. */
  readonly output: string;
  readonly stderr: string;
  readonly stdin: 'pipe' | 'tty';
  /** `exit 0`, `signal 2`. */
  readonly end: string;
}

/** What was not there where the sessions were recorded, by a name that nobody has used here. */
const NOWHERE = '/nonexist-on-any-host';

export function golden(name: string): string {
  return readFileSync(join(GOLDENS, `${name}.txt`), 'utf8').replaceAll('/nonexist', NOWHERE);
}

export function rawGolden(name: string): Buffer {
  return readFileSync(join(GOLDENS, 'raw', `${name}.raw`));
}

/** Words as a shell reads them: backslashes and quotes. */
export function shellWords(text: string): string[] {
  const words: string[] = [];
  const pattern = /((?:\\.|'[^']*'|"[^"]*"|[^\s'"\\])+)/g;
  for (const [word] of text.matchAll(pattern)) {
    words.push(word.replace(/\\(.)|'([^']*)'|"([^"]*)"/g, (_m, a, b, c) => a ?? b ?? c ?? ''));
  }
  return words;
}

/** The runs of a transcript; lines that start with # are remarks. */
export function transcript(name: string): Run[] {
  const runs: Run[] = [];
  let command = '';
  let lines: string[] = [];
  let stderr: string[] | undefined;
  for (const line of golden(name).split('\n')) {
    const end = /^\[(pipe|tty) on stdin; (.*)\]$/.exec(line);
    if (line.startsWith('$ ')) {
      command = line.slice(2);
      lines = [];
      stderr = undefined;
    } else if (end !== null) {
      runs.push({
        command,
        argv: shellWords(command).slice(1),
        output: lines.map(text => `${text}\n`).join(''),
        stderr: (stderr ?? []).map(text => `${text}\n`).join(''),
        stdin: end[1] === 'tty' ? 'tty' : 'pipe',
        end: end[2],
      });
    } else if (line === '[stderr]') stderr = [];
    else (stderr ?? lines).push(line);
  }
  return runs;
}

/** Something typed at a prompt, and what was said to it. */
export interface Exchange {
  /** Passwords as any text of their length. */
  readonly typed: string;
  readonly answer: string;
}

/** A message before a prompt may lack its line end. */
const PROMPT = /^(?:\S+: unsupported option -)?(?:\(qemu\)|qemu-io>) (.*)$/;

export function exchanges(output: string): Exchange[] {
  const found: { typed: string; answer: string }[] = [];
  for (const line of output.split(/(?<=\n)/)) {
    const text = line.replace('\n', '');
    const typed = PROMPT.exec(text)?.[1];
    const stars = /^Password: (\**)$/.exec(text)?.[1];
    const last = found.at(-1);
    if (typed !== undefined) found.push({ typed, answer: '' });
    else if (text === 'password: ') found.push({ typed: PASSWORD, answer: '' });
    else if (stars !== undefined) found.push({ typed: passwordOf(stars), answer: '' });
    else if (last !== undefined) last.answer += line;
  }
  return found;
}

/** Where it matters, this was it. */
export const PASSWORD = 'secret';

function passwordOf({ length }: string): string {
  return length === PASSWORD.length ? PASSWORD : 'x'.repeat(length);
}

/** What was typed, a line each. */
export function typedLines(run: Run): string[] {
  return exchanges(run.output).map(({ typed }) => typed);
}

/** What a terminal of any width shows after these bytes. */
export function render(bytes: Uint8Array): string {
  const lines = [''];
  let column = 0;
  const text = Buffer.from(bytes).toString('latin1');
  for (const [, csi, key, plain] of text.matchAll(/\x1b\[([0-9;]*)([A-Za-z])|([\s\S])/g)) {
    const at = lines.length - 1;
    if (key === 'D') column = Math.max(0, column - 1);
    else if (key === 'C') column++;
    else if (key === 'K') lines[at] = lines[at].slice(0, column);
    else if (key !== undefined) lines[at] += `<CSI ${csi}${key}>`;
    else if (plain === '\r') column = 0;
    else if (plain === '\n') {
      lines.push('');
      column = 0;
    } else if (plain === '\x07') continue;
    else {
      lines[at] = lines[at].slice(0, column).padEnd(column) + plain + lines[at].slice(column + 1);
      column++;
    }
  }
  return Buffer.from(lines.join('\n'), 'latin1').toString('utf8');
}
