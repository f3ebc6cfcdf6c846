/**
 * The recorded sessions of the human monitor, and how a session may differ from its record: each
 * difference has its reason.
 */

import { cpSync } from 'node:fs';
import { expect } from 'vitest';
import { Workshop } from './emulator.ts';
import { makeImages } from './encrypted-images.ts';
import type { Replayed } from './replay.ts';
import { type Run, transcript } from './sessions.ts';

/** What a session may say that was not recorded, and why. */
interface Known {
  /** The line typed, or `stderr`, `end`. */
  readonly what: RegExp;
  readonly why: string;
}

/** Rows of docs/compatibility.md, and what no two runs have in common. */
const GUEST = 'the guest runs other firmware';
const HOST = 'of the host, or of the moment';
const RECORDER = 'the recorder ended the session';
const NO_DEVICE = 'no such device yet';
const CPU = 'one processor, no KVM';
const TRACE = 'there are no trace events';

const ALL = [{ what: /^/, why: NO_DEVICE }];

const KNOWN: { readonly [session: string]: readonly Known[] } = {
  'B04 13': [{ what: /^/, why: RECORDER }],
  'B04 18': [{ what: /^/, why: RECORDER }],
  'B04 20': [{ what: /^/, why: 'the program is ours' }],
  'C02 1': [
    { what: /^(i|i\/\dxb|i\/w) 0x70|^sum 0/, why: GUEST },
    { what: /^gdbserver$/, why: NO_DEVICE },
    { what: /^stderr$/, why: GUEST },
  ],
  'C02 3': ALL,
  'C02 5': [
    { what: /^device_add (help|usb-storage,help)|^nbd_server_(start|add) [-ln]/, why: NO_DEVICE },
  ],
  'C03 0': [
    { what: /^xp? ?(\/\d*[icdouxbhwg]+|0$|\$pc)/, why: GUEST },
    { what: /^p(rint)?(\/d)? \$(pc|eip|cs|eflags)/, why: GUEST },
  ],
  'C03 6': [{ what: /^/, why: RECORDER }],
  'C05 0': [
    { what: /^info (cpus|block -v)/, why: HOST },
    { what: /^info (mtree|roms)/, why: NO_DEVICE },
    { what: /^info (kvm|jit)/, why: CPU },
    { what: /^info trace-events/, why: TRACE },
  ],
  'C06 0': [
    { what: /^info (network|pci)/, why: NO_DEVICE },
    { what: /^info kvm/, why: CPU },
  ],
  'C06 4': [{ what: /^info pci/, why: NO_DEVICE }],
  'C06 5': ALL,
  'C06 6': ALL,
  'C07 0': [{ what: /^i\/[hw] 0x70/, why: GUEST }],
};

/** `Password:` answers have no line of their own. */
function exchanges(text: string): { typed: string; text: string }[] {
  return text.split(/(?<=^|\n|-)(?=\(qemu\) )/).map(part => ({
    typed: /^\(qemu\) (.*)/.exec(part)?.[1] ?? '',
    text: part.trimEnd(),
  }));
}

function masked(text: string): string {
  return (
    text
      .replace(/disk size: \S+/g, 'disk size: N')
      .replace(/\/\S*\bvl\.\S+/g, 'TEMPORARY')
      .replace(/ from pid \d+/g, '')
      .replace(/^(\d+ +\S+) +\S+ \d{4}-\S+ \S+ +[\d:.]+$/gm, '$1 SIZE DATE CLOCK')
      .replace(/vm-\d{14}/g, 'vm-TIME')
      .replace(/^((?:total|normal|duplicate|setup|transferred|throughput)[\w ]*:).*/gm, '$1 N')
      // What else is read from a pipe is nobody's.
      .replace(/^cat: (-|write error): .*\n/gm, '')
  );
}

export function expectSame(name: string, run: Run, got: Replayed): void {
  const known = KNOWN[name] ?? [];
  const isKnown = (what: string): boolean => known.some(k => k.what.test(what));
  const parts = (r: Pick<Run, 'output' | 'stderr' | 'end'>) => [
    ...exchanges(masked(r.output)).filter(part => !isKnown(part.typed)),
    ...(isKnown('stderr') ? [] : [{ typed: 'stderr', text: masked(r.stderr) }]),
    ...(isKnown('end') ? [] : [{ typed: 'end', text: r.end }]),
  ];
  expect(parts(got)).toEqual(parts(run));
}

/** Paths of the recorder's folder were cut out of the transcript; their slashes are arithmetic. */
function withPaths(run: Run): Run {
  const output = run.output.replace(/^(\(qemu\) p?memsave \S+ 16) (p?ms2?)$/gm, '$1 /tmp/$2');
  return { ...run, output };
}

export interface Session {
  readonly name: string;
  readonly run: Run;
}

export function sessions(file: string): Session[] {
  return transcript(file).map((run, i) => ({
    name: `${file.slice(0, 3)} ${i}`,
    run: withPaths(run),
  }));
}

/** Keys beyond lines of text were pressed in these; see terminal.test.ts. */
export const KEYS = ['C03 1', 'C03 3', 'C03 4', 'C03 5', 'C06 7'];

/** Folders with fresh images. */
export class Workshops {
  private readonly template = new Workshop();
  private readonly made = [this.template];

  constructor() {
    makeImages(this.template);
  }

  next(): Workshop {
    const { template } = this;
    const workshop = new Workshop();
    this.made.push(workshop);
    const filter = (path: string): boolean => path !== template.program;
    cpSync(template.folder, workshop.folder, { recursive: true, filter });
    return workshop;
  }

  close(): void {
    for (const workshop of this.made) workshop.close();
  }
}
