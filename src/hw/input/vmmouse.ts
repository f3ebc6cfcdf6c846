/**
 * A mouse that knows places, behind VMware's back door: QEMU's `vmmouse`. The PS/2 mouse only says
 * that there is something to fetch.
 *
 * Source: the protocol as Linux's drivers/input/mouse/vmmouse.c documents it.
 * Not emulated: relative packets (who asks for them gets none, and the PS/2 mouse goes on).
 */

import { bool, list, type StateOf, state, u8, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import {
  EAX,
  EBX,
  ECX,
  EDI,
  EDX,
  ESI,
  type GeneralRegisters,
  type VmPort,
} from '../misc/vmport.ts';
import type { InputDevice, InputRouter } from './router.ts';

/** Commands of the back door. */
const DATA = 39;
const STATUS = 40;
const COMMAND = 41;

/** Arguments of COMMAND. */
const ENABLE = 0x45414552;
const DISABLE = 0x000000f5;
const REQUEST_RELATIVE = 0x4c455252;
const REQUEST_ABSOLUTE = 0x53424152;

const VERSION = 0x3442554a;
const ERROR = 0xffff0000;
/** In words; a packet has four. */
const QUEUE = 1024;
const PACKET = 4;
const LEFT = 0x20;
const RIGHT = 0x10;
const MIDDLE = 0x08;

const registers = state('vmmouse', 1, {
  isEnabled: bool(),
  /** Events are wanted. */
  isAbsolute: bool(),
  queue: list(QUEUE, u32()),
  buttons: u8(),
  /** 0 to FFFFh. */
  x: u16(),
  y: u16(),
});

export interface VmMouseOptions {
  readonly port: VmPort;
  readonly input: InputRouter;
  /** Makes the PS/2 mouse interrupt. */
  readonly nudge: () => void;
}

export class VmMouse extends Device<StateOf<typeof registers>> {
  private isListening = false;
  private readonly events: InputDevice = {
    inputName: 'vmmouse',
    moveTo: (axis, value) => {
      this.state[axis] = Math.max(0, Math.min(0xffff, value * 2));
      this.add(0);
    },
    turnWheel: dz => this.add(dz),
    setButtons: buttons => {
      this.state.buttons = buttons & 7;
      this.add(0);
    },
  };

  constructor(private readonly options: VmMouseOptions) {
    super(registers);
    const { port } = options;
    port.register(DATA, cpu => this.fetch(cpu));
    port.register(STATUS, () => this.status());
    port.register(COMMAND, cpu => {
      this.command(cpu.general(EBX));
      this.settle();
      return 0;
    });
  }

  protected override settle(): void {
    const { input } = this.options;
    const isWanted = this.state.isEnabled && this.state.isAbsolute;
    if (isWanted === this.isListening) return;
    this.isListening = isWanted;
    if (isWanted) {
      input.add(this.events);
      input.prefer(this.events);
    } else input.remove(this.events);
  }

  private status(): number {
    const { isEnabled, queue } = this.state;
    return isEnabled ? queue.length : ERROR;
  }

  private command(argument: number): void {
    const s = this.state;
    switch (argument) {
      case ENABLE:
        s.isEnabled = true;
        s.isAbsolute = false;
        s.queue = [VERSION];
        break;
      case DISABLE:
        this.state = this.table.initial();
        break;
      case REQUEST_RELATIVE:
        s.isAbsolute = false;
        break;
      case REQUEST_ABSOLUTE:
        s.isAbsolute = true;
        break;
      default:
        break;
    }
  }

  /** As many words as EBX says, in six registers. */
  private fetch(cpu: GeneralRegisters): number {
    const { queue } = this.state;
    const count = cpu.general(EBX);
    if (count === 0 || count > 6 || count > queue.length) {
      this.command(DISABLE);
      this.settle();
      return ERROR;
    }
    const words = queue.splice(0, count);
    for (const [i, register] of [EAX, EBX, ECX, EDX, ESI, EDI].entries()) {
      if (i > 0 && i < count) cpu.setGeneral(register, words[i]);
    }
    return words[0];
  }

  private add(dz: number): void {
    const { queue, buttons, x, y } = this.state;
    if (queue.length > QUEUE - PACKET) return;
    const left = (buttons & 1) !== 0 ? LEFT : 0;
    const right = (buttons & 2) !== 0 ? RIGHT : 0;
    const middle = (buttons & 4) !== 0 ? MIDDLE : 0;
    queue.push(left | right | middle, x, y, dz >>> 0);
    this.options.nudge();
  }
}
