/**
 * The recorded invocations of the emulator that say something, or nothing, and end or have to be
 * ended: each again over pipes and at a terminal.
 */

import { afterAll, expect, test } from 'vitest';
import { Workshop } from './emulator.ts';
import { LEGACY, makeImages } from './encrypted-images.ts';
import { golden, render, shellWords } from './sessions.ts';
import { type How, start } from './talk.ts';

interface Invocation {
  readonly command: string;
  readonly argv: readonly string[];
  /** The list of log items goes on stdout, the rest on stderr. */
  readonly output: string;
  readonly stderr: string;
  /** It was still running after a second, when it was told to end. */
  readonly runs: boolean;
}

/** What has to come instead; rows of docs/compatibility.md. */
const INSTEAD: readonly { readonly command: RegExp; readonly stderr: string }[] = [
  {
    command: /format=vmdk/,
    stderr: "qemu-system-x86_64: -drive file=raw.img,format=vmdk: Unknown driver 'vmdk'\n",
  },
  {
    command: /nbd:/,
    stderr: "qemu-system-x86_64: -drive file=nbd:localhost:1: Unknown protocol 'nbd'\n",
  },
  {
    command: /format=(help|.\?)/,
    stderr: 'Supported formats: raw qcow qcow2 file blkdebug null-co null-aio\n',
  },
  {
    command: /-enable-kvm/,
    stderr: '"kvm" accelerator not found.\nNo accelerator found!\n',
  },
  { command: /-daemonize/, stderr: 'qemu-system-x86_64: -daemonize: invalid option\n' },
  {
    command: /-watchdog bogus/,
    stderr: 'Unknown -watchdog device. Supported devices are:\n',
  },
];

const plain = (stderr: string): string => stderr.replace(/ from pid \d+/, '');

function here(recorded: Invocation): Invocation {
  const instead = INSTEAD.find(({ command }) => command.test(recorded.command));
  return instead === undefined ? recorded : { ...recorded, stderr: instead.stderr, runs: false };
}

function invocations(): Invocation[] {
  return golden('B02-option-errors')
    .split(/^\$ /m)
    .slice(1)
    .map(block => {
      const [command, ...lines] = block.split('\n');
      const of = (mark: string): string =>
        lines
          .filter(line => line.startsWith(`${mark}: `))
          .map(line => `${line.slice(3)}\n`)
          .join('');
      const argv = shellWords(command).slice(1);
      const runs = lines.includes('[rc 124]');
      return here({ command, argv, output: of('o'), stderr: plain(of('e')), runs });
    });
}

/** Long enough for a start; SIGTERM ends it. */
const START_MS = 1500;
const PATIENCE_MS = 30_000;

async function invoke(how: How, { argv, runs }: Invocation, { program, folder }: Workshop) {
  const bytes: Uint8Array[] = [];
  // Those that are wrong are so in both modes.
  const words = runs ? [...LEGACY, ...argv] : argv;
  const talk = start(how, { program, folder, argv: words, stderrApart: true }, chunk =>
    bytes.push(chunk),
  );
  const timer = setTimeout(() => talk.kill('SIGTERM'), runs ? START_MS : PATIENCE_MS);
  const { stderr, end } = await talk.ended;
  clearTimeout(timer);
  return { argv, output: render(Buffer.concat(bytes)), stderr, end };
}

export function invokeAll(how: How): void {
  const workshops: Workshop[] = [];
  afterAll(() => {
    for (const workshop of workshops) workshop.close();
  });
  const free: Workshop[] = [];
  const all = invocations();
  test.concurrent.each(all)(
    '$command',
    async invocation => {
      const { argv, output, stderr, runs } = invocation;
      // None of them changes its images.
      const workshop = free.pop() ?? newWorkshop(workshops);
      const got = await invoke(how, invocation, workshop);
      free.push(workshop);
      expect(got).toEqual({ argv, output, stderr, end: runs ? 'exit 0' : 'exit 1' });
    },
    60_000,
  );

  test('there are enough of them', () => {
    expect(all.filter(({ runs }) => !runs).length).toBeGreaterThan(130);
    expect(all.length).toBe(171);
  });
}

function newWorkshop(workshops: Workshop[]): Workshop {
  const workshop = new Workshop();
  workshops.push(workshop);
  makeImages(workshop);
  return workshop;
}
