/**
 * A SCSI host adapter that runs programs of its own: QEMU's `lsi53c895a`.
 *
 * Specification: LSI53C895A PCI to Ultra2 SCSI Controller Technical Manual. The program's
 * instructions are in lsi-scripts.ts, the bus in parallel-bus.ts.
 * Not emulated: low-level (programmed) arbitration and transfers, the handshake timer, the target
 * role, parity, 64-bit addresses, the chip's GPIO and serial EEPROM. Register contents that only
 * tests of the chip look at are plain storage.
 */

import type { Clock, Timer } from '../../clock.ts';
import type { Memory } from '../../memory.ts';
import type { AccessSize, PortHandler } from '../../ports.ts';
import type { StateOf } from '../../state.ts';
import { Device } from '../device.ts';
import { PciFunction } from '../pci/config.ts';
import type { ScsiTarget } from './bus.ts';
import * as reg from './lsi-registers.ts';
import { type ScriptHost, ScriptProcessor } from './lsi-scripts.ts';
import { ParallelBus } from './parallel-bus.ts';

/** Units of the general purpose timer: it counts from 125 us, doubling. */
const TIMER_UNIT_NS = 125_000;
/** A script that does not end goes on after this. */
const TURN_NS = 20_000;
/** How long nobody answers until that counts: much less than what chips are told, 250 ms. */
const SELECTION_NS = 125_000;
/** CTEST2: a copy of ISTAT0's. */
const SIGNAL_COPY = 0x40;
const SOFT_ISTAT0 = reg.ABORT | reg.SIGNAL | reg.SEMAPHORE;

type Place = (base: number, enabled: boolean) => void;

export interface Lsi53c895aOptions {
  readonly clock: Clock;
  readonly memory: Memory;
  /** Registers as ports, registers as memory, the chip's memory. */
  readonly places: readonly [Place, Place, Place];
}

export class Lsi53c895a extends Device<StateOf<typeof reg.lsiState>> {
  readonly pci: PciFunction;
  readonly ports: PortHandler = {
    read: (offset, size) => this.read(offset, size),
    write: (offset, size, value) => this.write(offset, size, value),
  };
  readonly ram: PortHandler = {
    read: (offset, size) => {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this.state.memory[offset + i];
      return value;
    },
    write: (offset, size, value) => {
      for (let i = 0; i < size; i++) this.state.memory[offset + i] = value >>> (8 * i);
    },
  };
  private readonly bus: ParallelBus;
  private readonly processor: ScriptProcessor;
  private readonly turnTimer: Timer;
  private readonly selectionTimer: Timer;
  private readonly generalTimer: Timer;

  constructor(private readonly options: Lsi53c895aOptions) {
    super(reg.lsiState);
    const { clock, memory, places } = options;
    this.pci = new PciFunction({
      name: 'lsi53c895a',
      vendor: 0x1000,
      device: 0x0012,
      revision: 0,
      classCode: 0x010000,
      interruptPin: 1,
      subsystem: 0x10000000,
      initial: [[0x0d, 0xff]],
      bars: [
        { index: 0, kind: 'io', size: reg.REGISTERS, place: places[0] },
        { index: 1, kind: 'memory', size: 4 * reg.REGISTERS, place: places[1] },
        { index: 2, kind: 'memory', size: reg.CHIP_RAM, place: places[2] },
      ],
    });
    this.bus = new ParallelBus({
      state: () => this.state,
      hasAttention: () => (this.state.registers[reg.SOCL] & reg.ATN) !== 0,
      dropAttention: () => {
        this.state.registers[reg.SOCL] &= ~reg.ATN;
      },
    });
    const host: ScriptHost = {
      memory,
      bus: this.bus,
      state: () => this.state,
      readRegister: register => this.readByte(register),
      writeRegister: (register, value) => this.writeByte(register, value),
      dmaInterrupt: dstat => this.dmaInterrupt(dstat),
      scsiInterrupt: (sist0, sist1) => this.scsiInterrupt(sist0, sist1),
      goOnLater: () => {
        this.state.turnNs = clock.nowNs + TURN_NS;
      },
      giveUpLater: () => {
        this.state.selectionNs = clock.nowNs + SELECTION_NS;
      },
    };
    this.processor = new ScriptProcessor(host);
    this.turnTimer = clock.timer('lsi-scripts', () => {
      this.state.turnNs = 0;
      this.goOn('running');
    });
    this.selectionTimer = clock.timer('lsi-selection', () => this.selectionFailed());
    this.generalTimer = clock.timer('lsi-general', () => this.generalExpired());
  }

