/** Commands about block jobs and what else works on the images of drives. */

import { UserError } from '../../error.ts';
import { bool, empty, enumeration, int, optional, returned, str, struct } from '../../schema.ts';
import { type Command, command, NOTHING } from '../command.ts';
import type { BlockControl, JobAction, Vm } from '../vm.ts';

function control(vm: Vm, device: string): BlockControl {
  const found = vm.drives.control;
  if (found === undefined) throw new UserError(`Device '${device}' not found`, 'DeviceNotFound');
  return found;
}

const SYNC = enumeration('MirrorSyncMode', ['top', 'full', 'none']);
const MODE = enumeration('NewImageMode', ['existing', 'absolute-paths']);

const copyFields = {
  device: str,
  target: str,
  format: optional(str),
  sync: SYNC,
  mode: optional(MODE),
  speed: optional(int),
};

function copy(kind: 'backup' | 'mirror', doc: string): Command {
  return command({
    name: `drive-${kind}`,
    doc,
    args: struct(kind === 'backup' ? 'DriveBackup' : 'DriveMirror', copyFields),
    returns: empty,
    async run(vm, { device, target, format, sync, mode, speed }) {
      const request = { device, target, format, sync, mode: mode ?? 'absolute-paths' };
      await control(vm, device).copy(kind, { ...request, speed: speed ?? 0 });
      return NOTHING;
    },
  });
}

export const driveBackup = copy('backup', 'Copy a drive as it is now to another image.');
export const driveMirror = copy('mirror', 'Copy a drive to another image and follow its changes.');

export const blockStream = command({
  name: 'block-stream',
  doc: 'Copy what backing files hold into the image above them.',
  args: struct('BlockStreamArgs', {
    device: str,
    base: optional(str),
    speed: optional(int),
  }),
  returns: empty,
  async run(vm, { device, base, speed }) {
    await control(vm, device).stream(device, base, speed ?? 0);
    return NOTHING;
  },
});

export const blockCommit = command({
  name: 'block-commit',
  doc: 'Move what images hold down into a backing file.',
  args: struct('BlockCommitArgs', {
    device: str,
    base: optional(str),
    top: optional(str),
    speed: optional(int),
  }),
  returns: empty,
  async run(vm, { device, base, top, speed }) {
    await control(vm, device).commitJob(device, { base, top, speed: speed ?? 0 });
    return NOTHING;
  },
});

function action(name: JobAction, doc: string): Command {
  return command({
    name: `block-job-${name}`,
    doc,
    args: struct('BlockJobArgs', { device: str, force: optional(bool) }),
    returns: empty,
    run(vm, { device, force }) {
      control(vm, device).act(device, name, force ?? false);
      return NOTHING;
    },
  });
}

export const jobCancel = action('cancel', 'Stop a block job.');
export const jobPause = action('pause', 'Pause a block job.');
export const jobResume = action('resume', 'Resume a paused block job.');
export const jobComplete = action('complete', 'Let a ready block job change over.');

export const jobSetSpeed = command({
  name: 'block-job-set-speed',
  doc: 'Limit the bytes per second that a block job copies; 0 is no limit.',
  args: struct('BlockJobSpeedArgs', { device: str, speed: int }),
  returns: empty,
  run(vm, { device, speed }) {
    control(vm, device).setSpeed(device, speed);
    return NOTHING;
  },
});

export const commit = command({
  name: 'x-commit',
  doc: 'Move what an image, or every image, holds into its backing file.',
  args: struct('CommitArgs', { device: str }),
  returns: empty,
  async run(vm, { device }) {
    await control(vm, device).commit(device);
    return NOTHING;
  },
});

export const qemuIo = command({
  name: 'x-qemu-io',
  doc: 'Run a command of the I/O tool on a drive; the text it prints.',
  args: struct('QemuIoArgs', { device: str, command: str }),
  returns: returned<string>('str'),
  run: (vm, args) => control(vm, args.device).io(args.device, args.command),
});
