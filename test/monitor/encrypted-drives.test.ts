import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { expectReplay, LEGACY, makeImages } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';
import { rawGolden, transcript } from '../support/sessions.ts';
import { onTerminal } from '../support/terminal.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

const noTemporary = (text: string): string => text.replace(/\/\S*\bvl\.\S+/g, 'TEMPORARY');

test.each([1, 3, 4, 5, 7, 8, 10])('B03, session %i: passwords at the prompt and by command', i =>
  expectReplay(workshop, 'B03-keys', i),
);

test.each([6, 12, 13, 14, 15, 16, 22])('B03, session %i: media are ejected and changed', i =>
  expectReplay(workshop, 'B03-keys', i),
);

test.each([18, 19, 20, 21])('B03, session %i: drives are added and deleted', i =>
  expectReplay(workshop, 'B03-keys', i, noTemporary),
);

test('B03, session 17: a floppy is changed', async () => {
  // No device picks up floppies: a warning says so.
  const run = transcript('B03-keys')[17];
  const typed = ['stop', 'change floppy0 enc.qcow2', 'xxx', 'info block', 'cont', 'info status'];
  const { text } = await workshop.run([...LEGACY, ...run.argv], `${typed.join('\n')}\nquit\n`);
  expect(text).toBe(run.output);
});

test('A07: an encrypted drive is added to a stopped machine only', () =>
  expectReplay(workshop, 'A07-driveadd-pipe', 0));

test('A08: a backup starts without a password', async () => {
  const [run] = transcript('A08-drivebackup-pipe');
  const prompt = new Prompt(workshop, [...LEGACY, 'geheim.qcow2']);
  const formatting = await prompt.ask('drive_backup -f ide0-hd0 out.img raw');
  expect(run.output).toContain(`out.img raw\n${formatting}(qemu) info block-jobs\n`);
  expect(await prompt.askUntil('info block-jobs', 'No active jobs')).toBe('No active jobs\n');
  expect(await prompt.quit()).toBe(0);
});

test('where nobody can be asked, cont says so', async () => {
  const cont = { execute: 'human-monitor-command', arguments: { 'command-line': 'c' } };
  const requests = [{ execute: 'qmp_capabilities' }, cont, { execute: 'query-status' }];
  const input = [...requests, { execute: 'quit' }].map(item => `${JSON.stringify(item)}\n`);
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', 'geheim.qcow2'];
  const { stdout } = await workshop.run([...LEGACY, ...argv], input.join(''));
  const [, , human, status] = stdout.toString().split('\r\n');
  const line = 'terminal does not support password prompting';
  expect(JSON.parse(human)).toEqual({
    return: `ide0-hd0 (geheim.qcow2) is encrypted.\r\n${line}\r\n`,
  });
  expect(JSON.parse(status).return.status).toBe('prelaunch');
});

test('A09: commit without a password', () => expectReplay(workshop, 'A09-commit-pipe', 0));

test('A06: two passwords at a terminal', async () => {
  const [run] = transcript('A06-two-tty');
  const prompt = { until: '(qemu) ' };
  const { bytes, text } = await onTerminal(
    workshop,
    [...LEGACY, ...run.argv],
    [
      prompt,
      { type: 'info status\r' },
      prompt,
      ...[0, 1].flatMap(() => [
        { type: 'c\r' },
        { until: 'Password: ' },
        { type: 'geheim\r' },
        prompt,
        { type: 'info status\r' },
        prompt,
      ]),
      { type: 'quit\r' },
    ],
  );
  expect(text).toBe(run.output);
  expect(bytes.trim()).toBe(rawGolden('A06-two-tty').toString('latin1').trim());
});
