/**
 * The recorded sessions, each played again over pipes and at a terminal: with which images, after
 * which other sessions, and as what program.
 */

import { chmodSync, cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { agrees, asHere, expectSame, withoutAbsent } from './differences.ts';
import { IMAGE_TOOL, IO_TOOL, PROGRAM, Workshop } from './emulator.ts';
import { LEGACY, makeImages, recordedBacking } from './encrypted-images.ts';
import { freePort } from './free-port.ts';
import { type Replayed, replay } from './replay.ts';
import { type Run, rawGolden, transcript } from './sessions.ts';
import type { How } from './talk.ts';

export interface Session {
  /** The transcript, and the number in it: `B04 7`. */
  readonly name: string;
  readonly run: Run;
}

/** What happened to the record, not in it. */
function mended(run: Run): Run {
  const output = run.output
    // Paths of the recorder's folder were cut out; their slashes are arithmetic.
    .replace(/^(\(qemu\) p?memsave \S+ 16) (p?ms2?)$/gm, '$1 /tmp/$2')
    // He typed ahead of the program.
    .replace(/^[ic](?=QEMU)/, '');
  return { ...run, output };
}

export function sessions(file: string): Session[] {
  const name = /^A\d+.*(pipe|tty)/.test(file) ? file.replace(/-.*-/, '-') : file.slice(0, 3);
  return transcript(file).map((run, i) => ({ name: `${name} ${i}`, run: mended(run) }));
}

/** Keys beyond lines of text were pressed in these; see terminal.test.ts. */
export const KEYS = ['C03 1', 'C03 3', 'C03 4', 'C04 0', 'C04 1', 'C04 2', 'C06 7'];

export const FILES = [
  ...['A01-create-raw', 'A02-create-geheim', 'A03-create-normal', 'A04-normal-pipe'],
  ...['A04-normal-tty', 'A05-geheim-pipe', 'A05-geheim-tty', 'A06-two-pipe', 'A06-two-tty'],
  ...['A07-driveadd-pipe', 'A07-driveadd-tty', 'A08-drivebackup-pipe', 'A08-drivebackup-tty'],
  ...['A09-commit-pipe', 'A09-commit-tty', 'B01-startup', 'B03-keys', 'B04-states', 'B05-misc'],
  ...['C01-help', 'C02-parse', 'C03-parse2', 'C05-info', 'C06-info-default', 'C07-fmt'],
  ...['E01-prepare', 'E02-drive-backup', 'E03-commit', 'E04-qemu-io-nokey'],
  ...['E06-commit-empties', 'H03-rfc-patch1-reconstruction'],
];

/** The signal came before there was anything to see; see early-signals.test.ts. */
export const TOO_EARLY = 'B04 18';

const isPlayed = ({ name }: Session): boolean => !KEYS.includes(name) && name !== TOO_EARLY;

/** Sessions that leave files to others. */
const BEFORE: { readonly [name: string]: readonly string[] } = {
  'B04 5': ['B04 4'],
  'B04 7': ['B04 6'],
  'B04 9': ['B04 8'],
  'B04 11': ['B04 10'],
  'E01 2': ['E01 1'],
  'E01 3': ['E01 1', 'E01 2'],
  'E01 4': ['E01 1', 'E01 2'],
  'E02 6': ['E02 1'],
  'H03 2': ['H03 0'],
};
const FOR_KEYLESS = ['E01 0', 'E01 1', 'E01 2'];

const ALL = new Map(FILES.flatMap(sessions).map(session => [session.name, session]));

function named(name: string): Session {
  const session = ALL.get(name);
  if (session === undefined) throw new Error(`there is no session ${name}`);
  return session;
}

/** What these asked was answered before the firmware had come to it; ours is faster. */
const HELD: { readonly [name: string]: RegExp } = { 'C06 5': /^info usb$/ };

/** Folders with fresh images. */
export class Workshops {
  private readonly made: Workshop[] = [];
  private plain: Workshop | undefined;
  private keyless: Promise<Workshop> | undefined;

  /** For a session that comes after no other. */
  async next(session = ''): Promise<Workshop> {
    const template = /^E0[2-6]/.test(session) ? await this.withKeyless() : this.withImages();
    const workshop = this.add();
    const filter = (path: string): boolean => path !== template.program;
    cpSync(template.folder, workshop.folder, { recursive: true, filter });
    return workshop;
  }

  private add(): Workshop {
    const workshop = new Workshop();
    this.made.push(workshop);
    return workshop;
  }

  private withImages(): Workshop {
    if (this.plain === undefined) {
      this.plain = this.add();
      makeImages(this.plain);
      makeKeylessSources(this.plain);
    }
    return this.plain;
  }

  /** An encrypted image with data in it, over another. */
  private withKeyless(): Promise<Workshop> {
    this.keyless ??= this.next().then(async workshop => {
      for (const name of FOR_KEYLESS) await play('pipe', named(name), workshop);
      return workshop;
    });
    return this.keyless;
  }

  close(): void {
    for (const workshop of this.made) workshop.close();
  }
}

/** What lies below, and a disk with something in three of its clusters. */
function makeKeylessSources({ folder }: Workshop): void {
  writeFileSync(join(folder, 'backing.img'), recordedBacking());
  const plain = Buffer.alloc(64 << 16);
  for (const cluster of [0, 1, 5]) plain.fill(0x60 + cluster, cluster << 16, (cluster + 1) << 16);
  writeFileSync(join(folder, 'plain.raw'), plain);
}

const PORT = /\b(45871|45999|10999)\b/g;

/** Those of the record may be taken. */
async function withFreePort(run: Run): Promise<Run> {
  if (!PORT.test(run.command + run.output)) return run;
  const port = String(await freePort());
  const moved = (text: string): string => text.replace(PORT, port);
  return { ...run, argv: run.argv.map(moved), output: moved(run.output) };
}

/** `cat` of the record had time to live: until all was typed. */
function holdCat({ folder }: Workshop): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  const wait = `#!/bin/sh\nuntil [ -e ${folder}/typed ]; do sleep 0.05; done\nexec /bin/cat\n`;
  writeFileSync(join(bin, 'cat'), wait);
  chmodSync(join(bin, 'cat'), 0o755);
  return `${bin}:${process.env['PATH']}`;
}

