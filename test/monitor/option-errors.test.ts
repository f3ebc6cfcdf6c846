import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';
import { golden, shellWords } from '../support/sessions.ts';

/** Formats, protocols and devices that are not there, and -daemonize; see docs/compatibility.md. */
const ABSENT = /-daemonize|-enable-kvm|-watchdog bogus|vmdk|nbd:|format=(help|.\?)/;

interface Case {
  readonly argv: readonly string[];
  /** The list of log items goes on stdout, the rest on stderr. */
  readonly output: string;
  readonly stderr: string;
  /** It was still running after a second, when it was told to end. */
  readonly runs: boolean;
}

const plain = (stderr: string): string => stderr.replace(/ from pid \d+/, '');

function cases(): Case[] {
  return golden('B02-option-errors')
    .split(/^\$ /m)
    .slice(1)
    .map(block => block.split('\n'))
    .filter(([command]) => !ABSENT.test(command))
    .map(([command, ...lines]) => {
      const of = (mark: string): string =>
        lines
          .filter(line => line.startsWith(`${mark}: `))
          .map(line => `${line.slice(3)}\n`)
          .join('');
      const argv = shellWords(command).slice(1);
      return { argv, output: of('o'), stderr: plain(of('e')), runs: lines.includes('[rc 124]') };
    });
}

const workshop = new Workshop();
makeImages(workshop);
afterAll(() => workshop.close());

const all = cases();
const wrong = all.filter(({ runs }) => !runs);
const BATCH = 25;
for (let first = 0; first < wrong.length; first += BATCH) {
  const batch = wrong.slice(first, first + BATCH);
  const range = `${first + 1} to ${first + batch.length}`;
  test(`wrong invocations ${range} say what QEMU says and end with 1`, async () => {
    for (const { argv, output, stderr } of batch) {
      const ended = await workshop.run(argv);
      const what = { argv, output: ended.text, stderr: ended.stderr, status: ended.status };
      expect(what).toEqual({ argv, output, stderr, status: 1 });
    }
  });
}

/** Long enough for a start; SIGTERM ends it. */
const START_MS = 1500;

test.each(all.filter(({ runs }) => runs))('$argv starts', async ({ argv, output, stderr }) => {
  const ended = await workshop.run([...LEGACY, ...argv], '', START_MS);
  const { text, status } = ended;
  expect({ output: text, stderr: ended.stderr, status }).toEqual({ output, stderr, status: 0 });
});

test('there are enough of them', () => {
  expect(wrong.length).toBeGreaterThan(105);
  expect(all.length).toBeGreaterThan(150);
});
