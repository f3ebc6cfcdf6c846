import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { golden, shellWords } from '../support/transcript.ts';

/** Options and devices that this machine does not have. */
const ABSENT = new RegExp(
  [
    '-fda|-usbdevice|-enable-kvm|-daemonize|-pidfile|-gdb|-loadvm|-watchdog|-object|-readconfig',
    '-option-rom|-vnc|-incoming|usb-storage|virtio|if=scsi|vmdk|nbd:|http:|format=(help|.\\?)',
  ].join('|'),
);
/** The list of options goes on stdout, the rest on stderr. */
interface Case {
  readonly argv: readonly string[];
  readonly output: string;
  readonly stderr: string;
}

/** Invocations that end by themselves with status 1. */
function cases(): Case[] {
  return golden('B02-option-errors')
    .split(/^\$ /m)
    .slice(1)
    .filter(block => /^\[rc 1\]$/m.test(block))
    .map(block => block.split('\n'))
    .filter(([command]) => !ABSENT.test(command))
    .map(([command, ...lines]) => {
      const of = (mark: string): string =>
        lines
          .filter(line => line.startsWith(`${mark}: `))
          .map(line => `${line.slice(3)}\n`)
          .join('');
      return { argv: shellWords(command).slice(1), output: of('o'), stderr: of('e') };
    });
}

const workshop = new Workshop();
for (const name of ['raw.img', 'garbage.bin']) {
  const path = join(workshop.folder, name);
  writeFileSync(path, name === 'raw.img' ? '' : 'garbage');
  truncateSync(path, 4 * 1024 * 1024);
}
workshop.imageTool('create', '-q', '-f', 'qcow2', 'plain.qcow2', '4M');
afterAll(() => workshop.close());

const all = cases();
const BATCH = 25;
for (let first = 0; first < all.length; first += BATCH) {
  const batch = all.slice(first, first + BATCH);
  const range = `${first + 1} to ${first + batch.length}`;
  test(`wrong invocations ${range} say what QEMU says and end with 1`, async () => {
    for (const { argv, output, stderr } of batch) {
      const ended = await workshop.run(argv);
      const what = { argv, output: ended.text, stderr: ended.stderr, status: ended.status };
      expect(what).toEqual({ argv, output, stderr, status: 1 });
    }
  });
}

test('there are enough of them', () => expect(all.length).toBeGreaterThan(70));
