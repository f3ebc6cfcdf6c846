import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const QUIET = ['-nodefaults', '-display', 'none', '-S', '-m', '16', '-monitor', 'stdio'];

test('memory where nothing is is read by the page', async () => {
  const typed = 'sum 0x40000000 0x10000000\nxp/2xg 0xfffffffffffffff0\nxp/1xb 0x40000000\nquit\n';
  const { text, status } = await workshop.run(QUIET, typed);
  expect(status).toBe(0);
  expect(text).toMatch(/\(qemu\) sum .*\n[0-9]{5}\n/);
  expect(text).toContain('\nfffffffffffffff0: 0xffffffffffffffff 0xffffffffffffffff\n');
  expect(text).toContain('\n0000000040000000: 0xff\n');
});

test('chardev-add says what it was about', async () => {
  const { text } = await workshop.run(QUIET, 'chardev-add a,b=c\nquit\n');
  expect(text).toContain("\nInvalid parameter 'b'\nParsing chardev args failed\n(qemu) ");
});

test('numbers as QEMU shows them: 32 bits of a character, byte ports, signed indices', async () => {
  const typed = [
    ...['p/c 0x12345678', 'p/c -1', 'x/g 0', 'i 0x70', 'mouse_set 0xffffffff'],
    ...['x/4000000000xb 0', 'closefd "\\', 'closefd \u00e0'],
  ];
  const { text } = await workshop.run(QUIET, `${typed.join('\n')}\nquit\n`);
  for (const wanted of [
    "p/c 0x12345678\n'\\x12345678'\n",
    "p/c -1\n'\\xffffffff'\n",
    'i 0x70\nportb[0x0070] = 0x000000000000ff\n',
    "mouse_set 0xffffffff\nMouse at index '-1' not found\n",
    'x/4000000000xb 0\n(qemu)',
    "closefd \"\\\nunsupported escape code: '\\\0'\nclosefd: string expected\n",
    "closefd \u00e0\nFile descriptor named '\u00e0' not found\n",
  ]) {
    expect(text).toContain(wanted);
  }
});

test('the address space has 64 bits; with /i a port has no size', async () => {
  const typed = 'x/xw -16\nx/2i 0\ni 8\n';
  const { text } = await workshop.run(QUIET, `${typed}quit\n`);
  expect(text).toMatch(/fffffffffffffff0: 0x[0-9a-f]{6}ea\n/);
  expect(text).toContain('\nportb[0x0008] = 0 \n');
});

test('orders of boot devices that a PC has none for', async () => {
  const typed = ['zz', 'aa', 'on', 'abcd', 'cdn', 'b'].map(order => `boot_set ${order}\n`);
  const { text } = await workshop.run(QUIET, `${typed.join('')}quit\n`);
  expect(text.split('\n').filter(line => /boot device/i.test(line))).toEqual([
    "Invalid boot device 'z'",
    "Boot device 'a' was given twice",
    "Invalid boot device for PC: 'o'",
    'Too many boot devices for PC',
    'boot device list now set to cdn',
    'boot device list now set to b',
  ]);
  const { stderr, status } = await workshop.run([...QUIET, '-boot', 'order=o,once=c']);
  expect(stderr).toContain("Invalid boot device for PC: 'o'\n");
  expect(status).toBe(1);
});
