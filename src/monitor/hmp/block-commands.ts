/**
 * Human monitor commands about drives, media, jobs and snapshots.
 */

import { UserError } from '../../error.ts';
import type { Arguments } from '../session.ts';
import type { Argument } from './argument-types.ts';
import type { HmpArguments } from './arguments.ts';
import type { HmpCommand, HmpContext } from './command.ts';

const LIMITS = ['bps', 'bps_rd', 'bps_wr', 'iops', 'iops_rd', 'iops_wr'] as const;

/** An optional word as a member. */
function text(args: HmpArguments, name: string): Arguments {
  return args.has(name) ? { [name]: args.text(name) } : {};
}

/** What hands those of its words that were given on, under their own names. */
function handOn(qmpName: string, ...names: readonly string[]): HmpCommand['run'] {
  return async ({ session }, args) => {
    await session.call(qmpName, Object.assign({}, ...names.map(name => text(args, name))));
  };
}

/** A command on the job of a drive that takes nothing else. */
function jobCommand(name: string, help: string): HmpCommand {
  return {
    name,
    args: [{ name: 'device', kind: 'block' }],
    params: 'device',
    help,
    run: handOn(name.replaceAll('_', '-'), 'device'),
  };
}

/** Of an image that needs a password, it is asked for when the medium is already in. */
async function changeMedium(context: HmpContext, args: HmpArguments): Promise<void> {
  const { session } = context;
  const device = args.text('device');
  const target = args.text('target');
  if (device === 'vnc') {
    if (target === 'passwd' || target === 'password') await context.askPassword();
    return;
  }
  try {
    await session.call('change', { device, target, ...text(args, 'arg') });
  } catch (error) {
    if (!(error instanceof UserError) || error.errorClass !== 'DeviceEncrypted') throw error;
    await askKey(context, device);
  }
}

/** Asks for the password of one drive; false where nobody can be asked. */
export async function askKey(context: HmpContext, device: string): Promise<boolean> {
  const { session, print } = context;
  const missing = await session.call<readonly MissingKey[]>('x-missing-keys');
  const found = missing.find(item => item.device === device);
  if (found === undefined) return true;
  print(`${found.device} (${found.filename}) is encrypted.\n`);
  const password = await context.askPassword();
  if (password === undefined) return false;
  await session.call('block_passwd', { device, password });
  return true;
}

export type MissingKey = { readonly device: string; readonly filename: string };

async function resize({ session }: HmpContext, args: HmpArguments): Promise<void> {
  await session.call('block_resize', { device: args.text('device'), size: args.number('size') });
}

const COPY_ARGUMENTS: readonly Argument[] = [
  { name: 'n', kind: 'flag' },
  { name: 'f', kind: 'flag' },
  { name: 'device', kind: 'block' },
  { name: 'target', kind: 'string' },
  { name: 'format', kind: 'string', optional: true },
];

function copyCommand(name: string, what: string): HmpCommand {
  return {
    name,
    args: COPY_ARGUMENTS,
    params: '[-n] [-f] device target [format]',
    help:
      what +
      '\t\t\tis written after the command is started.\n' +
      '\t\t\tThe -n flag requests QEMU to reuse the image found\n' +
      '\t\t\tin new-image-file, instead of recreating it from scratch.\n' +
      '\t\t\tThe -f flag requests QEMU to copy the whole disk,\n' +
      '\t\t\tso that the result does not need a backing file.\n' +
      '\t\t\t',
    async run({ session }, args) {
      await session.call(name.replace('_', '-'), {
        device: args.text('device'),
        target: args.text('target'),
        ...text(args, 'format'),
        sync: args.has('f') ? 'full' : 'top',
        mode: args.has('n') ? 'existing' : 'absolute-paths',
      });
    },
  };
}

const blockJobCancel: HmpCommand = {
  name: 'block_job_cancel',
  args: [
    { name: 'f', kind: 'flag' },
    { name: 'device', kind: 'block' },
  ],
  params: '[-f] device',
  help:
    'stop an active background block operation (use -f\n' +
    '\t\t\t if the operation is currently paused)',
  async run({ session }, args) {
    await session.call('block-job-cancel', { device: args.text('device'), force: args.has('f') });
  },
};

