import { afterAll, expect, test, vi } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY } from '../support/encrypted-images.ts';
import { sessions, Workshops } from '../support/recorded.ts';
import { rawGolden } from '../support/sessions.ts';
import type { How } from '../support/talk.ts';
import { onTerminal, press, type Step } from '../support/terminal.ts';

/** Other programs want the processors, too. */
vi.setConfig({ testTimeout: 60_000 });

const workshop = new Workshop();
const workshops = new Workshops();
afterAll(() => {
  workshop.close();
  workshops.close();
});

const BOTH: readonly How[] = ['pipe', 'tty'];

const QUIET = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio'];
const ENCRYPTED = [...QUIET.filter(word => word !== '-S'), 'enc.qcow2'];
const PROMPT = { until: '(qemu) ' };
const ASKED = { until: 'Password: ' };

const LINE = (type: string): Step[] => [{ type }, PROMPT];

test.each(BOTH)('C04: the recorded bytes, key by key (%s)', async how => {
  const { bytes, status } = await press(
    how,
    workshop,
    [...LEGACY, ...QUIET],
    [
      PROMPT,
      ...LINE('info status\r'),
      { type: 'inf\t\r' },
      { until: 'show the vnc server status\r' },
      PROMPT,
      { type: 'info blo\t\t' },
      PROMPT,
      PROMPT,
      ...LINE('\r'),
      { type: 'drive_\t' },
      PROMPT,
      ...LINE('\r'),
      { type: '\t' },
      PROMPT,
      ...LINE('info status\x01\x05\r'),
      ...LINE('abc\x7f\x7f\x7finfo name\r'),
      ...LINE('\x1b[A\r'),
      ...LINE('\r'),
      ...LINE('foo bar\x17baz\r'),
      ...LINE('helloX\r'),
      ...LINE('abc\x1b[D\x1b[DZ\x1b[CY\x04\x1bOHQ\x1bOFW\x1b[A\r'),
      ...LINE('info history\r'),
      { type: 'quit\r' },
    ],
  );
  expect(status).toBe(0);
  expect(bytes).toBe(recordedBytes(how, 0));
});

/** A pipe gets no second CR from the terminal. */
function recordedBytes(how: How, session: number): string {
  const banner = 'QEMU 2.2.50 monitor';
  const raw = rawGolden('C04-tty-edit').toString('latin1').split(banner)[session + 1];
  return banner + (how === 'tty' ? raw : raw.replaceAll('\r\r\n', '\r\n'));
}

/** Passwords with editing keys, and with the last line of the history. */
const PASSWORDS = ['abc\x7f\x7fxyz\x1b[D\x1b[D\x1b[D\x05w', 'xx\x1b[A'];

test.each(
  BOTH.flatMap(
    how =>
      [
        [how, 1],
        [how, 2],
      ] as const,
  ),
)('C04: keys at a password prompt, to the byte (%s, session %i)', async (how, session) => {
  const { bytes, status } = await press(
    how,
    await workshops.next(),
    [...LEGACY, ...ENCRYPTED],
    [
      PROMPT,
      ...LINE('info status\r'),
      { type: 'cont\r' },
      ASKED,
      ...LINE(`${PASSWORDS[session - 1]}\r`),
      ...LINE('info status\r'),
      ...LINE('info history\r'),
      { type: 'quit\r' },
    ],
  );
  expect(status).toBe(0);
  expect(bytes).toBe(recordedBytes(how, session));
});

function recorded(name: string, session: number): string {
  return sessions(name)[session].run.output.trimEnd();
}

test.each(BOTH)('C03: completion twice, history, ^C (%s)', async how => {
  const wanted = recorded('C03-parse2', 1);
  const { text, status } = await press(how, workshop, QUIET, [
    PROMPT,
    ...LINE('info op\tsto\r'),
    { type: 'info blo\t\t' },
    PROMPT,
    PROMPT,
    ...LINE('info block drive_info status\r'),
    ...LINE('info name\r'),
    ...LINE('\x1b[A\r'),
    ...LINE('\r'),
    ...LINE('foo baz\r'),
    ...LINE('helloX\r'),
    // A pipe has no ^C.
    ...(how === 'tty' ? [{ type: 'quitx\x03' }] : [{ type: 'quitx\x7f\r' }]),
  ]);
  expect(text.trimEnd()).toBe(how === 'tty' ? wanted : wanted.replace(/x.*$/, ''));
  expect(status).toBe(0);
});

test.each(BOTH)('C03: history and completion at a password prompt (%s)', async how => {
  const { text } = await press(
    how,
    await workshops.next(),
    [...LEGACY, ...ENCRYPTED],
    [
      PROMPT,
      { type: 'c\r' },
      ASKED,
      { type: '\x1b[A\t' },
      ASKED,
      ...LINE('xx\r'),
      ...LINE('info history\r'),
      ...LINE('c\r'),
      { type: 'quit\r' },
    ],
  );
  expect(text.trimEnd()).toBe(recorded('C03-parse2', 3));
});

test('C03: ^C at a password prompt', async () => {
  const { text, status } = await onTerminal(
    await workshops.next(),
    [...LEGACY, ...ENCRYPTED],
    [PROMPT, { type: 'c\r' }, ASKED, { type: 'xy\x03' }],
  );
  expect(text.trimEnd()).toBe(recorded('C03-parse2', 4));
  expect(status).toBe(0);
});

/** Of the firmware, to the end of their line: a terminal puts a return before each line feed. */
const LAST_WORDS = { pipe: 'No bootable device\r\n', tty: 'No bootable device\r\r\n' };

test.each(BOTH)('C06: on a line that is shared with the guest (%s)', async how => {
  const { text, status } = await press(
    how,
    await workshops.next(),
    ['-nographic', 'plain.qcow2'],
    [
      // Theirs is silent.
      { until: LAST_WORDS[how] },
      { type: '\x01h' },
      { until: 'C-a C-a  sends C-a' },
      { type: '\x01c' },
      PROMPT,
      ...LINE('info status\r'),
      { type: '\x01x' },
    ],
  );
  expect(text.slice(text.indexOf('\nC-a h')).trimEnd()).toBe(recorded('C06-info-default', 7));
  expect(status).toBe(0);
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
      { until: LAST_WORDS.tty },
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
    [{ shows: 'made of TypeScript.' }, { shows: 'p power off' }, { type: 'p' }],
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
      { until: LAST_WORDS.tty },
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

test('^Z gives the terminal back as it was, fg takes it again', async () => {
  const shell = { program: '/bin/bash', folder: workshop.folder };
  const { bytes, status } = await onTerminal(
    shell,
    ['--norc', '--noprofile', '-i'],
    [
      { type: `${workshop.program} ${QUIET.join(' ')}\r` },
      PROMPT,
      { type: 'info na\x1a' },
      { until: 'Stopped' },
      { type: "stty -a | grep -c -e '-icanon' -e '-echo ' | sed 's/^/raw: /'\r" },
      { until: 'raw: 0' },
      { type: 'fg\r' },
      { until: QUIET.join(' ') },
      { until: '\r\n' },
      { type: 'me\r' },
      PROMPT,
      { type: 'info status\r' },
      { until: 'VM status: paused (prelaunch)' },
      PROMPT,
      { type: 'quit\r' },
      { until: 'bash-' },
      { type: 'exit\r' },
    ],
  );
  expect(bytes).not.toContain('unknown command');
  expect(status).toBe(0);
});
