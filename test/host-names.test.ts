import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { platform } from 'node:os';
import { afterAll, expect, test } from 'vitest';
import { IMAGE_TOOL, Workshop } from './support/emulator.ts';
import { render } from './support/sessions.ts';

/**
 * Node cannot pass words that are no UTF-8; a shell can: $n is `étÿ.img` in Latin-1, $m a name
 * for an image over it.
 */
const NAMES = String.raw`n=$(printf '\351t\377.img'); m=$(printf '\376.qcow2');`;
const RAW = Buffer.from('e974ff2e696d67', 'hex');
const OVER = Buffer.from('fe2e71636f7732', 'hex');
const shown = (bytes: Buffer): string => bytes.toString('latin1');

const workshop = new Workshop();
afterAll(() => workshop.close());

interface Ran {
  /** A character for each byte. */
  readonly out: string;
  readonly err: string;
  readonly status: number | null;
}

function shell(program: string, line: string, input: Uint8Array | string = ''): Ran {
  const words = ['-c', `${NAMES} exec "$0" ${line}`, program];
  const ran = spawnSync('/bin/sh', words, { cwd: workshop.folder, input });
  return { out: shown(ran.stdout), err: shown(ran.stderr), status: ran.status };
}

const QUIET = '-nodefaults -display none -S -m 16';
const hasWords = platform() === 'linux';
if (!hasWords) console.log('no /proc here: words that are no UTF-8 are lost');

test.skipIf(!hasWords)('names that are no UTF-8: the same bytes in files and messages', () => {
  const [raw, over] = [shown(RAW), shown(OVER)];
  expect(shell(IMAGE_TOOL, 'create -f raw "$n" 1M').out).toBe(
    `Formatting '${raw}', fmt=raw size=1048576\n`,
  );
  const made = shell(IMAGE_TOOL, 'create -f qcow2 -o backing_fmt=raw,backing_file="$n" "$m"');
  expect(made.out).toContain(`backing_file='${raw}'`);
  expect(shell(IMAGE_TOOL, 'info "$m"').out).toContain(`\nbacking file: ${raw}\n`);
  expect(shell(IMAGE_TOOL, 'info --output=json "$m"').out).toContain('"\\uFFFDt\\uFFFD.img"');

  const absent = shell(workshop.program, `${QUIET} -hda "no$m"`);
  const where = `qemu-system-x86_64: -hda no${over}`;
  const why = 'No such file or directory';
  expect(absent.err).toBe(`${where}: Could not open 'no${over}': ${why}\n`);

  const typed = Buffer.concat([
    Buffer.from('info block\npmemsave 0 16 "m'),
    Buffer.from([0xff]),
    Buffer.from('"\nquit\n'),
  ]);
  const drive = '-drive if=none,id=a,file="$m"';
  const session = shell(workshop.program, `${QUIET} -monitor stdio ${drive}`, typed);
  const text = render(Buffer.from(session.out, 'latin1'));
  expect(session.out).toContain(`a: ${over} (qcow2)`);
  expect(session.out).toContain(`Backing file:     ${raw} (chain depth: 1)`);
  expect([session.status, session.err]).toEqual([0, '']);
  expect(text).not.toContain('Could not');

  const names = readdirSync(workshop.folder, { encoding: 'buffer' });
  const made3 = [RAW, OVER, Buffer.from([0x6d, 0xff])];
  expect(names.map(shown)).toEqual(expect.arrayContaining(made3.map(shown)));
  expect(names.length).toBe(4);
});
