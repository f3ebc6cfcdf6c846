/**
 * Damaged images as drives of the program itself: it refuses them in words or works with them, and
 * answers every command; it never crashes, hangs or takes much memory.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allSamples, BASE, BASE_BYTES, mutate } from '../support/damaged-images.ts';
import { converse, human, inFolder, type Talk } from '../support/qmp-talk.ts';
import { Random, seedOr } from '../support/random.ts';

const IMAGES = 100;
const AT_ONCE = 2;
const MOST_MIB = 260;
const MOST_MS = 15_000;

const io = (command: string): string => human(`qemu-io ide0-hd0 "${command}"`);
const BACKUP = JSON.stringify({
  execute: 'drive-backup',
  arguments: {
    device: 'ide0-hd0',
    target: 'null-co://',
    sync: 'full',
    mode: 'existing',
    format: 'raw',
  },
});
const COMMANDS = [
  '{"execute":"query-block"}',
  human('info block -v'),
  io('read 0 64k'),
  human('info snapshots'),
  BACKUP,
  '{"execute":"query-block-jobs"}',
  human('block_job_cancel ide0-hd0'),
  io('write 1k 8k'),
  io('discard 8k 8k'),
  io('flush'),
  human('delvm one'),
  human('commit ide0-hd0'),
  human('snapshot_blkdev_internal ide0-hd0 new'),
  io('read 0 96k'),
  '{"execute":"query-blockstats"}',
  '{"execute":"quit"}',
];

function judge({ out, stderr, status, peakMib }: Talk, place: string, ms: number): void {
  const ended = `${place}: ended with ${status} after ${ms} ms: ${stderr}${out.slice(-2000)}`;
  if (/internal error|TypeError|RangeError|\n {4}at /.test(out + stderr)) throw new Error(ended);
  if (status !== 0 && status !== 1) throw new Error(ended);
  if (status === 1 && !/^tinamou: -drive \S+: [^\n]{8,}\n$/.test(stderr)) {
    throw new Error(ended);
  }
  const answers = out.split('\n').filter(line => /^\{"(return|error)"/.test(line)).length;
  if (status === 0 && answers !== COMMANDS.length + 1) throw new Error(ended);
  if (peakMib > MOST_MIB || ms > MOST_MS) throw new Error(`${peakMib} MiB, ${ended}`);
}

test(`${IMAGES} damaged images as drives`, async () => {
  const seed = seedOr(4100);
  const samples = await allSamples(new Random(seed));
  let refused = 0;
  const one = async (folder: string, i: number): Promise<void> => {
    const random = new Random(seed + i);
    const name = `${i}.img`;
    writeFileSync(join(folder, name), mutate(random, samples[i % samples.length]));
    const how = random.pick(['', '', ',snapshot=on', ',readonly=on', ',format=qcow2,cache=none']);
    const drive = `file=${name},if=${how.includes('readonly') ? 'scsi' : 'ide'}${how}`;
    const started = performance.now();
    const talk = await converse(folder, ['-m', '8', '-drive', drive], COMMANDS);
    judge(talk, `SEED=${seed + i}: ${drive}`, performance.now() - started);
    if (talk.status === 1) refused++;
  };
  await inFolder(async folder => {
    writeFileSync(join(folder, BASE), BASE_BYTES);
    const work = Array.from({ length: AT_ONCE }, async (_, first) => {
      for (let i = first; i < IMAGES; i += AT_ONCE) await one(folder, i);
    });
    await Promise.all(work);
  });
  expect(refused).toBeGreaterThan(IMAGES / 20);
  expect(refused).toBeLessThan(IMAGES / 1.3);
}, 600_000);
