/**
 * Keyboards, mice and tablets by the names of `-usbdevice` and `usb_add`.
 */

import type { HidKind } from './hw/usb/hid.ts';

const HID_NAMES: { readonly [name: string]: HidKind } = {
  mouse: 'mouse',
  tablet: 'tablet',
  keyboard: 'keyboard',
};

export function hidOfName(text: string): HidKind | undefined {
  return Object.hasOwn(HID_NAMES, text) ? HID_NAMES[text] : undefined;
}
