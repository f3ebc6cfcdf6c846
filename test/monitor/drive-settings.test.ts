/**
 * What a drive is told to do beside reading and writing, seen in the program itself: limits,
 * passwords of nodes, zero detection, copies on read, snapshots, names in JSON.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { LEGACY } from '../support/encrypted-images.ts';
import { runTool } from '../support/image-tool.ts';
import { converse, human, inFolder, type Talk } from '../support/qmp-talk.ts';

const MIB = 1024 * 1024;
const QUIT = '{"execute":"quit"}';
const io = (command: string): string => human(`qemu-io ide0-hd0 "${command}"`);
const qmp = (name: string, given: object): string =>
  JSON.stringify({ execute: name, arguments: given });

/** What the commands answered, the handshake and `quit` left out. */
async function answers(
  folder: string,
  words: readonly string[],
  commands: readonly string[],
): Promise<string[]> {
  const talk: Talk = await converse(folder, words, [...commands, QUIT]);
  expect({ stderr: talk.stderr, status: talk.status }).toEqual({ stderr: '', status: 0 });
  const lines = talk.out.split(/\r?\n/).filter(line => /^\{"(return|error)"/.test(line));
  return lines.slice(1, -1).map(line => {
    const { return: result, error } = JSON.parse(line);
    return error?.desc ?? (typeof result === 'string' ? result : JSON.stringify(result));
  });
}

const tool = async (...words: string[]): Promise<void> => {
  const { err, status } = await runTool('t', words, ['secret']);
  expect({ err, status }).toEqual({ err: '', status: 0 });
};

test('the password of a node below a drive is given by its name', async () => {
  await inFolder(async folder => {
    const low = join(folder, 'low.qcow2');
    await tool('create', '-q', '-f', 'qcow2', '-o', 'encryption=on', low, '1M');
    const over = `backing_file=${low},backing_fmt=qcow2`;
    await tool('create', '-q', '-f', 'qcow2', '-o', over, join(folder, 'top.qcow2'));
    const passwd = (node: string): string =>
      qmp('block_passwd', { 'node-name': node, password: 'secret' });
    const drive = 'file=top.qcow2,node-name=top,backing.node-name=low,backing.file.node-name=host';
    const got = await answers(
      folder,
      [...LEGACY, '-drive', drive],
      [
        human('info block'),
        passwd('nix'),
        passwd('host'),
        '{"execute":"cont"}',
        passwd('low'),
        human('info block'),
        '{"execute":"cont"}',
      ],
    );
    expect(got[1]).toBe('Cannot find device= nor node_name=nix');
    expect(got[2]).toBe("Device '' is not encrypted");
    expect(got[3]).toMatch(/is encrypted$/);
    expect(got[4]).toBe('{}');
    expect(got[6]).toBe('{}');
  });
});

/** What `map` says of the first MiB, by clusters that follow one another. */
async function mapOf(path: string): Promise<string[]> {
  const { out } = await runTool('t', ['map', '--output=json', path]);
  interface Entry {
    readonly length: number;
    readonly depth: number;
    readonly zero: boolean;
    readonly data: boolean;
  }
  return (JSON.parse(out) as Entry[]).map(
    ({ length, depth, zero, data }) =>
      `${length / 1024}K ${depth}${zero ? ' zero' : ''}${data ? ' data' : ''}`,
  );
}

test('with copy-on-read what was read, and no more, is in the image itself', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'base.img'), new Uint8Array(MIB).fill(5));
    const top = join(folder, 'top.qcow2');
    const over = `backing_file=${join(folder, 'base.img')},backing_fmt=raw`;
    await tool('create', '-q', '-f', 'qcow2', '-o', over, top);
    const read = [io('read -P 5 128k 4k')];
    const [first] = await answers(folder, ['-drive', 'file=top.qcow2'], read);
    expect(first).toContain('read 4096/4096 bytes');
    expect(await mapOf(top)).toEqual(['1024K 1 data']);
    await answers(folder, ['-drive', 'file=top.qcow2,copy-on-read=on'], read);
    expect(await mapOf(top)).toEqual(['128K 1 data', '64K 0 data', '832K 1 data']);
  });
});

test.each([
  ['off', ['128K 0 data', '896K 0 zero']],
  ['on', ['64K 0 data', '960K 0 zero']],
  ['unmap,discard=unmap', ['64K 0 data', '960K 0 zero']],
])('zeros written with detect-zeroes=%s', async (setting, expected) => {
  await inFolder(async folder => {
    const image = join(folder, 'a.qcow2');
    await tool('create', '-q', '-f', 'qcow2', '-o', 'compat=1.1', image, '1M');
    const drive = `file=a.qcow2,detect-zeroes=${setting}`;
    const got = await answers(
      folder,
      ['-drive', drive],
      [io('write -P 7 0 128k'), io('write -P 0 64k 64k'), io('read -P 0 64k 64k')],
    );
    expect(got[2]).not.toContain('Pattern verification failed');
    expect(await mapOf(image)).toEqual(expected);
  });
});

