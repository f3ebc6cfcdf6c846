/**
 * The tools run inside the test: what they print, how they end.
 */
import { runImageTool } from '../../src/block/img/main.ts';
import { runIoTool } from '../../src/block/io/main.ts';
import type { BlockHost } from '../../src/disk-host.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';
import { readFile } from '../../src/host-tool.ts';
import type { ToolHost } from '../../src/tool-host.ts';

export interface Outcome {
  readonly out: string;
  readonly err: string;
  /** Undefined when it was left waiting for a password. */
  readonly status: number | undefined;
}

/** What is typed: passwords one after the other, or nobody is there to type one. */
export type Typist = readonly string[] | 'nobody';

class Recorder {
  out = '';
  err = '';
  private readonly queue: string[];
  /** Resolves when a password is asked for that nobody will give. */
  readonly stuck: Promise<undefined>;
  private onStuck: () => void = () => {};

  constructor(
    private readonly passwords: Typist,
    private readonly lines: string[] = [],
  ) {
    this.queue = passwords === 'nobody' ? [] : [...passwords];
    this.stuck = new Promise(resolve => {
      this.onStuck = () => resolve(undefined);
    });
  }

  private readPassword(prompt: string): Promise<Uint8Array | undefined> {
    this.out += prompt;
    if (this.passwords === 'nobody') {
      this.onStuck();
      return new Promise(() => {});
    }
    const next = this.queue.shift();
    return Promise.resolve(next === undefined ? undefined : new TextEncoder().encode(next));
  }

  host(program: string, words: readonly string[]): ToolHost {
    return {
      program,
      arguments: words,
      strictOrder: false,
      out: text => {
        this.out += text;
      },
      err: text => {
        this.err += text;
      },
      readPassword: prompt => this.readPassword(prompt),
      readLine: async prompt => {
        const line = this.lines.shift();
        this.out += line === undefined ? prompt : `${prompt}${line}\n`;
        return line;
      },
      onProgressAsked: () => () => {},
      elapsed: () => 0,
      raise: async () => {},
      readFile,
    };
  }
}

export async function runTool(
  program: string,
  words: readonly string[],
  passwords: Typist = [],
  files: BlockHost = nodeBlockHost,
): Promise<Outcome> {
  const recorder = new Recorder(passwords);
  const run = runImageTool(recorder.host(program, words), files);
  const status = await Promise.race([run, recorder.stuck]);
  return { out: recorder.out, err: recorder.err, status };
}

/** The I/O tool, with what is typed at its prompt. */
export async function runIo(
  program: string,
  words: readonly string[],
  lines: readonly string[] = [],
  files: BlockHost = nodeBlockHost,
): Promise<Outcome> {
  const recorder = new Recorder([], [...lines]);
  const status = await runIoTool(recorder.host(program, words), files);
  return { out: recorder.out, err: recorder.err, status };
}
