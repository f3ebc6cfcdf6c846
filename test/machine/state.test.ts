import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type RamDisk, ramDisk } from '../support/board.ts';
import { missing, SEABIOS } from '../support/program.ts';
import { WholeMachine } from '../support/whole-machine.ts';

const GUESTS = process.env['TINAMOU_GUESTS'] ?? '/tmp/tinamou-guests';
const REPEAT = join(import.meta.dirname, 'guests/repeat.bin');
const MS = 1_000_000;
const MINUTES = 60_000;

function diskOf(path: string, name = 'ide0-hd0'): RamDisk {
  const bytes = readFileSync(path);
  const disk = ramDisk(Math.max(bytes.length, 1 << 20), name);
  disk.bytes.set(bytes);
  return disk;
}

/** Runs on to the same instant twice, the second time from the saved state; and elsewhere. */
async function expectSameHistory(make: () => WholeMachine, first: WholeMachine, stepsNs: number[]) {
  const saved = await first.save();
  const atNs = first.nowNs;
  const run = async (machine: WholeMachine): Promise<string[]> => {
    const hashes = [machine.hash];
    for (const stepNs of stepsNs) {
      await machine.runTo(atNs + stepNs);
      hashes.push(machine.hash);
    }
    return hashes;
  };
  const expected = await run(first);
  expect(new Set(expected).size).toBe(expected.length);
  await first.load(saved);
  expect(await run(first)).toEqual(expected);
  const second = make();
  await second.load(saved);
  expect(second.nowNs).toBe(atNs);
  expect(await run(second)).toEqual(expected);
  first.end();
  second.end();
}

test.each([
  ['the built-in firmware', []],
  ['SeaBIOS', ['-bios', SEABIOS]],
] as const)(
  '%s and a boot sector go on as they did from a saved state',
  async (_name, bios) => {
    if (bios.length > 0 && missing('machine/state', SEABIOS)) return;
    const make = () => new WholeMachine(['-m', '16', ...bios], { ide: diskOf(REPEAT) });
    const machine = make();
    await machine.runUntilBusy();
    expect(machine.isBusy).toBe(true);
    await expectSameHistory(make, machine, [1, 3 * MS, 40 * MS]);
  },
  300_000,
);

test.skipIf(missing('machine/state', SEABIOS))(
  'a stick on UHCI',
  async () => {
    const argv = ['-m', '16', '-usb', '-bios', SEABIOS];
    const make = () => new WholeMachine(argv, { usb: diskOf(REPEAT, 'usb0') });
    const machine = make();
    await machine.runUntilBusy();
    expect(machine.isBusy).toBe(true);
    await expectSameHistory(make, machine, [1, 3 * MS, 40 * MS]);
  },
  300_000,
);

describe.skipIf(missing('machine/state', join(GUESTS, 'vmlinuz-686')))('Linux', () => {
  const kernel = ['vmlinuz-686', 'initrd-686.gz'].map(name => join(GUESTS, name));
  const boot = (append: string) => [
    ...['-m', '64', '-kernel', kernel[0], '-initrd', kernel[1]],
    ...['-append', `console=ttyS0 ${append}`],
  ];

  test('in the middle of its boot', { timeout: 10 * MINUTES }, async () => {
    const make = () => new WholeMachine(boot(''));
    const machine = make();
    await machine.runTo(150 * MS);
    await expectSameHistory(make, machine, [1, 1 * MS, 50 * MS]);
  });
});
