import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from './support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const START_MS = 20_000;
const BARE = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-icount', '0,sleep=off'];
const FLASH = 'format=raw,if=pflash';

function image(name: string, bytes: Uint8Array | number): string {
  const path = join(workshop.folder, name);
  writeFileSync(path, typeof bytes === 'number' ? '' : bytes);
  if (typeof bytes === 'number') truncateSync(path, bytes);
  return `file=${name},${FLASH}`;
}

/** From the reset vector: programs 5Ah into its own chip at FFFF0100h, and ends. */
function program(): Uint8Array {
  const bytes = new Uint8Array(0x20000).fill(0xff);
  // jmp FF00h
  bytes.set([0xe9, 0x0d, 0xff], 0x1fff0);
  // While the chip answers commands nobody can run out of it: on with a copy in RAM.
  const loader = [
    // es = 0; copies 128 bytes from cs:200h to es:600h; jmp 0:600h
    [0x31, 0xc0, 0x8e, 0xc0, 0xfc, 0xbe, 0x00, 0x02, 0xbf, 0x00, 0x06, 0xb9, 0x80, 0x00],
    [0x2e, 0xf3, 0xa4, 0xea, 0x00, 0x06, 0x00, 0x00],
  ];
  bytes.set(loader.flat(), 0x1ff00);
  const copied = [
    // lgdt [660h]; cr0.pe = 1; ds = flat
    [0x66, 0x0f, 0x01, 0x16, 0x60, 0x06, 0x0f, 0x20, 0xc0, 0x0c, 0x01, 0x0f, 0x22, 0xc0],
    [0xb8, 0x08, 0x00, 0x8e, 0xd8],
    // mov byte [FFFF0100h], …
    ...[0x40, 0x5a, 0xff].map(value => [0x67, 0xc6, 0x05, 0x00, 0x01, 0xff, 0xff, value]),
    // out 501h, 1; hlt
    [0xb0, 0x01, 0xba, 0x01, 0x05, 0xee, 0xf4],
  ];
  bytes.set(copied.flat(), 0x10200);
  const descriptors = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0x92, 0xcf, 0];
  bytes.set([0x0f, 0x00, 0x70, 0x06, 0, 0], 0x10260);
  bytes.set(descriptors, 0x10270);
  return bytes;
}

test(
  'a guest runs out of the flash and programs it',
  async () => {
    const drive = image('own.img', program());
    const exit = ['-device', 'isa-debug-exit,iobase=0x501,iosize=1'];
    const ended = await workshop.run([...BARE, ...exit, '-drive', drive], '', START_MS);
    expect({ status: ended.status, stderr: ended.stderr }).toEqual({ status: 3, stderr: '' });
    expect(readFileSync(join(workshop.folder, 'own.img'))[0x10100]).toBe(0x5a);
  },
  START_MS,
);

test.each([
  [1024, 'system firmware block device pflash0 has invalid size 1024'],
  [0, 'system firmware block device pflash0 has invalid size 0'],
  [9 << 20, 'combined size of system firmware exceeds 8388608 bytes'],
])('a chip of %i bytes is refused', async (size, why) => {
  const drive = image('odd.img', size);
  const ended = await workshop.run([...BARE, '-drive', drive], '', START_MS);
  expect(ended.status).toBe(1);
  expect(ended.stderr).toContain(`: ${why}\n`);
});

test('a second chip without a first one, and a third one, are orphans', async () => {
  const drive = `${image('one.img', 4096)},index=1`;
  const third = `${image('three.img', 4096)},index=2`;
  const argv = [...BARE, '-drive', drive, '-drive', third];
  const { stderr } = await workshop.run(argv, 'quit\n', START_MS);
  expect(stderr.match(/id=pflash\d/g)).toEqual(['id=pflash1', 'id=pflash2']);
});
