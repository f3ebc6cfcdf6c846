/**
 * Who gets the user's keys and movements: the board's keyboards and pointing devices in order of
 * preference. An event goes to the first device that takes its kind.
 *
 * Devices are numbered as they come, from 1; monitors know mice by these numbers.
 */

import { list, type StateOf, state, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import type { KeyName } from './keys.ts';

/** Devices that may have come and gone since power-on and are remembered by number. */
const LIMIT = 64;

export interface InputDevice {
  /** As `info mice` shows it. */
  readonly inputName: string;
  key?(name: KeyName, event: 'press' | 'release'): void;
  /** Counts to the right and down. */
  move?(dx: number, dy: number): void;
  /** One axis of a place on the screen, 0 to 7FFFh. */
  moveTo?(axis: 'x' | 'y', value: number): void;
  /** Steps towards the user. */
  turnWheel?(dz: number): void;
  /** Bit 0 left, 1 right, 2 middle. */
  setButtons?(buttons: number): void;
}

export interface Mouse {
  readonly index: number;
  readonly name: string;
  readonly isCurrent: boolean;
  readonly isAbsolute: boolean;
}

const registers = state('input', 1, {
  /** Numbers, the preferred device first. */
  order: list(LIMIT, u32()),
  buttons: u32(),
});

export class InputRouter extends Device<StateOf<typeof registers>> {
  private readonly devices = new Map<number, InputDevice>();
  private last = 0;

  constructor() {
    super(registers);
  }

  /** What the user does is not the machine's to reset. */
  override reset(): void {}

  /** A saved order may lack devices that are numbered otherwise here. */
  protected override settle(): void {
    const { order } = this.state;
    for (const index of this.devices.keys()) if (!order.includes(index)) order.push(index);
  }

  /** Puts a device behind all others. */
  add(device: InputDevice): void {
    this.devices.set(++this.last, device);
    this.state.order.push(this.last);
  }

  remove(device: InputDevice): void {
    const index = this.indexOf(device);
    if (index === undefined) return;
    this.devices.delete(index);
    this.state.order = this.state.order.filter(other => other !== index);
  }

  /** The guest listens to this device: it comes before all others. */
  prefer(device: InputDevice): void {
    const index = this.indexOf(device);
    if (index !== undefined) this.moveToFront(index);
  }

  /** `mouse_set`; false when there is no such mouse. */
  choose(index: number): boolean {
    const device = this.devices.get(index);
    if (device === undefined || !isPointer(device)) return false;
    this.moveToFront(index);
    return true;
  }

  /** In the order of `info mice`: the current one comes last. */
  mice(): readonly Mouse[] {
    const pointers = this.sorted.filter(([, device]) => isPointer(device));
    return pointers
      .map(([index, device], i) => ({
        index,
        name: device.inputName,
        isCurrent: i === 0,
        isAbsolute: device.moveTo !== undefined,
      }))
      .reverse();
  }

  key(name: KeyName, event: 'press' | 'release'): void {
    this.find(device => device.key !== undefined)?.key?.(name, event);
  }

  move(dx: number, dy: number): void {
    this.find(device => device.move !== undefined)?.move?.(dx, dy);
  }

  /** A wheel is turned like a button, on whatever points. */
  turnWheel(dz: number): void {
    this.find(isPointer)?.turnWheel?.(dz);
  }

  moveTo(axis: 'x' | 'y', value: number): void {
    this.find(device => device.moveTo !== undefined)?.moveTo?.(axis, value);
  }

  /** One button goes down or up: `mask` has its bit. */
  button(mask: number, isDown: boolean): void {
    const { buttons } = this.state;
    this.state.buttons = isDown ? buttons | mask : buttons & ~mask;
    this.find(isPointer)?.setButtons?.(this.state.buttons);
  }

  private get sorted(): readonly (readonly [number, InputDevice])[] {
    return this.state.order.flatMap(index => {
      const device = this.devices.get(index);
      return device === undefined ? [] : [[index, device] as const];
    });
  }

  private find(takes: (device: InputDevice) => boolean): InputDevice | undefined {
    return this.sorted.find(([, device]) => takes(device))?.[1];
  }

  private indexOf(device: InputDevice): number | undefined {
    return [...this.devices].find(([, other]) => other === device)?.[0];
  }

  private moveToFront(index: number): void {
    this.state.order = [index, ...this.state.order.filter(other => other !== index)];
  }
}

function isPointer(device: InputDevice): boolean {
  return device.setButtons !== undefined;
}
