import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { golden, shellWords } from '../support/sessions.ts';

/** Options and devices that this machine does not have. */
const ABSENT = new RegExp(
  [
    '-fda|-enable-kvm|-daemonize|-pidfile|-gdb|-loadvm|-watchdog|-object|-readconfig',
    '-option-rom|-vnc|-incoming|virtio|if=scsi|vmdk|nbd:|http:|format=(help|.\\?)',
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

/** The smallest qcow2 image of 4 MiB: header, one L1 table, one refcount block. */
function emptyQcow2(): Uint8Array {
  const cluster = 65536;
  const bytes = new Uint8Array(4 * cluster);
  const view = new DataView(bytes.buffer);
  const words: readonly (readonly [number, number])[] = [
    [0, 0x514649fb],
    [4, 2],
    [20, 16],
    [28, 4 * 1024 * 1024],
    [36, 1],
    [44, 3 * cluster],
    [52, cluster],
    [56, 1],
    [cluster + 4, 2 * cluster],
  ];
  for (const [at, value] of words) view.setUint32(at, value);
  for (let i = 0; i < 4; i++) view.setUint16(2 * cluster + 2 * i, 1);
  return bytes;
}

const workshop = new Workshop();
for (const name of ['raw.img', 'garbage.bin']) {
  const path = join(workshop.folder, name);
  writeFileSync(path, name === 'raw.img' ? '' : 'garbage');
  truncateSync(path, 4 * 1024 * 1024);
}
writeFileSync(join(workshop.folder, 'plain.qcow2'), emptyQcow2());
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
