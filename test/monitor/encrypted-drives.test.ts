import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';
import { press } from '../support/terminal.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

const human = (line: string): object => {
  return { execute: 'human-monitor-command', arguments: { 'command-line': line } };
};

test('where nobody can be asked, commands say so', async () => {
  const vnc = human('change vnc password');
  const status = { execute: 'query-status' };
  const requests = [{ execute: 'qmp_capabilities' }, human('c'), vnc, status];
  const input = [...requests, { execute: 'quit' }].map(item => `${JSON.stringify(item)}\n`);
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', 'geheim.qcow2'];
  const { stdout } = await workshop.run([...LEGACY, ...argv], input.join(''));
  const [, , forKey, forScreen, state] = stdout.toString().split('\r\n');
  const line = 'terminal does not support password prompting';
  expect(JSON.parse(forKey)).toEqual({
    return: `ide0-hd0 (geheim.qcow2) is encrypted.\r\n${line}\r\n`,
  });
  expect(JSON.parse(forScreen)).toEqual({ return: `${line}\r\n` });
  expect(JSON.parse(state).return.status).toBe('prelaunch');
});

/** Sent as soon as there is a file `go`. */
const HELD = ['-incoming', 'exec:until [ -e go ]; do sleep 0.05; done; cat state'];
const go = join(workshop.folder, 'go');

async function saveRunning(): Promise<void> {
  const source = new Prompt(workshop, ['-m', '8', 'plain.qcow2']);
  expect(await source.ask('info status')).toBe('VM status: running\n');
  expect(await source.ask('migrate "exec:cat > state"')).toBe('');
  expect(await source.quit()).toBe(0);
}

test.each(['before', 'after', 'when asked'])(
  'a machine arrives at an encrypted drive, whose password comes %s',
  async when => {
    await saveRunning();
    rmSync(go, { force: true });
    const prompt = new Prompt(workshop, [...LEGACY, '-m', '8', ...HELD, 'enc.qcow2']);
    const paused = 'VM status: paused\n';
    expect(await prompt.ask('info status')).toBe('VM status: paused (inmigrate)\n');
    if (when === 'before') expect(await prompt.ask('block_passwd ide0-hd0 secret')).toBe('');
    writeFileSync(go, '');
    expect(await prompt.askUntil('info status', paused)).toBe(paused);
    if (when === 'after') expect(await prompt.ask('block_passwd ide0-hd0 secret')).toBe('');
    if (when === 'when asked') {
      const asked = 'ide0-hd0 (enc.qcow2) is encrypted.\n';
      expect(await prompt.ask('cont')).toContain(asked);
      expect(await prompt.ask('info status')).toBe('');
    } else expect(await prompt.ask('cont')).toBe('');
    expect(await prompt.ask('info status')).toBe('VM status: running\n');
    expect(await prompt.quit()).toBe(0);
  },
  60_000,
);

test('a running guest hears of what is deepest in the chain of an encrypted image', async () => {
  const prompt = new Prompt(workshop, LEGACY);
  const stopped = 'Guest must be stopped for opening of encrypted image\n';
  const below = 'Could not open backing file: ';
  const add = (name: string): Promise<string> => prompt.ask(`drive_add 0 if=none,file=${name}`);
  expect(await prompt.ask('info status')).toBe('VM status: running\n');
  expect(await add('geheim.qcow2')).toBe(stopped);
  expect(await add('enc.qcow')).toBe(stopped);
  expect(await add('encoverenc.qcow2')).toBe(below + stopped);
  expect(await add('overoverenc.qcow2')).toBe(below + below + stopped);
  expect(await add('enc.qcow2,backing.driver=bogus')).toBe(`${below}Unknown driver 'bogus'\n`);
  expect(await add('enc.qcow2,bogus=1')).toContain("doesn't support the option 'bogus'\n");
  expect(await prompt.ask('info block')).not.toContain('enc');
  expect(await prompt.quit()).toBe(0);
});

test('on a shared line, whoever comes back to a password types it unseen', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-serial', 'mon:stdio', 'enc.qcow2'];
  const prompt = { until: '(qemu) ' };
  const { text, status } = await press(
    'pipe',
    workshop,
    [...LEGACY, ...argv],
    [
      { type: '\x01c' },
      prompt,
      { type: 'c\r' },
      { until: 'Password: ' },
      { type: 'wrong\x01c\x01c' },
      { until: 'Password: ' },
      { type: 'secret\r' },
      prompt,
      { type: 'info history\r' },
      prompt,
      { type: '\x01x' },
    ],
  );
  expect(text).toContain('is encrypted.\nPassword: *****\nPassword: ******\n(qemu) ');
  expect(text).toContain("0: 'c'\n1: 'info history'\n");
  expect(text).not.toMatch(/wrong|secret/);
  expect(status).toBe(0);
});

test('a mirror changes over to a chain of images, whose password is asked for then', async () => {
  const argv = ['-hda', 'plain.qcow2'];
  const ready = async (prompt: Prompt): Promise<string> => {
    expect(await prompt.ask('drive_mirror -n -f ide0-hd0 overenc.qcow2 qcow2')).toBe('');
    for (;;) {
      const answer = await prompt.ask('block_job_complete ide0-hd0');
      if (!answer.includes('cannot be completed')) return answer;
    }
  };
  const below = 'Could not open backing file: ';
  const refusing = new Prompt(workshop, argv);
  expect(await ready(refusing)).toMatch(`${below}Use of AES-CBC encrypted qcow2 images`);
  expect(await refusing.ask('info block')).toContain('ide0-hd0: plain.qcow2 (qcow2)\n');
  expect(await refusing.quit()).toBe(0);

  const prompt = new Prompt(workshop, [...LEGACY, ...argv]);
  const stopped = 'Guest must be stopped for opening of encrypted image\n';
  expect(await ready(prompt)).toBe(below + stopped);
  expect(await prompt.ask('info block-jobs')).toMatch(/^Type mirror, device ide0-hd0: /);
  expect(await prompt.ask('stop')).toBe('');
  expect(await prompt.ask('block_job_complete ide0-hd0')).toBe('');
  const wanted = 'Backing file:     enc.qcow2 (chain depth: 1)\n';
  expect(await prompt.askUntil('info block', wanted)).toContain(wanted);
  expect(await prompt.ask('cont')).toBe('ide0-hd0 (enc.qcow2) is encrypted.\n');
  expect(await prompt.ask('secret')).toBe('');
  expect(await prompt.ask('info status')).toBe('VM status: running\n');
  expect(await prompt.quit()).toBe(0);
}, 60_000);
