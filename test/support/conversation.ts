import type { Workshop } from './emulator.ts';
import { golden } from './sessions.ts';
import { type How, start } from './talk.ts';

/** A line to QMP, and what came before the next one was sent. */
export interface Exchange {
  readonly sent: string;
  readonly received: readonly string[];
  /** Asked again until the answer is such, for a while: the guest needs time. */
  readonly until?: RegExp;
}

export interface Conversation {
  readonly argv: readonly string[];
  readonly greeting: readonly string[];
  readonly exchanges: readonly Exchange[];
}

/** The QMP conversations of a transcript. */
export function conversations(name: string): Conversation[] {
  return golden(name)
    .split(/^\$ /m)
    .slice(1)
    .map(block => {
      const [command, ...lines] = block.split('\n');
      const greeting: string[] = [];
      const exchanges: { sent: string; received: string[] }[] = [];
      for (const line of lines) {
        if (line.startsWith('-> ')) exchanges.push({ sent: line.slice(3), received: [] });
        if (line.startsWith('<- ')) (exchanges.at(-1)?.received ?? greeting).push(line.slice(3));
      }
      return { argv: command.trim().split(' ').slice(1), greeting, exchanges };
    });
}

export interface Manners {
  readonly how?: How;
  /** After so much waiting it goes on. */
  readonly patienceMs?: number;
}

export interface Talked {
  readonly exchanges: readonly Exchange[];
  readonly status: number | undefined;
}

const AGAIN_MS = 300;
const MOST_TRIES = 100;

/**
 * Says the lines of a recorded conversation, each when as many lines came back for the one before
 * as were recorded, and returns what came back. A terminal shows what is typed, too: that has to
 * be the first thing, and is left out.
 */
export async function converse(
  { program, folder }: Workshop,
  { argv, greeting, exchanges }: Conversation,
  { how = 'pipe', patienceMs = 5000 }: Manners = {},
): Promise<Talked> {
  const got: { sent: string; received: string[] }[] = [{ sent: '', received: [] }];
  let echo: string[] = [];
  let text = '';
  let tries = 0;
  const say = (sent: string): void => {
    const lines = sent.split('\n');
    if (how === 'tty') echo = lines;
    talk.write(lines.map(line => `${line}${how === 'tty' ? '\r' : '\n'}`).join(''));
  };
  const next = (): void => {
    clearTimeout(timer);
    const exchange = exchanges[got.length - 1];
    timer = setTimeout(() => (exchange ? next() : talk.kill('SIGKILL')), patienceMs);
    if (exchange === undefined) return;
    got.push({ sent: exchange.sent, received: [] });
    say(exchange.sent);
  };
  const take = (line: string): void => {
    if (line === echo[0]) {
      echo.shift();
      return;
    }
    const { received } = got[got.length - 1];
    received.push(line);
    const exchange = exchanges[got.length - 2];
    if (received.length !== (exchange?.received ?? greeting).length) return;
    if (exchange?.until?.test(line) === false && tries++ < MOST_TRIES) {
      received.pop();
      setTimeout(() => say(exchange.sent), AGAIN_MS);
    } else next();
  };
  const talk = start(how, { program, argv, folder, stderrApart: true }, chunk => {
    text += Buffer.from(chunk).toString();
    // A terminal adds its own CR.
    const lines = text.split(/\r*\n/);
    text = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  let timer = setTimeout(() => next(), patienceMs);
  const { end } = await talk.ended;
  clearTimeout(timer);
  const status = /^exit (\d+)$/.exec(end)?.[1];
  return { exchanges: got.slice(1), status: status === undefined ? undefined : Number(status) };
}

/** Times, sizes on the host's disk and counters differ from run to run. */
export function maskedLine(line: string): string {
  return line
    .replace(/"seconds": \d+, "microseconds": \d+/, '"seconds": S, "microseconds": U')
    .replace(/"actual-size": \d+/g, '"actual-size": A')
    .replace(/"date-sec": \d+, "date-nsec": \d+/, '"date-sec": S, "date-nsec": N')
    .replace(/"((?:rd|wr|flush)_(?!merged)\w+)": \d+/g, '"$1": N');
}
