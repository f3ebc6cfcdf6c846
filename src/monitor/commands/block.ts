/** Commands about drives and their media. */

import { bool, int, optional, returned, str, struct, uint64 } from '../../schema.ts';
import { blockdevOptions } from '../blockdev-options.ts';
import { action, command } from '../command.ts';

export const blockdevAdd = action({
  name: 'blockdev-add',
  doc: 'Open an image as a new drive.',
  args: struct('BlockdevAddArgs', { options: blockdevOptions }),
  run: (vm, { options }) => vm.drives.addNode(options),
});

export const change = action({
  name: 'change',
  doc: 'Replace the medium of a removable drive; `arg` is the format.',
  args: struct('ChangeArgs', { device: str, target: str, arg: optional(str) }),
  run: (vm, { device, target, arg }) => vm.drives.change(device, target, arg),
});

export const eject = action({
  name: 'eject',
  doc: 'Take the medium out of a removable drive.',
  args: struct('EjectArgs', { device: str, force: optional(bool) }),
  run: (vm, { device, force }) => vm.drives.eject(device, force ?? false),
});

export const blockResize = action({
  name: 'block_resize',
  doc: 'Make an image larger, or smaller where its format can.',
  args: struct('ResizeArgs', { device: optional(str), 'node-name': optional(str), size: int }),
  run: (vm, args) => vm.drives.resize(args.device, args['node-name'], args.size),
});

export const blockSetIoThrottle = action({
  name: 'block_set_io_throttle',
  doc: 'Limit the bytes and operations per second of a drive; 0 is no limit.',
  args: struct('ThrottleArgs', {
    device: str,
    bps: int,
    bps_rd: int,
    bps_wr: int,
    iops: int,
    iops_rd: int,
    iops_wr: int,
    bps_max: optional(int),
    bps_rd_max: optional(int),
    bps_wr_max: optional(int),
    iops_max: optional(int),
    iops_rd_max: optional(int),
    iops_wr_max: optional(int),
    iops_size: optional(int),
  }),
  run(vm, { device, ...limits }) {
    vm.drives.setLimits(device, limits);
  },
});

export const changeBackingFile = action({
  name: 'change-backing-file',
  doc: 'Change what an image says about its backing file, and nothing else.',
  args: struct('ChangeBackingArgs', {
    device: str,
    'image-node-name': str,
    'backing-file': str,
  }),
  async run(vm, args) {
    const filename = args['backing-file'];
    await vm.drives.changeBackingFile(args.device, args['image-node-name'], filename);
  },
});

export const blockSetWriteThreshold = action({
  name: 'block-set-write-threshold',
  doc: 'Send BLOCK_WRITE_THRESHOLD once when a named node is written beyond this; 0 is never.',
  args: struct('WriteThresholdArgs', { 'node-name': str, 'write-threshold': uint64 }),
  run(vm, args) {
    vm.drives.setWriteThreshold(args['node-name'], args['write-threshold']);
  },
});

export const driveAdd = action({
  name: 'x-drive-add',
  doc: 'Open a drive that no device has, described as by -drive.',
  args: struct('DriveAddArgs', { options: str }),
  run: (vm, { options }) => vm.drives.add(options),
});

export const driveDel = action({
  name: 'x-drive-del',
  doc: 'Close a drive; a device that has it is left without.',
  args: struct('DriveDelArgs', { id: str }),
  run: (vm, { id }) => vm.drives.remove(id),
});

export const commit = action({
  name: 'x-commit',
  doc: "Move an image's contents into its backing file; `all` for every drive.",
  args: struct('CommitArgs', { device: str }),
  run: (vm, { device }) => vm.drives.commit(device),
});

export const qemuIo = command({
  name: 'x-qemu-io',
  doc: 'Run a command of the image exerciser on a drive; returns what it prints.',
  args: struct('QemuIoArgs', { device: str, command: str }),
  returns: returned<string>('str'),
  run: (vm, args) => vm.drives.io(args.device, args.command),
});
