/** Snapshots of the whole machine; so far their lists, and what QEMU says when there is none. */

import { UserError } from '../../error.ts';
import { empty, optional, returned, str, struct } from '../../schema.ts';
import { command, NOTHING } from '../command.ts';

export const savevm = command({
  name: 'x-savevm',
  doc: 'Take a snapshot of the machine and its disks: refused, the state cannot be stored yet.',
  args: struct('SavevmArgs', { name: optional(str) }),
  returns: empty,
  async run(vm) {
    await vm.drives.checkSave();
    throw new UserError('Error -95 while writing VM');
  },
});

export const loadvm = command({
  name: 'x-loadvm',
  doc: 'Go back to a snapshot of the machine; one that is not there stops the machine.',
  args: struct('LoadvmArgs', { name: str }),
  returns: empty,
  async run(vm, { name }) {
    const isThere = await vm.drives.hasSaved(name);
    vm.machine.stop('restore-vm');
    if (isThere) throw new UserError('Error -95 while loading VM state');
    return NOTHING;
  },
});

export const delvm = command({
  name: 'x-delvm',
  doc: 'Delete a snapshot from all drives.',
  args: struct('DelvmArgs', { name: str }),
  returns: empty,
  async run(vm, { name }) {
    await vm.drives.deleteSnapshots(name);
    return NOTHING;
  },
});

export const snapshots = command({
  name: 'x-snapshots',
  doc: 'The snapshots that all drives have, as a table.',
  args: empty,
  returns: returned<string>('str'),
  run: vm => vm.drives.snapshotsText(),
});
