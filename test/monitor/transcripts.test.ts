import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { type Run, rawGolden, render, transcript, typedLines } from '../support/sessions.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const raw = join(workshop.folder, 'raw.img');
writeFileSync(raw, '');
truncateSync(raw, 4 * 1024 * 1024);
workshop.imageTool('create', '-q', '-f', 'raw', 'backing.img', '4M');
const based = 'backing_file=backing.img,backing_fmt=raw';
workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', based, 'normal.qcow2');
workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', `encryption=on,${based}`, 'geheim.qcow2');
/** The recorded program opened encrypted images; ours has to be told. */
const ASK = ['-compat', 'encrypted-images=legacy'];

async function replay(run: Run): Promise<{ output: string; stderr: string; end: string }> {
  const typed = typedLines(run)
    .map(line => `${line}\n`)
    .join('');
  const ended = await workshop.run(run.argv, typed);
  return { output: ended.text, stderr: ended.stderr, end: `exit ${ended.status}` };
}

test('a piped session writes the recorded bytes', async () => {
  const wanted = rawGolden('A06-two-pipe').toString('latin1').split('\r\n');
  const typed = 'info status\nquit\n';
  const argv = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio'];
  const { stdout } = await workshop.run(argv, typed);
  const [banner, asked, answered, left] = stdout.toString('latin1').split('\r\n');
  expect(banner).toBe(wanted[0]);
  expect(asked).toBe(wanted[1]);
  expect(answered).toBe('VM status: paused (prelaunch)');
  expect(left).toBe(wanted.find(line => line.startsWith('(qemu) q')));
  expect(render(stdout)).toContain('(qemu) quit\n');
});

test('A04: a machine with an ordinary image runs', async () => {
  const [run] = transcript('A04-normal-pipe');
  const { output, stderr, end } = run;
  expect(await replay(run)).toEqual({ output, stderr, end });
});

test('A05: one with an encrypted image waits', async () => {
  const [run] = transcript('A05-geheim-pipe');
  const { output, stderr, end } = run;
  expect(await replay({ ...run, argv: [...ASK, ...run.argv] })).toEqual({ output, stderr, end });
});

test('A06: two passwords are asked for, in the recorded bytes', async () => {
  const [run] = transcript('A06-two-pipe');
  const typed = 'info status\nc\ngeheim\ninfo status\nc\ngeheim\ninfo status\nquit\n';
  const { stdout } = await workshop.run([...ASK, ...run.argv], typed);
  expect(stdout.toString('latin1')).toBe(rawGolden('A06-two-pipe').toString('latin1'));
});

test('an encrypted image is refused before anything is shown', async () => {
  const ended = await workshop.run(['-nodefaults', '-display', 'none', '-hda', 'geheim.qcow2']);
  expect(ended.text).toBe('');
  expect(ended.status).toBe(1);
  expect(ended.stderr).toBe(
    'qemu-system-x86_64: -hda geheim.qcow2: Use of AES-CBC encrypted qcow2 images is no longer ' +
      'supported in system emulators\n' +
      "You can use 'tinamou-img convert' to convert your image to an alternative supported " +
      'format, such as unencrypted qcow2, or raw with the LUKS format instead.\n',
  );
});