interface Means {
  readonly program: string;
  readonly words: readonly string[];
}

function meansOf({ name, run }: Session, { folder, program }: Workshop): Means {
  const [recorded] = run.command.split(' ');
  const isRefusing = name.startsWith('H');
  if (recorded === PROGRAM) return { program, words: isRefusing ? [] : LEGACY };
  const tool = join(folder, recorded);
  const isIo = recorded === 'qemu-io';
  try {
    symlinkSync(isIo ? IO_TOOL : IMAGE_TOOL, tool);
  } catch {
    // An earlier session has made it.
  }
  const isTold = isIo && !isRefusing;
  return { program: tool, words: isTold ? ['--compat', 'encrypted-images=legacy'] : [] };
}

/** The I/O tool leaves showing what is typed to the terminal. */
function withoutEcho(run: Run): Run {
  return { ...run, output: run.output.replace(/^qemu-io> .*\n/gm, 'qemu-io> ') };
}

/** Says all that was said in a recorded session. */
async function play(how: How, session: Session, workshop: Workshop): Promise<void> {
  const { name } = session;
  const run = await withFreePort(asHere(session));
  const { program, words } = meansOf(session, workshop);
  const { folder } = workshop;
  const isHeld = run.argv.includes('exec:cat');
  const heldUntil = HELD[name];
  const got = await replay(how, {
    run,
    program,
    folder,
    argv: [...words, ...withoutAbsent(name, run.argv), ...(heldUntil ? ['-S'] : [])],
    heldUntil,
    stderrApart: run.stdin === 'pipe',
    environment: isHeld ? { PATH: holdCat(workshop) } : {},
    onTyped: () => writeFileSync(join(folder, 'typed'), ''),
    agrees: (typed, recorded, answer) => agrees(name, typed, recorded, answer),
  });
  expectSame(name, how === 'pipe' ? withoutEcho(run) : run, got);
  expectBytes(how, session, got);
}

/** What a terminal or a pipe gets, to the byte. */
const RAW: { readonly [name: string]: readonly [How, string] } = {
  'A05-tty 0': ['tty', 'A05-geheim-tty'],
  'A06-tty 0': ['tty', 'A06-two-tty'],
  'A06-pipe 0': ['pipe', 'A06-two-pipe'],
};

function expectBytes(how: How, { name }: Session, { bytes }: Replayed): void {
  const [recordedHow, file] = RAW[name] ?? [];
  if (file === undefined || how !== recordedHow) return;
  expect(bytes.toString('latin1')).toBe(rawGolden(file).toString('latin1'));
}

export function playAll(how: How): void {
  const workshops = new Workshops();
  afterAll(() => workshops.close());
  const all = [...ALL.values()].filter(isPlayed);
  test.concurrent.each(all)(
    '$name',
    async session => {
      const workshop = await workshops.next(session.name);
      for (const name of BEFORE[session.name] ?? []) await play(how, named(name), workshop);
      await play(how, session, workshop);
    },
    120_000,
  );
}
