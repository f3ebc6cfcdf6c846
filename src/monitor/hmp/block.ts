/** HMP commands about block jobs and the images of drives. */

import type { Json } from '../../json.ts';
import type { Arguments } from '../session.ts';
import type { Argument } from './argument-types.ts';
import type { HmpCommand, HmpContext } from './command.ts';

type JsonObject = { readonly [name: string]: Json };

const DEVICE: Argument = { name: 'device', kind: 'block' };

function action(name: string, help: string, force = false): HmpCommand {
  return {
    name: `block_job_${name}`,
    args: force ? [{ name: 'f', kind: 'flag' }, DEVICE] : [DEVICE],
    params: force ? '[-f] device' : 'device',
    help,
    async run({ session }, args) {
      const forced: Arguments = args.has('f') ? { force: true } : {};
      await session.call(`block-job-${name}`, { device: args.text('device'), ...forced });
    },
  };
}

const MIB = 1024 * 1024;

const setSpeed: HmpCommand = {
  name: 'block_job_set_speed',
  args: [DEVICE, { name: 'speed', kind: 'long' }],
  params: 'device speed',
  help: 'set maximum speed for a background block operation',
  async run({ session }, args) {
    const speed = args.address('speed') * MIB;
    await session.call('block-job-set-speed', { device: args.text('device'), speed });
  },
};

const stream: HmpCommand = {
  name: 'block_stream',
  args: [
    DEVICE,
    { name: 'speed', kind: 'long', optional: true },
    { name: 'base', kind: 'string', optional: true },
  ],
  params: 'device [speed [base]]',
  help: 'copy data from a backing file into a block device',
  async run({ session }, args) {
    const base: Arguments = args.has('base') ? { base: args.text('base') } : {};
    const speed: Arguments = args.has('speed') ? { speed: args.address('speed') * MIB } : {};
    await session.call('block-stream', { device: args.text('device'), ...base, ...speed });
  },
};

function copy(kind: 'backup' | 'mirror', help: string): HmpCommand {
  return {
    name: `drive_${kind}`,
    args: [
      { name: 'n', kind: 'flag' },
      { name: 'f', kind: 'flag' },
      DEVICE,
      { name: 'target', kind: 'string' },
      { name: 'format', kind: 'string', optional: true },
    ],
    params: '[-n] [-f] device target [format]',
    help,
    async run({ session }, args) {
      const format: Arguments = args.has('format') ? { format: args.text('format') } : {};
      await session.call(`drive-${kind}`, {
        device: args.text('device'),
        target: args.text('target'),
        sync: args.has('f') ? 'full' : 'top',
        mode: args.has('n') ? 'existing' : 'absolute-paths',
        ...format,
      });
    },
  };
}

const commit: HmpCommand = {
  name: 'commit',
  args: [DEVICE],
  params: 'device|all',
  help: 'commit changes to the disk images (if -snapshot is used) or backing files',
  async run({ session }, args) {
    await session.call('x-commit', { device: args.text('device') });
  },
};

const qemuIo: HmpCommand = {
  name: 'qemu-io',
  args: [DEVICE, { name: 'command', kind: 'string' }],
  params: '[device] "[command]"',
  help: 'run a qemu-io command on a block device',
  async run({ session, print }, args) {
    const given = { device: args.text('device'), command: args.text('command') };
    print(await session.call<string>('x-qemu-io', given));
  },
};

/** In the order in which `help` lists them, around those of other subjects. */
export const JOB_COMMANDS: readonly HmpCommand[] = [
  action(
    'cancel',
    'stop an active background block operation (use -f\n\t\t\t if the operation is ' +
      'currently paused)',
    true,
  ),
  action('complete', 'stop an active background block operation'),
  action('pause', 'pause an active background block operation'),
  action('resume', 'resume a paused background block operation'),
  setSpeed,
];
export const STREAM = stream;
export const COMMIT = commit;
export const DRIVE_BACKUP = copy(
  'backup',
  'initiates a point-in-time\n' +
    "\t\t\tcopy for a device. The device's contents are\n" +
    '\t\t\tcopied to the new image file, excluding data that\n' +
    '\t\t\tis written after the command is started.\n' +
    '\t\t\tThe -n flag requests QEMU to reuse the image found\n' +
    '\t\t\tin new-image-file, instead of recreating it from scratch.\n' +
    '\t\t\tThe -f flag requests QEMU to copy the whole disk,\n' +
    '\t\t\tso that the result does not need a backing file.\n' +
    '\t\t\t',
);
export const DRIVE_MIRROR = copy(
  'mirror',
  'initiates live storage\n' +
    "\t\t\tmigration for a device. The device's contents are\n" +
    '\t\t\tcopied to the new image file, including data that\n' +
    '\t\t\tis written after the command is started.\n' +
    '\t\t\tThe -n flag requests QEMU to reuse the image found\n' +
    '\t\t\tin new-image-file, instead of recreating it from scratch.\n' +
    '\t\t\tThe -f flag requests QEMU to copy the whole disk,\n' +
    '\t\t\tso that the result does not need a backing file.\n' +
    '\t\t\t',
);
export const QEMU_IO = qemuIo;

/** `info block-jobs`. */
export async function blockJobs({ session }: HmpContext): Promise<string> {
  const jobs = await session.call<readonly JsonObject[]>('query-block-jobs');
  if (jobs.length === 0) return 'No active jobs\n';
  return jobs
    .map(job => {
      const done = `Completed ${job['offset']} of ${job['len']} bytes`;
      const what =
        job['type'] === 'stream'
          ? `Streaming device ${job['device']}`
          : `Type ${job['type']}, device ${job['device']}`;
      return `${what}: ${done}, speed limit ${job['speed']} bytes/s\n`;
    })
    .join('');
}