  /** Puts a target on the bus. */
  connect(id: number, target: ScsiTarget): void {
    this.bus.targets.set(id, target);
  }

  /** Takes a target off the bus; what it was doing is never answered. */
  disconnect(id: number): void {
    this.bus.remove(id);
    if (this.state.run === 'target' && this.bus.isFree) this.scsiInterrupt(reg.UNEXPECTED, 0);
    this.settle();
  }

  /** A target that was busy is not any more. */
  targetReady(): void {
    if (this.state.run === 'target') this.processor.repeat();
    this.goOn('target');
    if (this.state.run === 'reselect' && this.processor.isReselected()) this.goOn('reselect');
    this.settle();
  }

  protected override settle(): void {
    const { registers, turnNs, selectionNs, generalNs } = this.state;
    const dma = registers[reg.DSTAT] & registers[reg.DIEN] & ~reg.FIFO_EMPTY;
    const scsi0 = registers[reg.SIST0] & registers[reg.SIEN0];
    const scsi1 = registers[reg.SIST1] & registers[reg.SIEN1];
    const script = registers[reg.ISTAT0] & reg.ON_THE_FLY;
    const isEnabled = (registers[reg.DCNTL] & reg.NO_PIN) === 0;
    this.pci.interrupt(isEnabled && (dma | scsi0 | scsi1 | script) !== 0);
    set(this.turnTimer, turnNs);
    set(this.selectionTimer, selectionNs);
    set(this.generalTimer, generalNs);
  }

