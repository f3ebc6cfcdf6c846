import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, Program, ROOT, SEABIOS } from '../support/program.ts';

/**
 * The differential CPU fuzzer: its oracle is this computer's own processor. FUZZ_SEEDS names the
 * seeds to try, separated by commas; each takes about half a minute.
 */
const TOOL = process.env['TINAMOU_X86FUZZ'] ?? join(ROOT, '../shared/tools/x86fuzz');
const SEEDS = (process.env['FUZZ_SEEDS'] ?? process.env['SEED'] ?? '1').split(',');
const IMAGES = ['int', 'fpu', 'simd', 'mix', 'impl', 'smoke'];
const MINUTES = 60_000;

function canBuild(): boolean {
  if (missing('machine/fuzz', join(TOOL, 'mkall.sh'))) return false;
  const probe = spawnSync('gcc', ['-m32', '-x', 'c', '-', '-o', '/dev/null'], {
    input: '#include <stdio.h>\nint main(void) { return 0; }\n',
  });
  if (probe.status !== 0) console.log('machine/fuzz: skipped, gcc -m32 absent');
  return probe.status === 0;
}

/** What the guest says of its cases, without the serial line's other text. */
async function report(image: string, firmware: readonly string[]): Promise<string[]> {
  const devices = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', '-cpu', 'max'];
  const quiet = ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-monitor', 'none'];
  const kernel = ['-m', '64', '-kernel', image];
  const program = new Program([...quiet, ...devices, ...kernel, ...firmware, '-no-reboot']);
  const { output, status } = await program.end(5 * MINUTES);
  expect([33, 35], output.slice(-500)).toContain(status);
  return output.split(/\r?\n/).filter(line => /^(FAIL|OP|SUM|PASS|FAILED) /.test(line));
}

/** The processor that recorded may leave the upper half of a pushed segment register alone. */
const isFree = (line: string): boolean => line.startsWith('OP push sreg 32 ');

describe.skipIf(!canBuild()).each(SEEDS)('x86fuzz, seed %s', seed => {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-fuzz-'));
  beforeAll(() => {
    execFileSync('bash', ['./mkall.sh', seed, folder], { cwd: TOOL, stdio: 'ignore' });
  }, 2 * MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  const firmwares: [string, string[]][] = [['the built-in firmware', []]];
  if (existsSync(SEABIOS)) firmwares.push(['SeaBIOS', ['-bios', SEABIOS]]);
  else console.log('machine/fuzz: SeaBIOS absent, one firmware only');
  const runs = firmwares.flatMap(([name, args]) =>
    IMAGES.slice(args.length === 0 ? 0 : -1).map((image): [string, string, string[]] => [
      image,
      name,
      args,
    ]),
  );

  test.each(runs)('no %s case differs, %s', { timeout: 6 * MINUTES }, async (image, _, args) => {
    const lines = await report(join(folder, `x86fuzz32-${image}.elf`), args);
    const failed = lines.filter(line => /^OP .*fail=[1-9]/.test(line) && !isFree(line));
    expect(failed, lines.filter(line => line.startsWith('FAIL ')).join('\n')).toEqual([]);
    expect(lines.at(-1)).toMatch(/^(PASS|FAILED) [1-9]\d*$/);
  });
});
