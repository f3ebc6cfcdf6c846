/**
 * Failed requests of drives' devices: told in an event, and where the drive's `werror` or `rerror`
 * says so the machine stops, to try again when it goes on.
 */

import type { Events } from './events.ts';
import type { Inbox } from './inbox.ts';
import type { Json } from './json.ts';
import { type DriveTable, hasIoStatus } from './main-drives.ts';
import type { RunState } from './run-state.ts';

export interface StoppableMachine {
  readonly inbox: Inbox;
  readonly events: Events;
  stop(next: RunState): void;
}

export function watchDrives(table: DriveTable, machine: StoppableMachine): void {
  const { events, inbox } = machine;
  inbox.stalled = () => table.stalled();
  table.onFailure = (drive, { operation, action, error }) => {
    inbox.post(() => {
      const data: { [name: string]: Json } = { device: drive.backend.name, operation, action };
      if (hasIoStatus(drive)) data['nospace'] = error.code === 'ENOSPC';
      data['reason'] = error.message;
      events.emit('BLOCK_IO_ERROR', data);
      if (action === 'stop') machine.stop('io-error');
    });
    return true;
  };
  events.listen(({ name }) => {
    for (const { backend } of table.drives) {
      if (name === 'RESET') backend.dropHeld();
      if (name === 'RESUME') backend.retryHeld();
    }
  });
}
