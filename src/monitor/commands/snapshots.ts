/** Snapshots of the whole machine, in the images of its drives. */

import { empty, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

export const savevm = action({
  name: 'x-savevm',
  doc: 'Take a snapshot of the machine and its disks; one of the same name or id is replaced.',
  args: struct('SavevmArgs', { name: optional(str) }),
  async run(vm, { name }) {
    await vm.drives.checkSave();
    const wasRunning = vm.machine.runState === 'running';
    vm.machine.stop('save-vm');
    try {
      const { writeMachine } = await import('../../machine-save.ts');
      await vm.machine.exclusive(() =>
        vm.drives.saveMachine(name, {
          clockNs: vm.machine.clock.nowNs,
          write: sink => writeMachine(vm.machine, sink),
        }),
      );
    } finally {
      if (wasRunning) vm.machine.start();
    }
  },
});

/** False when there is no such snapshot. Throws UserError. The machine does not run. */
export async function loadSnapshot({ machine, drives }: Vm, name: string): Promise<boolean> {
  const { readMachine } = await import('../../machine-load.ts');
  return machine.exclusive(() => drives.loadMachine(name, source => readMachine(machine, source)));
}

export const loadvm = action({
  name: 'x-loadvm',
  doc: 'Go back to a snapshot of the machine; one that is not there stops the machine.',
  args: struct('LoadvmArgs', { name: str }),
  async run(vm, { name }) {
    const wasRunning = vm.machine.runState === 'running';
    vm.machine.stop('restore-vm');
    if ((await loadSnapshot(vm, name)) && wasRunning) vm.machine.start();
  },
});

export const delvm = action({
  name: 'x-delvm',
  doc: 'Delete a snapshot from all drives.',
  args: struct('DelvmArgs', { name: str }),
  run: (vm, { name }) => vm.drives.deleteSnapshots(name),
});

export const snapshots = command({
  name: 'x-snapshots',
  doc: 'The snapshots that all drives have, as a table.',
  args: empty,
  returns: returned<string>('str'),
  run: vm => vm.drives.snapshotsText(),
});
