/**
 * A whole PC in this process, from the emulator's own command line, that runs up to instants of
 * virtual time and can be saved and loaded there.
 */

import { Clock } from '../../src/clock.ts';
import { Events } from '../../src/events.ts';
import { Inbox } from '../../src/inbox.ts';
import { Log } from '../../src/log.ts';
import type { PcMachine } from '../../src/machine-build.ts';
import { readMachine } from '../../src/machine-load.ts';
import { writeMachine } from '../../src/machine-save.ts';
import type { StateSource } from '../../src/machine-state.ts';
import { CharTable } from '../../src/main-chars.ts';
import { readConfig } from '../../src/main-config.ts';
import { DriveTable } from '../../src/main-drives.ts';
import { type Fittings, noFittings } from '../../src/main-fittings.ts';
import { assemble } from '../../src/main-machine.ts';
import type { RamDisk } from './board.ts';
import { InstantHost } from './instant-host.ts';

const COUNTED = ['-nodefaults', '-vga', 'std', '-icount', 'shift=1,sleep=off'];

export interface Disks {
  readonly ide?: RamDisk;
  readonly usb?: RamDisk;
}

/** Reads from one piece of memory. */
export function sourceOf(bytes: Uint8Array): StateSource {
  let at = 0;
  return {
    async read(length) {
      if (at + length > bytes.length) return undefined;
      at += length;
      return bytes.slice(at - length, at);
    },
  };
}

export class WholeMachine {
  readonly machine: PcMachine;
  private readonly clock = new Clock();
  private readonly inbox = new Inbox(this.clock);

  constructor(
    argv: readonly string[],
    private readonly disks: Disks = {},
  ) {
    const config = readConfig([...COUNTED, ...argv]);
    const usbDevices = disks.usb === undefined ? [] : [{ backend: disks.usb }];
    const fittings: Fittings = { ...noFittings(), usb: config.hasUsb, usbDevices };
    const { ide } = disks;
    if (ide !== undefined) fittings.drives.push({ bus: 0, unit: 0, media: 'disk', backend: ide });
    const hooks = { post: () => {}, interrupt: () => {}, terminate: () => {} };
    const chars = new CharTable({ ...hooks, commitAll: () => {}, nowMs: () => 0 });
    const events = new Events();
    const { clock, inbox } = this;
    this.machine = assemble({
      config,
      parts: { clock, inbox, events, log: new Log(), host: new InstantHost() },
      fittings,
      chars,
      drives: new DriveTable(
        'test',
        () => {},
        () => true,
        events,
      ),
    });
    void this.machine.power();
  }

  get hash(): string {
    return this.machine.stateHash();
  }

  get isBusy(): boolean {
    return this.inbox.busy;
  }

  get nowNs(): number {
    return this.clock.nowNs;
  }

  /** Runs until `nowNs` is `untilNs`. */
  async runTo(untilNs: number): Promise<void> {
    const { machine, clock } = this;
    await new Promise<void>(resolve => {
      const timer = clock.timer('test', () => {
        machine.stop();
        resolve();
      });
      timer.arm(untilNs);
      machine.start();
    });
  }

  /** State and disks. */
  async save(): Promise<Saved> {
    const chunks: Uint8Array[] = [];
    await this.machine.exclusive(() =>
      writeMachine(this.machine, {
        async write(bytes) {
          chunks.push(bytes);
        },
      }),
    );
    const { ide, usb } = this.disks;
    return {
      state: new Uint8Array(Buffer.concat(chunks)),
      ide: ide?.bytes.slice(),
      usb: usb?.bytes.slice(),
    };
  }

  async load({ state, ide, usb }: Saved): Promise<void> {
    await this.machine.exclusive(async () => {
      if (ide !== undefined) this.disks.ide?.bytes.set(ide);
      if (usb !== undefined) this.disks.usb?.bytes.set(usb);
      await readMachine(this.machine, sourceOf(state));
    });
  }

  end(): void {
    this.machine.quit();
  }
}

export interface Saved {
  readonly state: Uint8Array;
  readonly ide?: Uint8Array;
  readonly usb?: Uint8Array;
}
