/** Commands about the screen, and about what moves and is pressed. */

import { HostError } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { bool, enumeration, int, listOf, optional, str, struct, union } from '../../schema.ts';
import { action } from '../command.ts';
import { KEY_VALUE, keyOf } from './input.ts';

export const screendump = action({
  name: 'screendump',
  doc: 'Save what the screen shows as a portable pixmap.',
  args: struct('ScreendumpArgs', { filename: str }),
  async run(vm, { filename }) {
    const picture = vm.panel.screenshot();
    if (picture === undefined) {
      throw new UserError('There is no QemuConsole I can screendump from.');
    }
    try {
      await vm.host.writeFile(filename, [picture]);
    } catch (error) {
      if (error instanceof HostError) {
        throw new UserError(`failed to write file '${filename}': ${error.message}`);
      }
      if (!(error instanceof UserError)) throw error;
      const why = error.message.slice(error.message.lastIndexOf(': ') + 2);
      throw new UserError(`failed to open file '${filename}': ${why}`);
    }
  },
});

const BUTTON = enumeration('InputButton', ['Left', 'Middle', 'Right', 'WheelUp', 'WheelDown']);
const AXIS = enumeration('InputAxis', ['X', 'Y']);
const MOVE = struct('InputMoveEvent', { axis: AXIS, value: int });

const INPUT_EVENT = union('InputEvent', {
  key: struct('InputKeyEvent', { key: KEY_VALUE, down: bool }),
  btn: struct('InputBtnEvent', { button: BUTTON, down: bool }),
  rel: MOVE,
  abs: MOVE,
});

export const inputSendEvent = action({
  name: 'x-input-send-event',
  isListed: true,
  doc: 'Press keys and buttons and move the mouse, as a window would.',
  args: struct('InputSendEventArgs', { console: optional(int), events: listOf(INPUT_EVENT) }),
  run(vm, { console: index = 0, events }) {
    if (index !== 0) throw new UserError(`console ${index} not found`);
    const mice = vm.panel.queryMice() as readonly { readonly [name: string]: Json }[];
    const takesPlaces = mice.some(mouse => mouse['absolute'] === true);
    if (!takesPlaces && events.some(({ type }) => type === 'abs')) {
      throw new UserError('Input handler not found for event type abs');
    }
    vm.panel.input(
      events.map(event => {
        switch (event.type) {
          case 'key':
            return { type: 'key', key: keyOf(vm, event.data.key), down: event.data.down };
          case 'btn':
            return { type: 'btn', ...event.data };
          default:
            return { type: event.type, ...event.data };
        }
      }),
    );
  },
});
