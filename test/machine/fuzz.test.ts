import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { missing, Program, ROOT, SEABIOS } from '../support/program.ts';

/** The differential CPU fuzzer: its oracle is this computer's own processor. */
const TOOL = process.env['TINAMOU_X86FUZZ'] ?? join(ROOT, '../shared/tools/x86fuzz');
const SEED = process.env['SEED'] ?? '1';
const MINUTES = 60_000;

function canBuild(): boolean {
  if (missing('machine/fuzz', join(TOOL, 'mkall.sh'))) return false;
  const probe = spawnSync('gcc', ['-m32', '-x', 'c', '-', '-o', '/dev/null'], {
    input: '#include <stdio.h>\nint main(void) { return 0; }\n',
  });
  if (probe.status !== 0) console.log('machine/fuzz: skipped, gcc -m32 absent');
  return probe.status === 0;
}

describe.skipIf(!canBuild())(`x86fuzz, seed ${SEED}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-fuzz-'));
  beforeAll(() => {
    execFileSync('bash', ['./mkall.sh', SEED, folder], { cwd: TOOL, stdio: 'ignore' });
  }, 2 * MINUTES);
  afterAll(() => rmSync(folder, { recursive: true }));

  async function run(image: string, firmware: readonly string[]): Promise<string[]> {
    const devices = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04', '-cpu', 'max'];
    const quiet = ['-nodefaults', '-display', 'none', '-serial', 'stdio', '-monitor', 'none'];
    const kernel = ['-m', '64', '-kernel', join(folder, image)];
    const program = new Program([...quiet, ...devices, ...kernel, ...firmware, '-no-reboot']);
    const { output, status } = await program.end(5 * MINUTES);
    const lines = output.split(/\r?\n/);
    expect([33, 35], `seed ${SEED}: ${output.slice(-500)}`).toContain(status);
    return lines.filter(line => /^(FAIL|OP|SUM|PASS|FAILED) /.test(line));
  }

  const firmwares: [string, string[]][] = [['the built-in firmware', []]];
  if (existsSync(SEABIOS)) firmwares.push(['SeaBIOS', ['-bios', SEABIOS]]);
  else console.log('machine/fuzz: SeaBIOS absent, one firmware only');
  const runs = ['int', 'smoke'].flatMap(image =>
    firmwares.map(([name, args]): [string, string, string[]] => [image, name, args]),
  );

  test.each(runs)('no %s case differs, %s', { timeout: 6 * MINUTES }, async (image, _, args) => {
    const report = await run(`x86fuzz32-${image}.elf`, args);
    expect(report.filter(line => /^OP .*fail=[1-9]/.test(line))).toEqual([]);
    expect(report.at(-1)).toMatch(/^PASS \d+$/);
  });

  test.each(['fpu', 'simd'])('no %s case differs', { timeout: 6 * MINUTES }, async image => {
    const report = await run(`x86fuzz32-${image}.elf`, []);
    expect(report.filter(line => /^OP .*fail=[1-9]/.test(line))).toEqual([]);
    expect(report.at(-1)).toMatch(/^PASS \d+$/);
  });
});
