/**
 * How the image tool is called and what it says of mistakes, in the words of QEMU 2.2.50.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { runTool } from '../../support/image-tool.ts';

const folder = mkdtempSync(join(tmpdir(), 'tinamou-usage-'));
const home = process.cwd();
beforeAll(() => process.chdir(folder));
beforeEach(async () => {
  await runTool('qemu-img', ['create', '-q', '-f', 'qcow2', 'x.qcow2', '1M']);
  await runTool('qemu-img', ['create', '-q', '-f', 'raw', 'x.raw', '1M']);
});
afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const img = (line: string): ReturnType<typeof runTool> => runTool('qemu-img', line.split(' '));
const TRY = "Try 'qemu-img --help' for more information\n";

test.each([
  ['bogus --help', '', 0],
  ['-hx', '', 0],
  ['bogus --vers', '', 0],
  ['-xh', "qemu-img: invalid option -- 'x'\nqemu-img: Command not found: -xh\n", 1],
  ['--bogus', "qemu-img: unrecognized option '--bogus'\nqemu-img: Command not found: --bogus\n", 1],
  ['info -h --bogus', '', 0],
  ['info --bogus=1', "info: unrecognized option '--bogus=1'\n", 0],
  ['snapshot -l -l x.qcow2', "qemu-img: Cannot mix '-l', '-a', '-c', '-d'\n", 1],
  ['info --output=bogus', 'qemu-img: Expecting one image file name\n', 1],
  ['map --output=bogus', 'qemu-img: Expecting one image file name\n', 1],
])('%s', async (line, err, status) => {
  const said = await img(line);
  expect([said.err.replace(TRY, ''), said.status]).toEqual([err, status]);
  expect(said.out.startsWith('qemu-img version')).toBe(status === 0);
});

test.each([
  ['compat=1.1,', false],
  [',compat=1.1', false],
  [',', false],
  [',,', false],
  [',,compat=1.1', false],
  ['compat=1.1,,,', false],
  ['', true],
  ['compat=1.1', true],
])('-o "%s"', async (list, fine) => {
  const refused = fine ? '' : `qemu-img: Invalid option list: ${list}\n`;
  for (const words of [
    ['create', '-q', '-f', 'qcow2', '-o', list, 'y.qcow2', '1M'],
    ['convert', '-O', 'qcow2', '-o', list, 'x.raw', 'y.qcow2'],
    ['amend', '-o', list, 'x.qcow2'],
  ]) {
    const said = await runTool('qemu-img', words);
    expect([said.err, said.status]).toEqual([refused, fine ? 0 : 1]);
  }
});

test('amend: sizes that cannot be, and no name', async () => {
  const failed = 'qemu-img: Error while amending options:';
  expect((await img('amend -o size=512k x.qcow2')).err).toBe(
    `qemu-img: qcow2 doesn't support shrinking images yet\n${failed} Operation not supported\n`,
  );
  expect((await img('amend -o size=1048577 x.qcow2')).err).toBe(
    `qemu-img: The new size must be a multiple of 512\n${failed} Invalid argument\n`,
  );
  // Here QEMU does not say where to find help.
  expect((await img('amend -o help')).err).toBe('qemu-img: Expecting one image file name\n');
});

test('resize: errors by number; raw images have any size', async () => {
  expect(await img('resize x.qcow2 +1000')).toMatchObject({
    err: 'qemu-img: The new size must be a multiple of 512\nqemu-img: Error resizing image (22)\n',
    status: 1,
  });
  expect((await img('resize -f raw x.raw 4097')).out).toBe('Image resized.\n');
  expect(statSync('x.raw').size).toBe(4097);
  expect((await img('info -f raw x.raw')).out).toContain('virtual size: 4.5K (4608 bytes)');
});
