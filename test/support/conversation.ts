import { spawn } from 'node:child_process';
import type { Workshop } from './emulator.ts';
import { golden } from './sessions.ts';

/** A line to QMP, and what came before the next one was sent. */
interface Exchange {
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

/**
 * Says the lines of a recorded conversation, each when as many lines came back for the one before
 * as were recorded, and returns what came back. After `patienceMs` of waiting it goes on.
 */
export function converse(
  workshop: Workshop,
  { argv, greeting, exchanges }: Conversation,
  patienceMs = 5000,
): Promise<{ readonly exchanges: readonly Exchange[]; readonly status: number | null }> {
  return new Promise(resolve => {
    const child = spawn(workshop.program, argv, { cwd: workshop.folder });
    const got: { sent: string; received: string[] }[] = [{ sent: '', received: [] }];
    let text = '';
    let tries = 0;
    let timer = setTimeout(() => next(), patienceMs);
    const next = (): void => {
      clearTimeout(timer);
      const exchange = exchanges[got.length - 1];
      if (exchange === undefined) {
        timer = setTimeout(() => child.kill('SIGKILL'), patienceMs);
        return;
      }
      got.push({ sent: exchange.sent, received: [] });
      timer = setTimeout(() => next(), patienceMs);
      child.stdin.write(`${exchange.sent}\n`);
    };
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const lines = text.split(/\r?\n/);
      text = lines.pop() ?? '';
      for (const line of lines) {
        const { received } = got[got.length - 1];
        received.push(line);
        const exchange = got.length === 1 ? undefined : exchanges[got.length - 2];
        const wanted = exchange?.received ?? greeting;
        if (received.length !== wanted.length) continue;
        if (exchange?.until?.test(line) === false && tries++ < 100) {
          received.pop();
          setTimeout(() => child.stdin.write(`${exchange.sent}\n`), 300);
        } else next();
      }
    });
    child.stdin.on('error', () => {});
    child.on('close', status => {
      clearTimeout(timer);
      resolve({ exchanges: got.slice(1), status });
    });
  });
}

/** Times, sizes on the host's disk and counters differ from run to run. */
export function maskedLine(line: string): string {
  return line
    .replace(/"seconds": \d+, "microseconds": \d+/, '"seconds": S, "microseconds": U')
    .replace(/"actual-size": \d+/g, '"actual-size": A')
    .replace(/"date-sec": \d+, "date-nsec": \d+/, '"date-sec": S, "date-nsec": N')
    .replace(/"((?:rd|wr|flush)_(?!merged)\w+)": \d+/g, '"$1": N');
}