test.each([[], ['-o', 'encryption=on']])(
  'snapshot=on leaves a qcow2 image as it is until commit (%s)',
  async (...options) => {
    await inFolder(async folder => {
      const image = join(folder, 'a.qcow2');
      await tool('create', '-q', '-f', 'qcow2', ...options, image, '1M');
      const before = readFileSync(image);
      const words = [...LEGACY, '-drive', 'file=a.qcow2,snapshot=on'];
      const key = qmp('block_passwd', { device: 'ide0-hd0', password: 'secret' });
      const change = [io('write -P 9 64k 64k'), io('read -P 9 64k 64k'), io('read -P 0 0 64k')];
      const all = options.length > 0 ? [key, ...change] : change;
      const got = await answers(folder, words, all);
      expect(got.join()).not.toContain('Pattern verification failed');
      expect(readFileSync(image).equals(before)).toBe(true);
      await answers(folder, words, [...all, human('commit all')]);
      const raw = join(folder, 'raw.img');
      await tool('convert', '-O', 'raw', image, raw);
      const bytes = readFileSync(raw);
      expect([bytes[65535], bytes[65536], bytes[131071], bytes[131072]]).toEqual([0, 9, 9, 0]);
    });
  },
);

test('a backing file may be named in JSON', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'base.img'), new Uint8Array(MIB).fill(5));
    const base = '{"driver":"raw","file":{"driver":"file","filename":"base.img"}}';
    const top = join(folder, 'top.qcow2');
    await tool('create', '-q', '-f', 'qcow2', top, '1M');
    await tool('rebase', '-u', '-b', `json:${base}`, top);
    const [, named] = await answers(
      folder,
      ['-drive', 'file=top.qcow2'],
      [io('read -P 5 0 1M'), human('info block')],
    );
    expect(named).toContain('Backing file:     base.img (chain depth: 1)');
    const drive = `file=json:{"driver":"qcow2",,"file":{"filename":"top.qcow2"}}`;
    const [read] = await answers(folder, ['-drive', drive], [io('read -P 5 0 1M')]);
    expect(read).toMatch(/^read 1048576\/1048576 bytes at offset 0/);
    const [wrong] = await answers(folder, ['-drive', drive], [io('read -P 6 0 1M')]);
    expect(wrong).toContain('Pattern verification failed');
  });
});

/** A boot sector that reads 16 KiB from the disk, for ever. */
const READER = [
  ...[0x31, 0xc0, 0x8e, 0xc0], // xor ax, ax; mov es, ax
  ...[0xb8, 0x20, 0x02, 0xbb, 0x00, 0x80], // mov ax, 0220h; mov bx, 8000h
  ...[0xb9, 0x02, 0x00, 0xba, 0x80, 0x00], // mov cx, 2; mov dx, 80h
  ...[0xcd, 0x13, 0xeb, 0xec], // int 13h; jmp to the start
];

test('limits set while a guest reads hold, and are gone when they are taken back', async () => {
  await inFolder(async folder => {
    const disk = new Uint8Array(MIB);
    disk.set(READER);
    disk.set([0x55, 0xaa], 510);
    writeFileSync(join(folder, 'a.img'), disk);
    const none = { bps_rd: 0, bps_wr: 0, iops: 0, iops_rd: 0, iops_wr: 0 };
    const limit = { device: 'ide0-hd0', bps: 65536, ...none };
    const stats = '{"execute":"query-blockstats"}';
    const got = await answers(
      folder,
      ['-drive', 'file=a.img,format=raw'],
      [
        qmp('block_set_io_throttle', limit),
        '{"execute":"query-block"}',
        human('info block'),
        '{"execute":"cont"}',
        'wait 3000',
        stats,
        'wait 2000',
        stats,
        human('block_set_io_throttle ide0-hd0 0 0 0 0 0 0'),
        'wait 1500',
        stats,
        human('info block'),
      ],
    );
    expect(JSON.parse(got[1])[0].inserted).toMatchObject({ bps: 65536, bps_rd: 0 });
    expect(got[2]).toContain('bps=65536');
    const [early, late, free] = [4, 5, 7].map(i => JSON.parse(got[i])[0].stats.rd_bytes as number);
    expect(late - early).toBeGreaterThan(65536);
    expect(late - early).toBeLessThan(4 * 65536);
    expect(free - late).toBeGreaterThan(8 * 65536);
    expect(got[8]).not.toContain('bps=');
  });
}, 60_000);

test('commit names what it was asked for', async () => {
  await inFolder(async folder => {
    await tool('create', '-q', '-f', 'raw', join(folder, 'base.img'), '1M');
    const top = join(folder, 'top.qcow2');
    await tool('create', '-q', '-f', 'qcow2', '-o', 'backing_file=base.img', top);
    const [, all, one] = await answers(
      folder,
      ['-drive', 'file=top.qcow2'],
      [
        human('drive_mirror -f ide0-hd0 out.img raw'),
        human('commit all'),
        human('commit ide0-hd0'),
      ],
    );
    expect(all).toBe("'commit' error for 'all': Device or resource busy\r\n");
    expect(one).toBe("'commit' error for 'ide0-hd0': Device or resource busy\r\n");
  });
});
