import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, test } from 'vitest';

/**
 * A loop of 6,000,000 turns: calls, byte, word and double-word accesses, aligned and not, jumps
 * that are taken and not.
 */
const PROGRAM =
  'bc 00 00 20 00 be 00 00 18 00 bf 80 8d 5b 00 89 f8 e8 24 00 00 00 89 3c 86 03 1c 86 0f ' +
  'b6 14 06 66 89 56 01 83 46 03 05 53 59 39 ca 72 02 31 cb c1 e9 03 83 d3 00 4f 75 d6 f4 ' +
  '25 ff 00 00 00 a8 01 74 03 8d 40 01 c3 ';

const SCRIPT = `
  import { BareMachine } from './bare-machine.ts';
  const machine = new BareMachine(4);
  const bytes = PROGRAM.trim().split(' ').map(byte => Number.parseInt(byte, 16));
  machine.memory.writeBytes(0x100000, Uint8Array.from(bytes));
  machine.enterProtected(0x100000);
  machine.run(1e9);
  console.log('instructions', machine.cpu.instructions);
`;

test('once trained, the run loop is compiled once and kept', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'train-'));
  try {
    const outfile = join(folder, 'run.mjs');
    await build({
      stdin: {
        contents: SCRIPT,
        resolveDir: join(import.meta.dirname, '../support'),
        loader: 'ts',
      },
      define: { PROGRAM: JSON.stringify(PROGRAM) },
      bundle: true,
      platform: 'node',
      format: 'esm',
      outfile,
    });
    const flags = ['--trace-deopt', '--trace-opt', outfile];
    const text = execFileSync(process.execPath, flags, { encoding: 'utf8', maxBuffer: 1 << 26 });
    expect(text).toMatch(/instructions 1\d{8}/);
    expect(text).toMatch(/completed optimizing.*run32/);
    expect(text.split('\n').filter(l => /bailout.*run32/.test(l))).toEqual([]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}, 60_000);
