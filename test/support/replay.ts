/**
 * Types a recorded session again, as a person does: each line when the prompt waits for it, on
 * pipes or at a terminal. A person also waits for the machine to get on. Here questions are asked
 * again until they are answered as recorded, for a while, and what was asked before is forgotten.
 */

import { exchanges, PASSWORD, type Run, render } from './sessions.ts';
import { type How, type Start, start, type Talk } from './talk.ts';

export interface Replayed {
  readonly bytes: Buffer;
  /** As a terminal shows it. */
  readonly output: string;
  readonly stderr: string;
  readonly end: string;
}

export interface Script extends Start {
  readonly run: Run;
  /** Is that as good as what was recorded? */
  readonly agrees: (typed: string, recorded: string, got: string) => boolean;
  /** All is typed, and the program should end by itself now. */
  readonly onTyped?: () => void;
  /** What was said up to here came before the firmware got on: then the machine is told to go. */
  readonly heldUntil?: RegExp;
}

interface Step {
  readonly typed: string;
  readonly answer: string;
  /** Asked again until the answer is good. */
  readonly isGood?: (answer: string) => boolean;
  /** Not part of the session. */
  readonly isHidden?: boolean;
}

interface Wait {
  readonly line: RegExp;
  readonly ask: string;
  readonly done: RegExp;
  /** So many times in a row. */
  readonly times?: number;
}

/** What a line starts, and how one sees that it is done. */
const AFTER: readonly Wait[] = [
  { line: /^(drive_backup|block_stream) /, ask: 'info block-jobs', done: /No active/ },
  { line: /^drive_mirror /, ask: 'info block-jobs', done: /No active|Completed (\d+) of \1 / },
  { line: /^migrate -d /, ask: 'info migrate', done: /status: (completed|failed)/ },
];
/**
 * What a line needs, and how one sees it: the firmware gives the PM registers their place, and
 * sleeps only when all devices that it finds have addresses. New code is logged until every kind of
 * key was pressed and released, and one more found the buffer full.
 */
const BEFORE: readonly Wait[] = [
  { line: /^o\/h 0x604 /, ask: 'i/h 0x604', done: /= 0x(?!ffff)/ },
  { line: /^usb_add mouse$/, ask: 'info cpus', done: /\(halted\)/ },
  { line: /^log in_asm$/, ask: 'xp/1hx 0x41c', done: /: 0x003c/, times: 10 },
];

function waitsFor(typed: string, waits: readonly Wait[]): Step[] {
  return waits
    .filter(({ line }) => line.test(typed))
    .map(({ ask, done, times }) => ({
      typed: ask,
      answer: '',
      isHidden: true,
      isGood: inARow(done, times ?? 1),
    }));
}

function inARow(done: RegExp, times: number): (answer: string) => boolean {
  let seen = 0;
  return answer => {
    seen = done.test(answer) ? seen + 1 : 0;
    return seen >= times;
  };
}

const PROMPT = /(^|\n|-)\r*(\(qemu\) |qemu-io> |[Pp]assword: )$/;
const PATIENCE_MS = 30_000;
const AGAIN_MS = 30;
const KILLED = '(killed by recorder)';

const CONT: Step = { typed: 'cont', answer: '', isHidden: true, isGood: () => true };

function stepsOf({ run, agrees, heldUntil }: Script): Step[] {
  return exchanges(run.output).flatMap(({ typed, answer }): Step[] => {
    const isAsked = /^info (?!history)/.test(typed);
    return [
      ...waitsFor(typed, BEFORE),
      { typed, answer, isGood: isAsked ? got => agrees(typed, answer, got) : undefined },
      ...waitsFor(typed, AFTER),
      ...(heldUntil?.test(typed) ? [CONT] : []),
    ];
  });
}

class Typist {
  private bytes = Buffer.alloc(0);
  private next = 0;
  /** Where the answer to the last line begins. */
  private mark = 0;
  private askedSince = 0;
  private lastWords = '';
  private patience: NodeJS.Timeout | undefined;
  talk: Talk | undefined;

  constructor(
    private readonly steps: readonly Step[],
    private readonly script: Script,
    /** What is pressed at the end of a line. */
    private readonly enter: string,
  ) {
    this.restart();
  }

  get output(): Buffer {
    return this.bytes;
  }

  take(bytes: Uint8Array): void {
    this.bytes = Buffer.concat([this.bytes, bytes]);
    const tail = this.bytes.subarray(this.mark);
    if (this.lastWords !== '' && render(tail).endsWith(this.lastWords)) {
      this.lastWords = '';
      this.talk?.kill('SIGTERM');
    } else if (PROMPT.test(tail.toString('latin1'))) this.atPrompt(tail);
  }

  private atPrompt(tail: Buffer): void {
    this.restart();
    const step = this.steps[this.next - 1];
    if (step?.isGood !== undefined) {
      const [, ...answer] = render(tail).split('\n');
      const isOver = Date.now() - this.askedSince > PATIENCE_MS;
      if (
        !step.isGood(
          answer
            .slice(0, -1)
            .map(line => `${line}\n`)
            .join(''),
        ) &&
        !isOver
      ) {
        this.bytes = this.bytes.subarray(0, this.mark);
        setTimeout(() => this.talk?.write(step.typed + this.enter), AGAIN_MS);
        return;
      }
      if (step.isHidden) this.bytes = this.bytes.subarray(0, this.mark);
    }
    this.mark = this.bytes.length;
    this.askedSince = Date.now();
    this.type();
  }

  private type(): void {
    const step = this.steps[this.next++];
    const { run, onTyped } = this.script;
    if (step === undefined) this.talk?.kill('SIGINT');
    else if (this.next < this.steps.length || step.answer !== '' || isFarewell(step.typed)) {
      this.talk?.write(step.typed + this.enter);
    } else if (step.typed !== '') {
      // Whoever recorded this was in the middle of a line.
      this.lastWords = step.typed;
      this.talk?.write(step.typed);
    } else {
      onTyped?.();
      if (run.end === KILLED) this.talk?.kill('SIGKILL');
    }
  }

  done(): void {
    clearTimeout(this.patience);
  }

  private restart(): void {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.talk?.kill('SIGKILL'), PATIENCE_MS);
  }
}

/** After it there is nothing more to be said. */
function isFarewell(typed: string): boolean {
  return typed === PASSWORD || /^q(uit)?( |$)/.test(typed);
}

/** Passwords of tools end with CR, as terminals send it. */
function enterOf(how: How, { run }: Script): string {
  return how === 'tty' || run.output.includes('\npassword: ') ? '\r' : '\n';
}

/** Says all that was said; a session that hangs is ended, and is compared as far as it came. */
export async function replay(how: How, script: Script): Promise<Replayed> {
  const typist = new Typist(stepsOf(script), script, enterOf(how, script));
  const talk = start(how, script, bytes => typist.take(bytes));
  typist.talk = talk;
  const { stderr, end } = await talk.ended;
  typist.done();
  const isKilled = script.run.end === KILLED && end === 'signal 9';
  const bytes = typist.output;
  return { bytes, output: render(bytes), stderr, end: isKilled ? KILLED : end };
}
