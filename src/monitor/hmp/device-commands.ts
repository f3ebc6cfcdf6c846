/**
 * Human monitor commands that plug devices in and take them out.
 */

import { UserError } from '../../error.ts';
import { OptionList, splitOptions } from '../../options.ts';
import type { Arguments } from '../session.ts';
import { askKey } from './block-commands.ts';
import type { HmpCommand } from './command.ts';

const deviceAdd: HmpCommand = {
  name: 'device_add',
  args: [{ name: 'device', kind: 'options' }],
  params: 'driver[,prop=value][,...]',
  help: 'add device, like -device on the command line',
  async run(context, args) {
    const pairs = splitOptions(args.text('device'), 'driver');
    const members = Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    if (new OptionList(pairs).wantsHelp) {
      const { driver } = members;
      const about: Arguments = driver === 'help' || driver === '?' ? {} : { driver };
      const text = await context.session.call<string>('x-device-help', about);
      if (text !== '') context.print(text);
      else throw new UserError(`'${driver}' is not a valid device model name`);
      return;
    }
    try {
      await context.session.call('device_add', members);
    } catch (error) {
      if (!(error instanceof UserError) || error.errorClass !== 'DeviceEncrypted') throw error;
      await askKey(context, members['drive']);
    }
  },
};

const deviceDel: HmpCommand = {
  name: 'device_del',
  args: [{ name: 'id', kind: 'string' }],
  params: 'device',
  help: 'remove device',
  async run({ session }, args) {
    await session.call('device_del', { id: args.text('id') });
  },
};

const usbAdd: HmpCommand = {
  name: 'usb_add',
  args: [{ name: 'devname', kind: 'string' }],
  params: 'device',
  help: "add USB device (e.g. 'host:bus.addr' or 'host:vendor_id:product_id')",
  async run(context, args) {
    const device = args.text('devname');
    await askKey(context, await context.session.call<string>('x-usb-add', { device }));
  },
};

const usbDel: HmpCommand = {
  name: 'usb_del',
  args: [{ name: 'devname', kind: 'string' }],
  params: 'device',
  help: "remove USB device 'bus.addr'",
  async run({ session }, args) {
    await session.call('x-usb-del', { device: args.text('devname') });
  },
};

export const DEVICE_COMMANDS: readonly HmpCommand[] = [deviceAdd, deviceDel, usbAdd, usbDel];
