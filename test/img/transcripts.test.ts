import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Outcome, runTool, type Typist } from '../support/image-tool.ts';
import { golden } from '../support/sessions.ts';
import { parseTranscript, type Step } from '../support/tool-transcript.ts';

/** Formats of QEMU that tinamou does not have. */
const FOREIGN = /\b(qed|vdi|vmdk|vpc|vhdx|parallels|cloop|bochs)\b/;

let folder = '';
const home = process.cwd();

/** The files that the recordings started with. */
async function prepare(): Promise<void> {
  const pattern = new Uint8Array(1024 * 1024);
  for (let i = 0; i < pattern.length; i++) pattern[i] = (i >> 9) + i;
  writeFileSync('raw.img', '');
  truncateSync('raw.img', 4 * 1024 * 1024);
  // Zeros, not a hole: the recorded map shows data up to the end.
  writeFileSync('src.raw', pattern);
  writeFileSync('src.raw', new Uint8Array(3 * 1024 * 1024), { flag: 'a' });
  writeFileSync('backing.img', '');
  truncateSync('backing.img', 4 * 1024 * 1024);
  writeFileSync('garbage.bin', new Uint8Array(1024).fill(0x67));
  writeFileSync('big.raw', '');
  truncateSync('big.raw', 8 * 1024 * 1024);
  const make = async (line: string): Promise<void> => {
    const { status, err } = await runTool('qemu-img', line.split(' '));
    if (status !== 0) throw new Error(`${line}: ${err}`);
  };
  await make('create -q -f qcow2 plain.qcow2 4m');
  await make('create -q -f qcow2 -o encryption enc.qcow2 4m');
  await make('create -q -f qcow2 -o encryption enc2.qcow2 4m');
  await make('create -q -f qcow -o encryption enc.qcow 4m');
  await make('create -q -f qcow2 -o encryption -b backing.img -F raw geheim.qcow2');
  await make('create -q -f qcow2 -b backing.img -F raw normal.qcow2');
  await make('create -q -f qcow2 -b enc.qcow2 -F qcow2 overenc.qcow2');
  await make('create -q -f qcow2 -b overenc.qcow2 -F qcow2 overoverenc.qcow2');
  await make('convert -O qcow2 src.raw c.qcow2');
  const made = await runTool(
    'qemu-img',
    'convert -O qcow2 -o encryption src.raw ce.qcow2'.split(' '),
    ['secret'],
  );
  if (made.status !== 0) throw new Error(made.err);
  damage();
}

const L2_TABLE = 0x40000;

/** Two images with mistakes: a cluster that nobody refers to, and one that two entries share. */
function damage(): void {
  const image = readFileSync('c.qcow2');
  image.writeBigUInt64BE(0n, L2_TABLE);
  writeFileSync('leak.qcow2', image);
  image.writeBigUInt64BE(image.readBigUInt64BE(L2_TABLE + 8), L2_TABLE + 16);
  writeFileSync('corrupt.qcow2', image);
}

async function takeSnapshots(): Promise<void> {
  for (const name of ['snap1', 'snap2']) {
    await runTool('qemu-img', ['snapshot', '-c', name, 'plain.qcow2']);
  }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tinamou-img-'));
});

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

/** What differs from run to run, or is said differently on purpose. */
function masked(text: string): string {
  return text
    .replace(/^disk size: .*$/gm, 'disk size: -')
    .replace(/"actual-size": \d+/g, '"actual-size": 0')
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'YYYY-MM-DD hh:mm:ss')
    .replace(/"date-(n?)sec": \d+/g, '"date-$1sec": 0')
    .replace(/^Image end offset: .*$/gm, 'Image end offset: -')
    .replace(/"image-end-offset": \d+/g, '"image-end-offset": 0')
    .replace(/^Supported formats: .*$/gm, 'Supported formats: -')
    .replace(/^qemu-img version 2\.2\.50, .*$/gm, 'qemu-img version 2.2.50')
    .replace(/^qemu-img: warning: .*\n/gm, '');
}

/** A carriage return goes back to the start of the line, as a terminal shows it. */
function rendered(text: string): string {
  const overwrite = (line: string): string =>
    line.split('\r').reduce((shown, part) => part + shown.slice(part.length));
  return masked(text).split('\n').map(overwrite).join('\n');
}

