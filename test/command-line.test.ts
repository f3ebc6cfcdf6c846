import { afterAll, expect, test } from 'vitest';
import { helpText, parseCommandLine } from '../src/command-line.ts';
import { OPTION_SECTIONS } from '../src/options-table.ts';
import { PROGRAM, Workshop } from './support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

test('each option remembers how it was typed; a disk image has the place before it', () => {
  expect(parseCommandLine(['-S', '--m', '64', 'disk.img', '-M', 'pc'])).toEqual([
    { name: 'S', argument: '', location: '-S' },
    { name: 'm', argument: '64', location: '--m 64' },
    { name: 'image', argument: 'disk.img', location: '--m 64' },
    { name: 'machine', argument: 'pc', location: '-M pc' },
  ]);
  expect(parseCommandLine(['disk.img'])[0].location).toBeUndefined();
});

test('unknown options and missing arguments are refused where they stand', () => {
  expect(() => parseCommandLine(['-bogus'])).toThrow('invalid option');
  expect(() => parseCommandLine(['-m'])).toThrow('requires an argument');
});

test('help names every option, explanations in one column', () => {
  const text = helpText(PROGRAM, 'VERSION');
  expect(text.startsWith('VERSION\nusage: qemu-system-x86_64 [options] [disk_image]\n')).toBe(true);
  for (const { rows } of OPTION_SECTIONS) {
    for (const row of rows) expect(text).toContain(`-${row.name}`);
  }
  for (const line of text.split('\n')) expect(line).not.toMatch(/\s$/);
});

test.each([
  ['-h', 'usage: qemu-system-x86_64 [options] [disk_image]'],
  ['--help', 'Standard options:'],
  ['-version', 'QEMU emulator version 2.2.50 (tinamou'],
  ['-M help', 'Supported machines are:\npc  '],
  ['-cpu ?', 'Recognized CPUID flags:'],
  ['-device help', 'name "ide-hd", bus IDE, desc "virtual IDE disk"'],
  ['-device ide-hd,help', 'ide-hd.drive=str (ID of a drive to use as a backend)'],
  ['-device isa-debugcon,?', 'isa-debugcon.iobase=uint32'],
])('%s prints and ends with 0', async (line, wanted) => {
  const { text, stderr, status } = await workshop.run(line.split(' '));
  expect(text).toContain(wanted);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});

test('what follows a question is not looked at', async () => {
  expect((await workshop.run(['-version', '-hda'])).status).toBe(1);
  expect((await workshop.run(['-version', '-m', 'foo'])).status).toBe(0);
});

test('more memory than fits is refused, the largest that fits is not', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio', '-m'];
  const refused = await workshop.run([...argv, '3G']);
  expect(refused.stderr).toBe(
    `${PROGRAM}: cannot set up guest memory 'pc.ram': Cannot allocate memory\n`,
  );
  expect(refused.status).toBe(1);
  for (const size of ['2007', '1', '8k']) {
    expect((await workshop.run([...argv, size], 'quit\n')).status).toBe(0);
  }
});
