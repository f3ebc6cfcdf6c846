/**
 * The board's keyboard and mouse: the 8042 with its two PS/2 ports, port 92, VMware's back door
 * with its mouse, and who gets what the user types and moves.
 */

import type { Clock } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { Log } from '../../log.ts';
import type { Device } from '../device.ts';
import { I8042 } from '../input/i8042.ts';
import { Ps2Keyboard } from '../input/ps2-keyboard.ts';
import { Ps2Mouse } from '../input/ps2-mouse.ts';
import { InputRouter } from '../input/router.ts';
import { KeySender } from '../input/send-keys.ts';
import { VmMouse } from '../input/vmmouse.ts';
import { Port92 } from '../misc/port92.ts';
import { VmPort } from '../misc/vmport.ts';
import type { Wiring } from './wiring.ts';

export interface BoardInputOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly wiring: Wiring;
  readonly keyboardIrq: Line;
  readonly mouseIrq: Line;
  readonly a20: Line;
  readonly reset: Line;
  /** In bytes. */
  readonly ramSize: number;
}

const BACKDOOR = 0x5658;

export class BoardInput {
  readonly router = new InputRouter();
  readonly keyboard: Ps2Keyboard;
  readonly mouse = new Ps2Mouse();
  readonly vmport: VmPort;
  /** `sendkey`. */
  readonly keys: KeySender;
  /** By id, in the order of reset. */
  readonly devices: readonly (readonly [id: string, device: Device])[];

  constructor(options: BoardInputOptions) {
    const { clock, wiring, a20, reset } = options;
    const { router, mouse } = this;
    const keyboard = new Ps2Keyboard({ clock });
    this.keyboard = keyboard;
    this.keys = new KeySender(clock, router);
    const controller = new I8042({ ...options, keyboard, mouse });
    const port92 = new Port92({ a20, reset });
    router.add({
      inputName: 'QEMU PS/2 Keyboard',
      key: (name, event) => keyboard.key(name, event),
    });
    router.add({
      inputName: 'QEMU PS/2 Mouse',
      move: (dx, dy) => mouse.move(dx, dy),
      turnWheel: dz => mouse.move(0, 0, dz),
      setButtons: buttons => mouse.setButtons(buttons),
    });
    wiring.ports({ name: 'i8042-data', base: 0x60, length: 1 }, controller.dataPort);
    wiring.ports({ name: 'i8042-cmd', base: 0x64, length: 1 }, controller.commandPort);
    wiring.ports({ name: 'port92', base: 0x92, length: 1 }, port92.ports);
    const vmport = new VmPort(options.ramSize);
    const vmmouse = new VmMouse({ port: vmport, input: router, nudge: () => mouse.nudge() });
    wiring.ports(
      { name: 'vmport', base: BACKDOOR, length: 1, minSize: 4, maxSize: 4 },
      vmport.ports,
    );
    this.vmport = vmport;
    this.devices = [
      ['vmmouse', vmmouse],
      ['ps2-kbd', keyboard],
      ['ps2-mouse', mouse],
      ['send-keys', this.keys],
      ['input', router],
      ['i8042', controller],
      ['port92', port92],
    ];
  }
}