/** What came out, and what was recorded, in comparable form. */
async function replay(step: Step): Promise<readonly [string, string]> {
  const outcome = await perform(step);
  const show = (part: { out: string; err: string; status: number | undefined }): string => {
    const out = rendered(part.out);
    const err = rendered(part.err);
    const text = step.terminal ? out + err : `${out}[stderr]\n${err}`;
    // Whether the line ended when the program was killed is not recorded.
    const shown = part.status === undefined ? text.replace(/(?<=password: )\n/, '') : text;
    return `$ ${step.words.join(' ')}\n${shown}[exit ${part.status}]\n`;
  };
  return [show(outcome), show(step)];
}

function perform(step: Step): Outcome | Promise<Outcome> {
  const [program, ...words] = step.words;
  if (program === 'cmp') return compared(words[0], words[1]);
  return runTool('qemu-img', words, typist(step));
}

/** The recorded run that gave `cw.raw` was given a wrong password. */
function typist(step: Step): Typist {
  if (step.status === undefined) return 'nobody';
  if (step.err.includes('No password given')) return [];
  return step.words.includes('cw.raw') ? ['wrong'] : ['secret', 'secret'];
}

/** As cmp says it. */
function compared(a: string, b: string): Outcome {
  const [left, right] = [readFileSync(a), readFileSync(b)];
  if (left.equals(right)) return { out: '', err: '', status: 0 };
  const at = left.findIndex((byte, i) => byte !== right[i]);
  const line = left.subarray(0, at).filter(byte => byte === 10).length + 1;
  return { out: `${a} ${b} differ: byte ${at + 1}, line ${line}\n`, err: '', status: 1 };
}

const isForeign = ({ words }: Step): boolean =>
  FOREIGN.test(words.filter(word => word !== '-h').join(' '));

function stepsOf(name: string): Step[] {
  return parseTranscript(golden(name));
}

const NAMES = [
  'F01-create',
  'F01-info',
  'F01-misc',
  'F01-amend',
  'F01-check',
  'F01-commit',
  'F01-compare',
  'F01-convert',
  'F01-map',
  'F01-rebase',
  'F01-resize',
  'F01-snapshot',
  'F02-options',
];

test.each(NAMES)('%s', async name => {
  const inner = mkdtempSync(join(folder, `${name}-`));
  process.chdir(inner);
  await prepare();
  if (name === 'F01-snapshot') await takeSnapshots();
  const seen: string[] = [];
  const recorded: string[] = [];
  for (const step of stepsOf(name).filter(s => !isForeign(s))) {
    const line = step.words.join(' ');
    if (line === 'qemu-img info plain.qcow2' && recorded.join('').includes(line)) {
      await takeSnapshots();
    }
    const [ours, theirs] = await replay(step);
    seen.push(ours);
    recorded.push(theirs);
  }
  expect(seen.join('')).toBe(recorded.join(''));
  expect(recorded.length).toBeGreaterThan(3);
});

test('recorded uses of formats that tinamou lacks end in an error that names them', async () => {
  process.chdir(mkdtempSync(join(folder, 'foreign-')));
  const steps = NAMES.flatMap(stepsOf).filter(isForeign);
  expect(steps.length).toBe(26);
  for (const { words } of steps) {
    const name =
      words
        .slice(1)
        .find(word => FOREIGN.test(word))
        ?.replace('t.', '') ?? '';
    makeForeign(name);
    const { err, status } = await runTool('qemu-img', words.slice(1));
    expect([words.join(' '), status, err]).toEqual([
      words.join(' '),
      1,
      expect.stringMatching(`'(t\\.)?${name}'`),
    ]);
  }
});

/** The magic of a format, as far as it tells one from the other. */
function makeForeign(name: string): void {
  const bytes = new Uint8Array(4096);
  const magic = { qed: 'QED\0', vmdk: 'KDMV', vpc: 'conectix', vhdx: 'vhdxfile' }[name];
  if (magic !== undefined) bytes.set(new TextEncoder().encode(magic));
  if (name === 'vdi') bytes.set([0x7f, 0x10, 0xda, 0xbe], 64);
  if (magic !== undefined || name === 'vdi') writeFileSync(`t.${name}`, bytes);
}
