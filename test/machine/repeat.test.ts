import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { missing, Program, ROOT, SEABIOS } from '../support/program.ts';

const GUEST = join(import.meta.dirname, 'guests/repeat');
const folder = mkdtempSync(join(tmpdir(), 'tinamou-repeat-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Boots the guest from a fresh disk; its exit status, the last line, and what it left on disk. */
async function run(args: readonly string[]) {
  const disk = join(folder, 'disk.img');
  copyFileSync(`${GUEST}.bin`, disk);
  const quiet = ['-nodefaults', '-display', 'none', '-monitor', 'none', '-m', '16'];
  const drive = ['-drive', `file=${disk},format=raw`, '-device', 'isa-debug-exit'];
  const program = new Program([...quiet, ...drive, ...args]);
  const { output, status } = await program.end(60_000);
  return {
    status,
    hash: output.trim(),
    left: readFileSync(disk).subarray(4096, 4112).toString('hex'),
  };
}

const COUNTED = ['-icount', 'shift=3,sleep=off,hash=on'];

test('two counted runs of one guest end in the same state, to the bit', async () => {
  const [first, second] = [await run(COUNTED), await run(COUNTED)];
  expect(first.hash).toMatch(/^state hash [0-9a-f]{16} after \d+ instructions$/);
  expect(first.status).toBe(0x2b);
  expect(second).toEqual(first);
}, 120_000);

test.skipIf(missing('machine/repeat', SEABIOS))(
  'so they do with SeaBIOS, however busy the host is',
  async () => {
    const args = [...COUNTED, '-bios', SEABIOS];
    const first = await run(args);
    const [second] = await Promise.all([run(args), busyHost()]);
    expect(second).toEqual(first);
  },
  180_000,
);

/** Until the monitor has answered `line`; what it said. */
async function ask(program: Program, line: string): Promise<string> {
  const from = program.output.length;
  program.type(`${line}\nhelp quit\n`);
  for (;;) {
    const said = program.output.slice(from);
    if (said.includes('quit the emulator')) return said;
    if (program.status !== undefined) throw new Error(`it has ended: ${program.output}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

function registers(text: string): string {
  return /EAX=[\s\S]*EFER=\S+/.exec(text.replaceAll('\r', ''))?.[0] ?? '';
}

test.each([
  ['the built-in firmware', []],
  ['SeaBIOS', ['-bios', SEABIOS]],
])(
  'with %s, one process ends as another that saved the state it began with',
  async (_n, bios) => {
    if (bios.length > 0 && missing('machine/repeat', SEABIOS)) return;
    const image = join(folder, 'disk.qcow2');
    const convert = ['convert', '-f', 'raw', '-O', 'qcow2', `${GUEST}.bin`, image];
    execFileSync(join(ROOT, 'bin/tinamou-img'), convert);
    const quiet = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-m', '16', ...bios];
    const args = [...quiet, ...COUNTED, '-hda', image, '-device', 'isa-debug-exit'];
    const end = async (program: Program): Promise<string> => {
      program.type('cont\n');
      const { output, status } = await program.end(60_000);
      expect(status).toBe(0x2b);
      return /state hash \S+ after \d+/.exec(output)?.[0] ?? '';
    };
    const first = new Program(args);
    await new Promise(resolve => setTimeout(resolve, 700));
    await ask(first, 'stop');
    const before = registers(await ask(first, 'info registers'));
    expect(before).toContain('EIP=');
    await ask(first, 'savevm there');
    const hash = await end(first);
    expect(hash).not.toBe('');
    const second = new Program([...args, '-S', '-loadvm', 'there']);
    expect(registers(await ask(second, 'info registers'))).toBe(before);
    expect(await end(second)).toBe(hash);
  },
  120_000,
);

test('another time per instruction is another history', async () => {
  const first = await run(COUNTED);
  const second = await run(['-icount', 'shift=6,sleep=off,hash=on']);
  expect(second.status).toBe(first.status);
  expect(second.hash).not.toBe(first.hash);
}, 120_000);

test('the guest is what its source says', () => {
  if (spawnSync('nasm', ['-v']).status !== 0) {
    console.log('machine/repeat: nasm absent, source not compared');
    return;
  }
  const built = join(folder, 'repeat.bin');
  execFileSync('nasm', ['-f', 'bin', `${GUEST}.asm`, '-o', built]);
  expect(readFileSync(built).equals(readFileSync(`${GUEST}.bin`))).toBe(true);
});

/** Takes processor time from whatever else runs. */
async function busyHost(): Promise<void> {
  const hogs = Array.from({ length: 3 }, () => new Program(['-e', 'for(;;){}'], process.execPath));
  await new Promise(resolve => setTimeout(resolve, 4000));
  await Promise.all(hogs.map(hog => hog.kill()));
}
