/**
 * One IDE channel: the command block (1F0), the control block (3F6), two units, one interrupt.
 *
 * Specification: ATA-7, volume 2, section 9. Writes to the command block reach both units; only
 * the selected one answers. As in QEMU: a unit's interrupt that comes while nIEN is set is lost,
 * and register writes are ignored while the selected unit is busy or moves data.
 * Not emulated: DASP and PDIAG, the drive address register (3F7).
 */

import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bool, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import type { BusMaster } from './bus-master.ts';
import {
  BSY,
  COMMAND_STATUS,
  DEVICE,
  DEVICE_SLAVE,
  DRQ,
  FEATURES,
  type IdeUnit,
  readTask,
  setSignature,
  taskFile,
  type UnitHost,
  writeTask,
} from './unit.ts';

const NIEN = 0x02;
const SRST = 0x04;
const HOB = 0x80;
const EXECUTE_DIAGNOSTIC = 0x90;
/** The cylinder registers of a missing unit after reset. */
const NOBODY = 0xff;
/** The one command that a busy unit takes. */
const DEVICE_RESET = 0x08;

/** `absent`: the registers that show while a missing unit is selected. */
const registers = state('ide-channel', 1, {
  control: u8(),
  device: u8(0xa0),
  asserted: bool(),
  absent: struct(taskFile),
});

export interface IdeChannelOptions {
  readonly irq: Line;
  readonly busMaster: BusMaster;
}

export class IdeChannel extends Device<StateOf<typeof registers>> {
  readonly units: [IdeUnit | undefined, IdeUnit | undefined] = [undefined, undefined];

  /** Eight ports: 1F0h or 170h; the data port takes words and doublewords. */
  readonly commandPorts: PortHandler = {
    read: (offset, size) => (offset === 0 ? this.readData(size) : this.readRegister(offset)),
    write: (offset, size, value) => {
      if (offset === 0) this.writeData(size, value);
      else this.writeRegister(offset, value & 0xff);
    },
  };

  /** One port: 3F6h or 376h. */
  readonly controlPorts: PortHandler = {
    read: () => this.status(),
    write: (_offset, _size, value) => this.writeControl(value),
  };

  constructor(private readonly options: IdeChannelOptions) {
    super(registers);
    setSignature(this.state.absent, NOBODY, NOBODY);
  }

  /** What a unit of this channel is wired to. */
  readonly host: UnitHost = {
    interrupt: () => this.raise(),
    clearInterrupt: () => this.lower(),
    requestDma: request => this.options.busMaster.request(request),
  };

  private get selected(): IdeUnit | undefined {
    return this.units[(this.state.device & DEVICE_SLAVE) === 0 ? 0 : 1];
  }

  private get isEmpty(): boolean {
    return this.units[0] === undefined && this.units[1] === undefined;
  }

  override reset(): void {
    this.state = this.table.initial();
    setSignature(this.state.absent, NOBODY, NOBODY);
    this.settle();
  }

  protected override settle(): void {
    this.options.irq.set(this.state.asserted);
  }

  private status(): number {
    return this.selected?.status ?? 0;
  }

  private readRegister(index: number): number {
    if (this.isEmpty) return 0;
    const unit = this.selected;
    if (index === COMMAND_STATUS) this.lower();
    const previous = (this.state.control & HOB) !== 0;
    if (unit !== undefined) return unit.readRegister(index, previous);
    if (index === FEATURES || index === COMMAND_STATUS) return 0;
    return readTask(this.state.absent, index, previous);
  }

  private writeRegister(index: number, value: number): void {
    const status = this.status();
    if (index === COMMAND_STATUS) {
      this.command(value);
      return;
    }
    if ((status & (BSY | DRQ)) !== 0) return;
    this.state.control &= ~HOB;
    if (index === DEVICE) this.state.device = value;
    writeTask(this.state.absent, index, value);
    for (const unit of this.units) unit?.writeRegister(index, value);
  }

  private command(code: number): void {
    const unit = this.selected;
    if (unit === undefined) return;
    if ((unit.status & (BSY | DRQ)) !== 0 && code !== DEVICE_RESET) return;
    this.lower();
    if (code !== EXECUTE_DIAGNOSTIC) {
      unit.command(code);
      return;
    }
    this.resetUnits();
    this.raise();
  }

  private writeControl(value: number): void {
    const rising = value & ~this.state.control;
    this.state.control = value & (NIEN | SRST | HOB);
    if ((rising & SRST) === 0) return;
    this.options.busMaster.request(undefined);
    this.lower();
    this.resetUnits();
  }

  private resetUnits(): void {
    this.state.device &= ~DEVICE_SLAVE;
    setSignature(this.state.absent, NOBODY, NOBODY);
    for (const unit of this.units) unit?.softReset();
  }

  private readData(size: number): number {
    return this.selected?.readData(size) ?? 0;
  }

  private writeData(size: number, value: number): void {
    this.selected?.writeData(size, value);
  }

  private raise(): void {
    if ((this.state.control & NIEN) !== 0) return;
    this.options.busMaster.noteInterrupt();
    this.state.asserted = true;
    this.settle();
  }

  private lower(): void {
    this.state.asserted = false;
    this.settle();
  }
}
