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
for (const name of ['enc.qcow2', 'enc2.qcow2']) {
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', 'encryption=on', name, '4M');
}
workshop.imageTool('create', '-q', '-f', 'qcow', '-o', 'encryption=on', 'enc.qcow', '4M');
workshop.imageTool('create', '-q', '-f', 'qcow2', 'plain.qcow2', '4M');
for (const [name, below, extra] of [
  ['overenc.qcow2', 'enc.qcow2', ''],
  ['encoverenc.qcow2', 'enc.qcow2', ',encryption=on'],
  ['overoverenc.qcow2', 'overenc.qcow2', ''],
]) {
  const options = `backing_file=${below},backing_fmt=qcow2${extra}`;
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', options, name);
}
/** The recorded program opened encrypted images; ours has to be told. */
const ASK = ['-compat', 'encrypted-images=legacy'];

/** A session cut at its prompts. */
function exchanges(text: string): string[] {
  return text.split(/^(?=\(qemu\) )/m);
}

async function replay(run: Run): Promise<{ output: string; stderr: string; end: string }> {
  const typed = typedLines(run)
    .map(line => `${line}\n`)
    .join('');
  const ended = await workshop.run(run.argv, typed);
  return { output: ended.text, stderr: ended.stderr, end: `exit ${ended.status}` };
}

test.each([0, 1, 2])(
  'B01, session %i: started and stopped machines, a probed raw image',
  async i => {
    const run = transcript('B01-startup')[i];
    const { output, stderr, end } = run;
    expect(await replay(run)).toEqual({ output, stderr, end });
  },
);

test('C03: what the parser makes of lines, words and expressions', async () => {
  const [run] = transcript('C03-parse2');
  const { output } = await replay(run);
  const wanted = exchanges(run.output);
  const got = exchanges(output);
  expect(got.length).toBeGreaterThanOrEqual(wanted.length);
  // What depends on a guest that runs, and on commands of other machines, is not compared.
  const different = new RegExp(
    '^\\(qemu\\) (xp? ?[/0$]|p.* \\$(pc|eip)|print \\$(cs|eflags)|block_passwd|migrate|' +
      'balloon|singlestep|mouse|set_link)',
  );
  const comparable = (list: readonly string[]) => list.filter(text => !different.test(text));
  expect(comparable(got)).toEqual(comparable(wanted));
});

test('C03, last session: one stdin cannot serve two devices', async () => {
  const run = transcript('C03-parse2')
    .filter(r => r.stdin === 'pipe')
    .at(-1);
  if (run === undefined) throw new Error('the transcript has sessions');
  expect(run.stderr).toContain('cannot use stdio by multiple character devices');
  expect(await replay(run)).toEqual({
    output: `${run.output.trimEnd()} `,
    stderr: run.stderr,
    end: run.end,
  });
});

test('C01: help lists the commands there are, in the recorded words', async () => {
  const [run] = transcript('C01-help');
  const { output } = await replay({ ...run, output: '(qemu) help\n(qemu) info\n(qemu) quit\n' });
  const [, help, info] = exchanges(output);
  const recorded = exchanges(run.output);
  const known = recorded.find(text => text.startsWith('(qemu) help\n')) ?? '';
  const knownInfo = recorded.find(text => text.startsWith('(qemu) info\n')) ?? '';
  for (const line of help.split('\n')) expect(known).toContain(`${line}\n`);
  for (const line of info.split('\n')) expect(knownInfo).toContain(`${line}\n`);
  // Lines of some help texts are repeated: each line is looked for behind the one before.
  let from = 0;
  for (const line of help.split('\n').slice(1, -1)) {
    from = known.indexOf(`\n${line}\n`, from);
    expect({ line, isInOrder: from >= 0 }).toEqual({ line, isInOrder: true });
  }
});

test('C07: formats are remembered from one command to the next', async () => {
  const [run] = transcript('C07-fmt');
  const lines = ['x/2xh 0', 'x/9xh 0', 'x/5xw 0', 'x/3xg 0', 'x/9db 0', 'x/2uw 0', 'help ?'];
  const typed = [...lines, 'help cont', 'help info block', 'quit'];
  const { output } = await replay({
    ...run,
    output: typed.map(line => `(qemu) ${line}\n`).join(''),
  });
  const wanted = exchanges(run.output);
  for (const text of exchanges(output).slice(1)) expect(wanted).toContain(text);
});

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

test.each([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 17, 18, 20])(
  'B01, session %i: drives whose passwords are asked for',
  async i => {
    const run = transcript('B01-startup')[i];
    const { output, stderr, end } = run;
    const masked = (text: string): string =>
      text.replace(/disk size: \S+/g, 'disk size: N').replace(/\/\S*\bvl\.\S+/g, 'TEMPORARY');
    const got = await replay({ ...run, argv: [...ASK, ...run.argv] });
    expect({ ...got, output: masked(got.output) }).toEqual({
      output: masked(output),
      stderr,
      end,
    });
  },
);

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

test('C05: what info says of a stopped machine', async () => {
  const [run] = transcript('C05-info');
  const { output } = await replay(run);
  // The firmware is another one, the processor is never the host's, times of others are not ours.
  const different =
    /^\(qemu\) info (cpus|kvm|mtree|qtree|roms|snapshots|jit|migrate|trace-events|usernet|history)/;
  const wanted = exchanges(run.output).filter(text => !different.test(text));
  const got = exchanges(output).filter(text => !different.test(text));
  const sizes = (list: readonly string[]) =>
    list.map(text => text.replace(/size: \d+K/, 'size: N'));
  expect(sizes(got)).toEqual(sizes(wanted));
  expect(wanted.length).toBeGreaterThan(25);
});
