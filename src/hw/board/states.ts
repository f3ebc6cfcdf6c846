/**
 * The states of all chips on a board, saved and loaded together.
 */

import { UserError } from '../../error.ts';
import { type Plain, StateError } from '../../state.ts';
import type { Device } from '../device.ts';

export type DeviceStates = { readonly [id: string]: Plain };

export function saveDevices(devices: ReadonlyMap<string, Device>): DeviceStates {
  return Object.fromEntries([...devices].map(([id, device]) => [id, device.save()]));
}

/**
 * Twice: the first time lines move, and chips that were loaded earlier take that for events; the
 * second time every line is already where it belongs. Throws StateError when one does not fit.
 */
export function loadDevices(devices: ReadonlyMap<string, Device>, saved: DeviceStates): void {
  for (let round = 0; round < 2; round++) {
    for (const [id, device] of devices) {
      if (id in saved) loadDevice(id, device, saved[id]);
    }
  }
}

function loadDevice(id: string, device: Device, saved: DeviceStates[string]): void {
  try {
    device.load(saved);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new StateError(id, error.message);
  }
}
