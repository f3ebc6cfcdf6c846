/**
 * A USB with its root ports: which device sits where, and which of them the controller can see.
 *
 * Not emulated: hubs, so there are never more devices than root ports.
 */

import { UserError } from '../../error.ts';
import type { UsbDevice } from './device.ts';

export class UsbPort {
  device: UsbDevice | undefined;
  /** The device pulls its line up; before that it is there, but no guest sees it. */
  isAttached = false;
  /** The controller's port changes. */
  onChange: () => void = () => {};
  /** The device asks for a resume. */
  onWake: () => void = () => {};

  /** `number` as users count: from 1. */
  constructor(readonly number: number) {}

  /** The device as far as the controller can see it. */
  get attached(): UsbDevice | undefined {
    return this.isAttached ? this.device : undefined;
  }
}

export class UsbBus {
  readonly ports: readonly UsbPort[];
  /** In the order in which they are given out: what was used last comes last. */
  private free: UsbPort[];

  constructor(
    readonly name: string,
    portCount: number,
  ) {
    this.ports = Array.from({ length: portCount }, (_, i) => new UsbPort(i + 1));
    this.free = [...this.ports];
  }

  /** Numbers of the free ports as text, in the order in which they are given out. */
  get freePorts(): readonly string[] {
    return this.free.map(({ number }) => String(number));
  }

  /** Takes the order of `freePorts`; ports that are not in it come first. */
  orderFreePorts(order: readonly string[]): void {
    const rank = ({ number }: UsbPort): number => order.indexOf(String(number));
    this.free = [...this.free].sort((a, b) => rank(a) - rank(b));
  }

  /** A port that is free, or the one that the user wants. Throws UserError. */
  claim(product: string, wanted: string | undefined): UsbPort {
    const { free } = this;
    const at = free.findIndex(({ number }) => wanted === undefined || String(number) === wanted);
    const [port] = at < 0 ? [] : free.splice(at, 1);
    if (port !== undefined) return port;
    throw new UserError(
      wanted === undefined
        ? `tried to attach usb device ${product} to a bus with no free ports`
        : `usb port ${wanted} (bus ${this.name}) not found (in use?)`,
    );
  }

  attach(port: UsbPort): void {
    if (port.device === undefined || port.isAttached) return;
    port.isAttached = true;
    port.device.onWake = () => port.onWake();
    port.device.busReset();
    port.onChange();
  }

  detach(port: UsbPort): void {
    const wasAttached = port.isAttached;
    port.isAttached = false;
    port.device = undefined;
    this.free.push(port);
    if (wasAttached) port.onChange();
  }

  /** `info usb`; lines end with \n. */
  infoText(): string {
    return this.ports
      .flatMap(({ number, device }) =>
        device === undefined
          ? []
          : [
              `  Device 0.${device.address}, Port ${number}, Speed 12 Mb/s, ` +
                `Product ${device.product}\n`,
            ],
      )
      .join('');
  }
}
