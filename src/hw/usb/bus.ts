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

  /** `number` as users count: from 1. */
  constructor(readonly number: number) {}

  /** The device as far as the controller can see it. */
  get attached(): UsbDevice | undefined {
    return this.isAttached ? this.device : undefined;
  }
}

export class UsbBus {
  readonly ports: readonly UsbPort[];

  constructor(
    readonly name: string,
    portCount: number,
  ) {
    this.ports = Array.from({ length: portCount }, (_, i) => new UsbPort(i + 1));
  }

  /** A port that is free, or the one that the user wants. Throws UserError. */
  claim(product: string, wanted: string | undefined): UsbPort {
    const free = this.ports.filter(port => port.device === undefined);
    if (wanted !== undefined) {
      const port = free.find(({ number }) => String(number) === wanted);
      if (port !== undefined) return port;
      throw new UserError(`usb port ${wanted} (bus ${this.name}) not found (in use?)`);
    }
    if (free.length > 0) return free[0];
    throw new UserError(`tried to attach usb device ${product} to a bus with no free ports`);
  }

  attach(port: UsbPort): void {
    if (port.device === undefined || port.isAttached) return;
    port.isAttached = true;
    port.device.busReset();
    port.onChange();
  }

  detach(port: UsbPort): void {
    const wasAttached = port.isAttached;
    port.isAttached = false;
    port.device = undefined;
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