const blockJobComplete = jobCommand(
  'block_job_complete',
  'stop an active background block operation',
);

const blockJobPause = jobCommand('block_job_pause', 'pause an active background block operation');

const blockJobResume = jobCommand('block_job_resume', 'resume a paused background block operation');

const blockJobSetSpeed: HmpCommand = {
  name: 'block_job_set_speed',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'speed', kind: 'size' },
  ],
  params: 'device speed',
  help: 'set maximum speed for a background block operation',
  async run({ session }, args) {
    const given = { device: args.text('device'), speed: args.number('speed') };
    await session.call('block-job-set-speed', given);
  },
};

const blockResize: HmpCommand = {
  name: 'block_resize',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'size', kind: 'size' },
  ],
  params: 'device size',
  help: 'resize a block image',
  run: resize,
};

const blockSetIoThrottle: HmpCommand = {
  name: 'block_set_io_throttle',
  args: [
    { name: 'device', kind: 'block' },
    ...LIMITS.map(name => ({ name, kind: 'long' as const })),
  ],
  params: `device ${LIMITS.join(' ')}`,
  help: 'change I/O throttle limits for a block drive',
  async run({ session }, args) {
    const limits = Object.fromEntries(LIMITS.map(name => [name, args.number(name)]));
    await session.call('block_set_io_throttle', { device: args.text('device'), ...limits });
  },
};

const blockStream: HmpCommand = {
  name: 'block_stream',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'speed', kind: 'size', optional: true },
    { name: 'base', kind: 'string', optional: true },
  ],
  params: 'device [speed [base]]',
  help: 'copy data from a backing file into a block device',
  async run({ session }, args) {
    const speed: Arguments = args.has('speed') ? { speed: args.number('speed') } : {};
    const given = { device: args.text('device'), ...speed, ...text(args, 'base') };
    await session.call('block-stream', given);
  },
};

const change: HmpCommand = {
  name: 'change',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'target', kind: 'filename' },
    { name: 'arg', kind: 'string', optional: true },
  ],
  params: 'device filename [format]',
  help: 'change a removable medium, optional format',
  run: changeMedium,
};

const commit: HmpCommand = {
  name: 'commit',
  args: [{ name: 'device', kind: 'block' }],
  params: 'device|all',
  help: 'commit changes to the disk images (if -snapshot is used) or backing files',
  run: handOn('x-commit', 'device'),
};

const delvm: HmpCommand = {
  name: 'delvm',
  args: [{ name: 'name', kind: 'string' }],
  params: 'tag|id',
  help: 'delete a VM snapshot from its tag or id',
  run: handOn('x-delvm', 'name'),
};

const driveAdd: HmpCommand = {
  name: 'drive_add',
  args: [
    { name: 'pci_addr', kind: 'string' },
    { name: 'opts', kind: 'string' },
  ],
  params:
    '[[<domain>:]<bus>:]<slot>\n' +
    '[file=file][,if=type][,bus=n]\n' +
    '[,unit=m][,media=d][,index=i]\n' +
    '[,cyls=c,heads=h,secs=s[,trans=t]]\n' +
    '[,snapshot=on|off][,cache=on|off]\n' +
    '[,readonly=on|off][,copy-on-read=on|off]',
  help: 'add drive to PCI storage controller',
  async run({ session, print }, args) {
    await session.call('x-drive-add', { options: args.text('opts') });
    print('OK\n');
  },
};

const driveBackup = copyCommand(
  'drive_backup',
  'initiates a point-in-time\n' +
    "\t\t\tcopy for a device. The device's contents are\n" +
    '\t\t\tcopied to the new image file, excluding data that\n',
);

const driveDel: HmpCommand = {
  name: 'drive_del',
  args: [{ name: 'id', kind: 'block' }],
  params: 'device',
  help: 'remove host block device',
  run: handOn('x-drive-del', 'id'),
};

const driveMirror = copyCommand(
  'drive_mirror',
  'initiates live storage\n' +
    "\t\t\tmigration for a device. The device's contents are\n" +
    '\t\t\tcopied to the new image file, including data that\n',
);