  private read(offset: number, size: AccessSize): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) {
      value = value * 256 + this.readByte((offset + i) & 0xff);
    }
    this.settle();
    return value;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    for (let i = 0; i < size; i++) {
      this.writeByte((offset + i) & 0xff, (value >>> (8 * i)) & 0xff);
    }
    this.settle();
  }

  private readByte(register: number): number {
    const { registers, run } = this.state;
    const value = registers[register];
    switch (register) {
      case reg.SCNTL1:
        return this.bus.isConnected ? value | reg.CONNECTED : value;
      case reg.SBCL:
        return this.busLines();
      case reg.SSTAT0:
        return (registers[reg.SCNTL1] & reg.BUS_RESET) === 0 ? 0 : 2;
      case reg.SSTAT1:
        return this.bus.phase ?? 0;
      case reg.SSTAT2:
        return this.bus.isFree ? 2 : 0;
      case reg.DSTAT:
        registers[reg.DSTAT] = reg.FIFO_EMPTY;
        return value;
      case reg.SIST0:
      case reg.SIST1:
        registers[register] = 0;
        return value;
      case reg.ISTAT0:
        return this.interruptStatus();
      case reg.ISTAT1:
        return run === 'stopped' ? 0 : reg.IS_RUNNING;
      case reg.CTEST2: {
        const isSignalled = (registers[reg.ISTAT0] & reg.SIGNAL) !== 0;
        registers[reg.ISTAT0] &= ~reg.SIGNAL;
        return value | (isSignalled ? SIGNAL_COPY : 0);
      }
      default:
        return value;
    }
  }

  private interruptStatus(): number {
    const { registers } = this.state;
    let value = registers[reg.ISTAT0];
    if (this.bus.isConnected) value |= reg.IS_CONNECTED;
    if ((registers[reg.SIST0] | registers[reg.SIST1]) !== 0) value |= reg.SCSI_PENDING;
    if ((registers[reg.DSTAT] & ~reg.FIFO_EMPTY) !== 0) value |= reg.DMA_PENDING;
    return value;
  }

  private busLines(): number {
    if (!this.bus.isConnected) return 0;
    const { phase } = this.bus;
    const attention = this.state.registers[reg.SOCL] & reg.ATN;
    return reg.BUSY | attention | (phase === undefined ? 0 : reg.REQUEST | phase);
  }

  private writeByte(register: number, value: number): void {
    const { registers } = this.state;
    if (reg.READ_ONLY.has(register)) return;
    const before = registers[register];
    switch (register) {
      case reg.SCNTL1:
        registers[register] = value & ~reg.CONNECTED;
        if ((value & ~before & reg.BUS_RESET) !== 0) {
          this.bus.reset();
          this.state.selectionNs = 0;
          this.scsiInterrupt(reg.RESET_SEEN, 0);
        }
        break;
      case reg.ISTAT0:
        this.control(value);
        break;
      case reg.DSP + 3:
        registers[register] = value;
        if ((registers[reg.DMODE] & reg.MANUAL_START) === 0) this.start();
        break;
      case reg.DCNTL:
        registers[register] = value & ~reg.START;
        if ((value & reg.START) !== 0) this.start();
        break;
      case reg.STIME1: {
        registers[register] = value;
        const period = value & 15;
        const length = TIMER_UNIT_NS * 2 ** (period - 1);
        this.state.generalNs = period === 0 ? 0 : this.options.clock.nowNs + length;
        break;
      }
      default:
        registers[register] = value;
    }
  }

  private control(value: number): void {
    if ((value & reg.SOFT_RESET) !== 0) {
      this.softReset();
      return;
    }
    const { registers } = this.state;
    const onTheFly = registers[reg.ISTAT0] & reg.ON_THE_FLY & ~value;
    registers[reg.ISTAT0] = onTheFly | (value & SOFT_ISTAT0);
    if ((value & reg.ABORT) !== 0) this.dmaInterrupt(reg.ABORTED);
    if ((value & reg.SIGNAL) === 0 || this.state.run !== 'reselect') return;
    this.processor.set32(reg.DSP, this.processor.get32(reg.DNAD));
    this.goOn('reselect');
  }

  /** The chip's memory stays. */
  private softReset(): void {
    const { memory } = this.state;
    this.bus.release();
    this.state = { ...this.table.initial(), memory };
  }

  private start(): void {
    this.state.isMoving = false;
    this.state.run = 'running';
    this.processor.run();
  }

  /** Runs on, if that is what the script waited for. */
  private goOn(from: 'running' | 'target' | 'reselect'): void {
    if (this.state.run === from) {
      this.state.run = 'running';
      this.processor.run();
    }
    this.settle();
  }

  private dmaInterrupt(dstat: number): void {
    this.state.registers[reg.DSTAT] |= dstat;
    this.stop();
  }

  private scsiInterrupt(sist0: number, sist1: number): void {
    this.state.registers[reg.SIST0] |= sist0;
    this.state.registers[reg.SIST1] |= sist1;
    this.stop();
  }

  private stop(): void {
    this.state.run = 'stopped';
    this.state.isMoving = false;
    this.state.turnNs = 0;
  }

  /** Unless the script has thought better of it. */
  private selectionFailed(): void {
    this.state.selectionNs = 0;
    if (this.state.stage === 'selecting') {
      this.bus.release();
      this.scsiInterrupt(0, reg.SELECTION_TIMEOUT);
    }
    this.settle();
  }

  /** Stops the script only where somebody listens. */
  private generalExpired(): void {
    const { registers } = this.state;
    this.state.generalNs = 0;
    registers[reg.SIST1] |= reg.GENERAL_TIMER;
    if ((registers[reg.SIEN1] & reg.GENERAL_TIMER) !== 0) this.stop();
    this.settle();
  }
}

function set(timer: Timer, atNs: number): void {
  if (atNs > 0) timer.arm(atNs);
  else timer.disarm();
}
