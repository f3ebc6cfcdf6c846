/** Block jobs, live snapshots, and several of them at once. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import {
  any,
  bool,
  enumeration,
  int,
  listOf,
  optional,
  returned,
  str,
  struct,
} from '../../schema.ts';
import { action, command } from '../command.ts';
import type { JobControl, JsonObject, Undo } from '../drives.ts';
import type { Vm } from '../vm.ts';

const SYNC = enumeration('MirrorSyncMode', ['top', 'full', 'none']);
const MODE = enumeration('NewImageMode', ['existing', 'absolute-paths']);
const ON_ERROR = enumeration('BlockdevOnError', ['report', 'ignore', 'enospc', 'stop']);

const BACKUP = struct('DriveBackup', {
  device: str,
  target: str,
  format: optional(str),
  sync: SYNC,
  mode: optional(MODE),
  speed: optional(int),
  'on-source-error': optional(ON_ERROR),
  'on-target-error': optional(ON_ERROR),
});

const INTO_DRIVE = struct('BlockdevBackup', {
  device: str,
  target: str,
  sync: SYNC,
  speed: optional(int),
  'on-source-error': optional(ON_ERROR),
  'on-target-error': optional(ON_ERROR),
});

const OVERLAY = struct('BlockdevSnapshot', {
  device: optional(str),
  'node-name': optional(str),
  'snapshot-file': str,
  'snapshot-node-name': optional(str),
  format: optional(str),
  mode: optional(MODE),
});

const INTERNAL = struct('BlockdevSnapshotInternal', { device: str, name: str });

export const driveBackup = action({
  name: 'drive-backup',
  doc: 'Copy what a drive holds now to another image, while it goes on being used.',
  args: BACKUP,
  run: (vm, args) => vm.drives.startBackup(args),
});

export const blockdevBackup = action({
  name: 'blockdev-backup',
  doc: 'Copy what a drive holds now to another drive, while it goes on being used.',
  args: INTO_DRIVE,
  run: (vm, args) => vm.drives.startBackupInto(args),
});

export const driveMirror = action({
  name: 'drive-mirror',
  doc: 'Keep another image equal to a drive, and change over to it at block-job-complete.',
  args: struct('DriveMirrorArgs', {
    device: str,
    target: str,
    format: optional(str),
    'node-name': optional(str),
    replaces: optional(str),
    sync: SYNC,
    mode: optional(MODE),
    speed: optional(int),
    granularity: optional(int),
    'buf-size': optional(int),
    'on-source-error': optional(ON_ERROR),
    'on-target-error': optional(ON_ERROR),
  }),
  run: (vm, args) => vm.drives.startMirror(args),
});

export const blockCommit = action({
  name: 'block-commit',
  doc: 'Move what images hold down into one of their backing files.',
  args: struct('BlockCommitArgs', {
    device: str,
    base: optional(str),
    top: optional(str),
    'backing-file': optional(str),
    speed: optional(int),
  }),
  run: (vm, args) => vm.drives.startCommit(args),
});

export const blockStream = action({
  name: 'block-stream',
  doc: 'Pull what the backing files hold into the image.',
  args: struct('BlockStreamArgs', {
    device: str,
    base: optional(str),
    'backing-file': optional(str),
    speed: optional(int),
    'on-error': optional(ON_ERROR),
  }),
  run: (vm, args) => vm.drives.startStream(args),
});

function jobCommand(name: string, doc: string, act: (job: JobControl) => void | Promise<void>) {
  return action({
    name,
    doc,
    args: struct('BlockJobArgs', { device: str }),
    run(vm, { device }) {
      return act(vm.drives.job(device));
    },
  });
}

export const blockJobPause = jobCommand('block-job-pause', 'Pause a job.', job => job.pause());
export const blockJobResume = jobCommand('block-job-resume', 'Let a job go on.', job =>
  job.resume(),
);
export const blockJobComplete = jobCommand(
  'block-job-complete',
  'End a job that is ready by changing over.',
  job => job.complete(),
);

export const blockJobCancel = action({
  name: 'block-job-cancel',
  doc: 'End a job; `force` even while it is paused.',
  args: struct('BlockJobCancelArgs', { device: str, force: optional(bool) }),
  run(vm, { device, force }) {
    vm.drives.job(device).cancel(force ?? false);
  },
});

export const blockJobSetSpeed = action({
  name: 'block-job-set-speed',
  doc: 'Limit the bytes per second of a job; 0 is no limit.',
  args: struct('BlockJobSpeedArgs', { device: str, speed: int }),
  run(vm, { device, speed }) {
    vm.drives.job(device).setSpeed(speed);
  },
});

export const blockdevSnapshotSync = action({
  name: 'blockdev-snapshot-sync',
  doc: 'Put a new image on top of a drive; what was there becomes its backing file.',
  args: OVERLAY,
  run: (vm, args) => vm.drives.overlay(args),
});

export const blockdevSnapshotInternalSync = action({
  name: 'blockdev-snapshot-internal-sync',
  doc: 'Take a snapshot inside the image.',
  args: INTERNAL,
  run: (vm, { device, name }) => vm.drives.takeSnapshot(device, name),
});

export const blockdevSnapshotDeleteInternalSync = command({
  name: 'blockdev-snapshot-delete-internal-sync',
  doc: 'Delete a snapshot inside the image; returns what it was.',
  args: struct('SnapshotDeleteArgs', { device: str, id: optional(str), name: optional(str) }),
  returns: returned<JsonObject>('SnapshotInfo'),
  run: (vm, { device, id, name }) => vm.drives.deleteSnapshot(device, id, name),
});

const ACTION = struct('TransactionAction', {
  type: enumeration('TransactionActionKind', [
    'blockdev-snapshot-sync',
    'drive-backup',
    'blockdev-backup',
    'abort',
    'blockdev-snapshot-internal-sync',
  ]),
  data: any,
});

export const transaction = action({
  name: 'transaction',
  doc: 'Do several things, or none when one of them fails.',
  args: struct('TransactionArgs', { actions: listOf(ACTION) }),
  async run(vm, { actions }) {
    const steps = actions.map(action => prepare(vm, action));
    const done: Undo[] = [];
    try {
      for (const step of steps) done.push(await step());
    } catch (error) {
      for (const undo of done.reverse()) await undo();
      throw error;
    }
  },
});

/** Arguments are checked before anything is done. */
function prepare(vm: Vm, { type, data }: { type: string; data: Json }): () => Promise<Undo> {
  switch (type) {
    case 'blockdev-snapshot-sync': {
      const args = OVERLAY.parse(data, 'data');
      return () => vm.drives.overlay(args);
    }
    case 'drive-backup': {
      const args = BACKUP.parse(data, 'data');
      return () => vm.drives.startBackup(args);
    }
    case 'blockdev-backup': {
      const args = INTO_DRIVE.parse(data, 'data');
      return () => vm.drives.startBackupInto(args);
    }
    case 'blockdev-snapshot-internal-sync': {
      const { device, name } = INTERNAL.parse(data, 'data');
      return () => vm.drives.takeSnapshot(device, name);
    }
    default:
      return () => Promise.reject(new UserError('Transaction aborted using Abort action'));
  }
}
