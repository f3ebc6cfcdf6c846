import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { rawGolden } from '../support/sessions.ts';
import { onTerminal, type Step } from '../support/terminal.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const QUIET = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio'];
const PROMPT = { until: '(qemu) ' };

test('on a terminal the recorded bytes are written, and the echo is our own', async () => {
  const { bytes, status } = await onTerminal(workshop, QUIET, [
    PROMPT,
    { type: 'info status\r' },
    PROMPT,
    { type: 'quit\r' },
  ]);
  expect(status).toBe(0);
  const wanted = rawGolden('C04-tty-edit').toString('latin1');
  const asked = bytes.slice(bytes.indexOf('(qemu) i'), bytes.lastIndexOf('(qemu) '));
  expect(asked).toContain('VM status: paused (prelaunch)\r\r\n');
  expect(wanted).toContain(asked);
});

test('history, completion and editing keys as recorded', async () => {
  const line = (type: string) => [{ type }, PROMPT];
  const { text } = await onTerminal(workshop, QUIET, [
    PROMPT,
    { type: 'info blo\t' },
    PROMPT,
    ...line('\r'),
    ...line('info name\r'),
    ...line('\x1b[A\r'),
    ...line('foo bar\x17baz\r'),
    ...line('hel\x7flo\x01\x05X\r'),
    ...line('info history\r'),
    { type: 'q\r' },
  ]);
  expect(text).toContain(
    '(qemu) info blo\n' +
      'block       block-jobs  blockstats  \n' +
      '(qemu) info block\n' +
      '(qemu) info name\n' +
      '(qemu) info name\n' +
      "(qemu) foo baz\nunknown command: 'foo'\n" +
      "(qemu) heloX\nunknown command: 'heloX'\n" +
      "(qemu) info history\n0: 'info block'\n1: 'info name'\n2: 'foo baz'\n3: 'heloX'\n" +
      "4: 'info history'\n",
  );
});

test('^C ends the program with the words of a signal', async () => {
  const { text, status } = await onTerminal(workshop, QUIET, [PROMPT, { type: 'quitx\x03' }]);
  expect(text).toContain('(qemu) quitxqemu: terminating on signal 2\n');
  expect(status).toBe(0);
});

test('on a shared line ^A h helps, ^A c changes sides, ^C is the guest’s, ^A x ends', async () => {
  const { text, status } = await onTerminal(
    workshop,
    ['-nographic'],
    [
      { until: 'No bootable device' },
      { type: '\x03\x01h' },
      { until: 'C-a C-a  sends C-a' },
      { type: '\x01c' },
      PROMPT,
      { type: 'info chardev\r' },
      PROMPT,
      { type: '\x01x' },
    ],
  );
  expect(text).toContain('C-a x    exit emulator\n');
  expect(text).toContain("QEMU 2.2.50 monitor - type 'help' for more information\n(qemu) info");
  expect(text).toContain('parallel0: filename=null\n');
  expect(text).toContain('QEMU: Terminated\n');
  expect(text).not.toContain('terminating');
  expect(status).toBe(0);
});

test('the demo shows its screen in the terminal and powers off when asked', async () => {
  const { bytes, status } = await onTerminal(
    workshop,
    ['-demo'],
    [{ until: 'TypeScript.' }, { until: 'power' }, { type: 'p' }],
  );
  expect(bytes.startsWith('\x1b[?1049h')).toBe(true);
  expect(bytes.endsWith('\x1b[?1049l')).toBe(true);
  expect(status).toBe(0);
});

test('without a terminal the demo prints its screen and ends', async () => {
  const { text, status, stderr } = await workshop.run(['-demo']);
  expect(text).toContain('tinamou demo');
  expect(text).toContain('p power off');
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});

test('a guest that switches off with -no-shutdown can be reset and started again', async () => {
  const ask = (line: string, answer: string): Step[] => [
    { type: `${line}\r` },
    ...(answer === '' ? [] : [{ until: answer }]),
    PROMPT,
  ];
  const { status } = await onTerminal(
    workshop,
    ['-nographic', '-no-shutdown'],
    [
      { until: 'No bootable device' },
      { type: '\x01c' },
      PROMPT,
      // PM1 control of the PIIX4: sleep enable, S5.
      ...ask('o/h 0x604 0x2000', ''),
      ...ask('info status', 'VM status: paused (shutdown)\r'),
      ...ask('c', 'Resetting the Virtual Machine is required\r'),
      ...ask('info status', 'VM status: paused (shutdown)\r'),
      ...ask('system_reset', ''),
      ...ask('info status', 'VM status: paused\r'),
      ...ask('c', ''),
      ...ask('info status', 'VM status: running\r'),
      { type: 'q\r' },
    ],
  );
  expect(status).toBe(0);
});
