/** Commands that plug devices in and take them out. */

import { type Json, JsonFloat } from '../../json.ts';
import type { OptionPair } from '../../options.ts';
import { openStruct, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';

/** Members as option values: lists and records have none. */
function optionPairs(members: { readonly [name: string]: Json }): OptionPair[] {
  return Object.entries(members).flatMap(([key, value]: [string, Json]): OptionPair[] => {
    if (typeof value === 'boolean') return [{ key, value: value ? 'on' : 'off' }];
    if (value instanceof JsonFloat) return [{ key, value: String(value.value) }];
    return typeof value === 'object' ? [] : [{ key, value: String(value) }];
  });
}

export const deviceAdd = action({
  name: 'device_add',
  doc: 'Plug a device in, described as by -device: its `driver`, and properties by name.',
  args: openStruct('DeviceAddArgs'),
  run(vm, properties) {
    vm.devices.add(optionPairs(properties));
  },
});

export const deviceDel = action({
  name: 'device_del',
  doc: 'Take a device out, and its drive with it.',
  args: struct('DeviceDelArgs', { id: str }),
  run: (vm, { id }) => vm.devices.remove(id),
});

export const usbAdd = command({
  name: 'x-usb-add',
  doc: 'Plug a USB device in, described as by -usbdevice; returns the name of its drive.',
  args: struct('UsbAddArgs', { device: str }),
  returns: returned<string>('str'),
  run: (vm, { device }) => vm.devices.addUsb(device),
});

export const usbDel = action({
  name: 'x-usb-del',
  doc: 'Take out the USB device with this bus and address.',
  args: struct('UsbDelArgs', { device: str }),
  run: (vm, { device }) => vm.devices.removeUsb(device),
});

export const deviceHelp = command({
  name: 'x-device-help',
  doc: 'The drivers there are, or the properties of one, as text; empty without such a driver.',
  args: struct('DeviceHelpArgs', { driver: optional(str) }),
  returns: returned<string>('str'),
  run: (vm, { driver }) => vm.devices.help(driver) ?? '',
});