const eject: HmpCommand = {
  name: 'eject',
  args: [
    { name: 'f', kind: 'flag' },
    { name: 'device', kind: 'block' },
  ],
  params: '[-f] device',
  help: 'eject a removable medium (use -f to force it)',
  async run({ session }, args) {
    await session.call('eject', { device: args.text('device'), force: args.has('f') });
  },
};

const loadvm: HmpCommand = {
  name: 'loadvm',
  args: [{ name: 'name', kind: 'string' }],
  params: 'tag|id',
  help: 'restore a VM snapshot from its tag or id',
  run: handOn('x-loadvm', 'name'),
};

const qemuIo: HmpCommand = {
  name: 'qemu-io',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'command', kind: 'string' },
  ],
  params: '[device] "[command]"',
  help: 'run a qemu-io command on a block device',
  async run({ session, print }, args) {
    const given = { device: args.text('device'), command: args.text('command') };
    print(await session.call<string>('x-qemu-io', given));
  },
};

const savevm: HmpCommand = {
  name: 'savevm',
  args: [{ name: 'name', kind: 'string', optional: true }],
  params: '[tag|id]',
  help: 'save a VM snapshot. If no tag or id are provided, a new snapshot is created',
  run: handOn('x-savevm', 'name'),
};

const snapshotBlkdev: HmpCommand = {
  name: 'snapshot_blkdev',
  args: [
    { name: 'n', kind: 'flag' },
    { name: 'device', kind: 'block' },
    { name: 'snapshot-file', kind: 'string', optional: true },
    { name: 'format', kind: 'string', optional: true },
  ],
  params: '[-n] device [new-image-file] [format]',
  help:
    'initiates a live snapshot\n' +
    '\t\t\tof device. If a new image file is specified, the\n' +
    '\t\t\tnew image file will become the new root image.\n' +
    '\t\t\tIf format is specified, the snapshot file will\n' +
    '\t\t\tbe created in that format.\n' +
    '\t\t\tThe default format is qcow2.  The -n flag requests QEMU\n' +
    '\t\t\tto reuse the image found in new-image-file, instead of\n' +
    '\t\t\trecreating it from scratch.',
  async run({ session }, args) {
    const mode = args.has('n') ? 'existing' : 'absolute-paths';
    const file = text(args, 'snapshot-file');
    const given = { device: args.text('device'), ...file, ...text(args, 'format'), mode };
    await session.call('blockdev-snapshot-sync', given);
  },
};

const snapshotInternal: HmpCommand = {
  name: 'snapshot_blkdev_internal',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'name', kind: 'string' },
  ],
  params: 'device name',
  help:
    'take an internal snapshot of device.\n' +
    '\t\t\tThe format of the image used by device must\n' +
    '\t\t\tsupport it, such as qcow2.\n' +
    '\t\t\t',
  run: handOn('blockdev-snapshot-internal-sync', 'device', 'name'),
};

const snapshotDeleteInternal: HmpCommand = {
  name: 'snapshot_delete_blkdev_internal',
  args: [
    { name: 'device', kind: 'block' },
    { name: 'name', kind: 'string' },
    { name: 'id', kind: 'string', optional: true },
  ],
  params: 'device name [id]',
  help:
    'delete an internal snapshot of device.\n' +
    '\t\t\tIf id is specified, qemu will try delete\n' +
    '\t\t\tthe snapshot matching both id and name.\n' +
    '\t\t\tThe format of the image used by device must\n' +
    '\t\t\tsupport it, such as qcow2.\n' +
    '\t\t\t',
  run: handOn('blockdev-snapshot-delete-internal-sync', 'device', 'name', 'id'),
};

/** Sorted by name. */
export const BLOCK_COMMANDS: readonly HmpCommand[] = [
  blockJobCancel,
  blockJobComplete,
  blockJobPause,
  blockJobResume,
  blockJobSetSpeed,
  blockResize,
  blockSetIoThrottle,
  blockStream,
  change,
  commit,
  delvm,
  driveAdd,
  driveBackup,
  driveDel,
  driveMirror,
  eject,
  loadvm,
  qemuIo,
  savevm,
  snapshotBlkdev,
  snapshotInternal,
  snapshotDeleteInternal,
];
