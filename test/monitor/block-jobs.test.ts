/**
 * Drives under the monitor's hands: the program itself, a scratch folder, typed commands.
 */
import {
  closeSync,
  existsSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';
import { converse, human, inFolder } from '../support/qmp-talk.ts';

test('what was written is in the image when the program has ended', async () => {
  await inFolder(async folder => {
    const image = join(folder, 'a.qcow2');
    await runTool('t', ['create', '-q', '-f', 'qcow2', image, '1M']);
    const { status } = await converse(
      folder,
      ['-hda', 'a.qcow2'],
      [human('qemu-io ide0-hd0 "write -P 0xaa 64k 64k"'), '{"execute":"quit"}'],
    );
    expect(status).toBe(0);
    const raw = join(folder, 'a.raw');
    await runTool('t', ['convert', image, raw]);
    const bytes = readFileSync(raw);
    expect([bytes[65535], bytes[65536], bytes[131071], bytes[131072]]).toEqual([0, 0xaa, 0xaa, 0]);
    const { out } = await runTool('t', ['check', image]);
    expect(out).toMatch(/^No errors were found/);
  });
});

test('a drive is backed up, mirrored, and goes on with the mirror', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'a.img'), new Uint8Array(256 * 1024).fill(3));
    const job = '"device": "ide0-hd0", "len": 262144, "offset": 262144, "speed": 0';
    const copy = (name: string, target: string): string =>
      JSON.stringify({
        execute: name,
        arguments: { device: 'ide0-hd0', target, sync: 'full', format: 'raw' },
      });
    const { out } = await converse(
      folder,
      ['-drive', 'file=a.img,format=raw'],
      [
        copy('drive-backup', 'b.img'),
        'until BLOCK_JOB_COMPLETED',
        human('info block-jobs'),
        copy('drive-mirror', 'm.img'),
        'until BLOCK_JOB_READY',
        '{"execute":"query-block-jobs"}',
        '{"execute":"block-job-complete","arguments":{"device":"ide0-hd0"}}',
        `until COMPLETED", "data": {${job}, "type": "mirror"`,
        human('info block'),
        '{"execute":"block-job-cancel","arguments":{"device":"ide0-hd0"}}',
        '{"execute":"quit"}',
      ],
    );
    expect(out).toContain("Formatting 'b.img', fmt=raw size=262144\n");
    expect(out).toContain(`"event": "BLOCK_JOB_COMPLETED", "data": {${job}, "type": "backup"}`);
    expect(out).toContain(`"event": "BLOCK_JOB_READY", "data": {${job}, "type": "mirror"}`);
    expect(out).toContain('ide0-hd0: m.img (raw)');
    expect(out).toContain("No active block job on device 'ide0-hd0'");
    for (const name of ['b.img', 'm.img']) {
      expect(readFileSync(join(folder, name)).every(b => b === 3)).toBe(true);
    }
  });
});

const MIB = 1024 * 1024;

/** 32 MiB of which one is stored. */
function makeSparse(path: string): void {
  const fd = openSync(path, 'w');
  writeSync(fd, new Uint8Array(MIB).fill(3), 0, MIB, 8 * MIB);
  ftruncateSync(fd, 32 * MIB);
  closeSync(fd);
}

test('holes of a sparse drive stay holes in its copies, what is written is there', async () => {
  await inFolder(async folder => {
    makeSparse(join(folder, 'a.img'));
    const isSparse = statSync(join(folder, 'a.img')).blocks * 512 < 2 * MIB;
    if (!isSparse || !existsSync('/usr/bin/perl')) {
      console.warn('sparse drives: not tested, no Perl or no sparse files here');
      return;
    }
    const copy = (name: string, target: string): string =>
      JSON.stringify({
        execute: name,
        arguments: { device: 'ide0-hd0', target, sync: 'full', format: 'raw' },
      });
    const { stderr, status } = await converse(
      folder,
      ['-drive', 'file=a.img,format=raw'],
      [
        copy('drive-backup', 'b.img'),
        'until BLOCK_JOB_COMPLETED',
        human('qemu-io ide0-hd0 "write -P 5 20M 64k"'),
        copy('drive-mirror', 'm.img'),
        'until BLOCK_JOB_READY',
        human('qemu-io ide0-hd0 "write -P 6 30M 64k"'),
        '{"execute":"block-job-cancel","arguments":{"device":"ide0-hd0"}}',
        'until BLOCK_JOB_COMPLETED", "data": {"device": "ide0-hd0", "len": 33554432',
        '{"execute":"quit"}',
      ],
    );
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
    for (const name of ['b.img', 'm.img']) {
      expect(statSync(join(folder, name)).blocks * 512).toBeLessThan(3 * MIB);
    }
    const [backup, mirror] = ['b.img', 'm.img'].map(name => readFileSync(join(folder, name)));
    const places = [0, 8, 9, 20, 30].map(mib => mib * MIB);
    expect(places.map(at => backup[at])).toEqual([0, 3, 0, 0, 0]);
    expect(places.map(at => mirror[at])).toEqual([0, 3, 0, 5, 6]);
  });
});
