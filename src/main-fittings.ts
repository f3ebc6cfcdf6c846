/** A board before anything is fitted to it. */

import type { Fittings } from './main-devices.ts';

export function noFittings(hasUsb: boolean): Fittings {
  return {
    drives: [],
    serials: [],
    debugcons: [],
    debugExits: [],
    usb: hasUsb,
    usbDevices: [],
    usbPointers: [],
    anonymous: 0,
    unattached: 0,
  };
}
