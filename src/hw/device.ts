/**
 * What every device is: wires and typed properties given to its constructor, volatile state
 * declared by a table, and one `settle()` that makes lines, timers and mappings agree with it.
 *
 * A device never learns its IRQ number, its port base or its owner: the board knows those.
 */

import type { Plain, StateTable } from '../state.ts';

/** What `info qtree` prints of a device, in QEMU's form. */
export interface QdevInfo {
  /** The device model's name, as `-device` takes it. */
  readonly type: string;
  readonly id?: string;
  /** In the tree of objects, where it is not one of the board's own. */
  readonly path?: string;
  /** Properties that are not as they are initially. */
  readonly values?: { readonly [name: string]: number | bigint | boolean | string };
  /** Property lines as printed: `addr = 01.3`. */
  readonly properties?: () => readonly string[];
  /** Lines after the properties: `isa irq 4`, `mmio …`, `class …, addr …`. */
  readonly details?: () => readonly string[];
  /** Lines before them: `gpio-in "" 8`. */
  readonly gpios?: readonly string[];
  readonly buses?: readonly QdevBus[];
}

export interface QdevBus {
  readonly name: string;
  /** `PCI`, `ISA`, `IDE`, `usb-bus`, `System`. */
  readonly type: string;
  /** In order of creation; `info qtree` prints the newest first. */
  readonly children: QdevInfo[];
}

export abstract class Device<S extends object = object> {
  protected state: S;

  protected constructor(protected readonly table: StateTable<S>) {
    this.state = table.initial();
  }

  /** The RESET pin: power-on values, unless a device keeps something (CMOS, firmware images). */
  reset(): void {
    this.state = this.table.initial();
    this.settle();
  }

  /** Of the state's encoding. */
  get stateVersion(): number {
    return this.table.version;
  }

  /** A copy of the volatile state. */
  save(): Plain {
    return this.table.save(this.state);
  }

  /** Checks everything before it changes anything. */
  load(plain: Plain): void {
    this.state = this.table.load(plain);
    this.settle();
  }

  /** Makes the world agree with `state`. Idempotent. */
  protected settle(): void {}
}
