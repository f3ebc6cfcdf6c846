import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { missing, Program, ROOT, SEABIOS } from '../support/program.ts';

/**
 * What takes minutes to hours: TINAMOU_LONG=1 runs it, TINAMOU_SOAK says how many seconds of the
 * guest's time the soak lasts. Guests are those of guests.test.ts.
 */
const GUESTS = process.env['TINAMOU_GUESTS'] ?? '/tmp/tinamou-guests';
const EXPECTED = process.env['TINAMOU_GUEST_TABLES'] ?? join(ROOT, '../shared/tools/guests/src');
const SOAK_SECONDS = process.env['TINAMOU_SOAK'] ?? '14400';
const MINUTES = 60_000;
const isWanted = process.env['TINAMOU_LONG'] === '1';
const lacks = isWanted && missing('machine/long', join(GUESTS, 'vmlinuz-686'));
if (!isWanted) console.log('machine/long: skipped, TINAMOU_LONG=1 runs it');

const QUIET = ['-m', '128', '-nographic', '-no-reboot'];
const KERNEL = ['-kernel', join(GUESTS, 'vmlinuz-686')];
const words = (text: string) => ['-append', `console=ttyS0 end=poweroff ${text}`];

/** What the guest says between `RESULT name value` and the end of the line, by name. */
function results(output: string): Map<string, string> {
  const found = output.matchAll(/^RESULT (\S+) (\S+)/gm);
  return new Map([...found].map(match => [match[1], match[2]]));
}

/** Adds a script to /guest of the initial file system: archives may follow one another. */
function withScript(name: string, script: string, folder: string): string {
  const header = (path: string, mode: number, size: number): string => {
    const fields = [1, mode, 0, 0, 1, 0, size, 0, 0, 0, 0, path.length + 1, 0];
    const text = `070701${fields.map(f => f.toString(16).padStart(8, '0')).join('')}${path}\0`;
    return text.padEnd((text.length + 3) & ~3, '\0');
  };
  const body = script.padEnd((script.length + 3) & ~3, '\0');
  const more = header(`guest/${name}`, 0o100755, script.length) + body + header('TRAILER!!!', 0, 0);
  const path = join(folder, 'initrd.gz');
  const first = readFileSync(join(GUESTS, 'initrd-686.gz'));
  writeFileSync(path, Buffer.concat([first, gzipSync(Buffer.from(more, 'latin1'))]));
  return path;
}

const SOAK = readFileSync(join(import.meta.dirname, 'guests/soak.sh'), 'utf8');

/** The 80 x 25 text screen, asked for at the monitor on stdio. */
async function screen(guest: Program): Promise<string> {
  const before = guest.output.length;
  guest.type('xp /2000hx 0xb8000\ninfo version\n');
  while (!/2\.2\.50\S*\s*\(qemu\) $/.test(guest.output.slice(before))) {
    await new Promise(resolve => setTimeout(resolve, 100));
    if (guest.status !== undefined) throw new Error(guest.output.slice(-500));
  }
  const rows = guest.output.slice(before).match(/^[0-9a-f]+: 0x.*$/gm) ?? [];
  const cells = rows.flatMap(row => row.split(' ').slice(1)).map(Number);
  return String.fromCharCode(...cells.map(cell => cell & 0xff)).replace(/.{80}/gs, '$&\n');
}

describe.skipIf(!isWanted || lacks)('long', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-long-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test.each(['bench-c', 'bench-cpu'])(
    'every sum of %s is what real processors compute',
    { timeout: 40 * MINUTES },
    async name => {
      const table = join(EXPECTED, `expect-${name}.tsv`);
      if (missing('machine/long', table)) return;
      const boot = [...QUIET, ...KERNEL, '-initrd', join(GUESTS, 'initrd-686.gz')];
      const guest = new Program([...boot, ...words(`run=${name}`)]);
      const { output, status } = await guest.end(39 * MINUTES);
      expect(status).toBe(0);
      const rows = readFileSync(table, 'utf8').trim().split('\n');
      const expected = new Map(rows.map(row => row.split('\t') as [string, string]));
      expect(results(output)).toEqual(expected);
    },
  );

  const cd = ['-cdrom', join(GUESTS, 'cd-memtest32.iso')];
  test.each<[string, string[]]>([
    ['by -kernel', ['-kernel', join(GUESTS, 'memtest32.bin')]],
    ['from a CD, built-in BIOS', cd],
    ['from a CD, SeaBIOS', ['-bios', SEABIOS, ...cd]],
  ])('memtest86+ %s runs its first tests', { timeout: 20 * MINUTES }, async (_, args) => {
    const guest = new Program(['-m', '24', '-display', 'none', '-monitor', 'stdio', ...args]);
    try {
      let text = '';
      while (!/Test #[5-9]/.test(text)) {
        await new Promise(resolve => setTimeout(resolve, 5000));
        text = await screen(guest);
      }
      expect(text).toContain('Memtest86+ v6');
      expect(text).toContain('Errors: 0 ');
    } finally {
      await guest.kill();
    }
  });

  test('Linux works and sleeps for hours, and twice the same', {
    timeout: 240 * MINUTES,
  }, async () => {
    const initrd = withScript('soak', SOAK, folder);
    const disk = join(folder, 'disk.img');
    const soak = async (seconds: string) => {
      execFileSync('truncate', ['-s', '64M', disk]);
      const counted = ['-icount', 'shift=8,sleep=off,hash=on', '-snapshot'];
      const drive = ['-drive', `file=${disk},format=raw`];
      const args = [...QUIET, ...KERNEL, '-initrd', initrd, ...counted, ...drive];
      const guest = new Program([...args, ...words(`run=soak mods=ata scale=${seconds}`)]);
      const { output, status } = await guest.end(110 * MINUTES);
      expect(status).toBe(0);
      expect(output).not.toMatch(/SOAK-WRONG|Oops|BUG:|lockup|panic/);
      expect(output).toMatch(/SOAK-END [1-9]/);
      return output.match(/state hash \w+ after \d+ instructions/)?.[0];
    };
    const short = await soak('2500');
    expect(short).toBeDefined();
    expect(await soak('2500')).toBe(short);
    await soak(SOAK_SECONDS);
    expect(existsSync(disk)).toBe(true);
  });
});
