/**
 * The SCRIPTS processor of the LSI53C895A: fetches instructions at DSP and runs them until it
 * waits or stops.
 *
 * Specification: LSI53C895A Technical Manual, chapter 5.
 * Not emulated: 64-bit addressing, the target role. A move of messages ends with the message,
 * however many bytes it was to move.
 */

import type { Memory } from '../../memory.ts';
import type { StateOf } from '../../state.ts';
import * as reg from './lsi-registers.ts';
import { MESSAGE_IN, type ParallelBus } from './parallel-bus.ts';

const SFBR_PHASES = [1, 3, 7];
/** Instructions at one go; a script that needs more goes on a little later. */
const BUDGET = 10_000;

export interface ScriptHost {
  readonly memory: Memory;
  readonly bus: ParallelBus;
  readonly state: () => StateOf<typeof reg.lsiState>;
  readRegister(register: number): number;
  writeRegister(register: number, value: number): void;
  /** These stop the script. */
  dmaInterrupt(dstat: number): void;
  scsiInterrupt(sist0: number, sist1: number): void;
  /** The script used up its turn. */
  goOnLater(): void;
  /** Nobody has answered a selection so far. */
  giveUpLater(): void;
}

export class ScriptProcessor {
  private isRunning = false;

  constructor(private readonly host: ScriptHost) {}

  /** Runs while the state says so; may be called from within itself. */
  run(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    for (let left = BUDGET; this.host.state().run === 'running'; left--) {
      if (left === 0) {
        this.host.goOnLater();
        break;
      }
      if (this.host.state().isMoving) this.move();
      else this.step();
    }
    this.isRunning = false;
  }

  /** The target has made up its mind: an instruction that waited for that is run again. */
  repeat(): void {
    if (!this.host.state().isMoving) this.set32(reg.DSP, this.get32(reg.DSP) - 8);
  }

  get32(register: number): number {
    const { registers } = this.host.state();
    return (
      (registers[register] |
        (registers[register + 1] << 8) |
        (registers[register + 2] << 16) |
        (registers[register + 3] << 24)) >>>
      0
    );
  }

  set32(register: number, value: number): void {
    const { registers } = this.host.state();
    for (let i = 0; i < 4; i++) registers[register + i] = value >>> (8 * i);
  }

  private step(): void {
    const { memory } = this.host;
    const at = this.get32(reg.DSP);
    const first = memory.read(at, 4) >>> 0;
    this.set32(reg.DBC, first);
    this.set32(reg.DSPS, memory.read(wrap(at + 4), 4));
    this.set32(reg.DSP, at + 8);
    this.execute(first, at);
    const isStepping = (this.host.state().registers[reg.DCNTL] & reg.STEP) !== 0;
    if (isStepping && !this.host.state().isMoving && this.host.state().run === 'running') {
      this.host.dmaInterrupt(reg.SINGLE_STEP);
    }
  }

  private execute(first: number, at: number): void {
    switch (first >>> 30) {
      case 0:
        this.startMove(first, at);
        break;
      case 1:
        if (((first >>> 27) & 7) >= 5) this.modifyRegister(first);
        else this.command(first);
        break;
      case 2:
        this.transferControl(first);
        break;
      default:
        if (first >>> 29 === 6) this.copyMemory(first);
        else this.loadOrStore(first);
    }
  }

  private relative(offset: number): number {
    return wrap(this.get32(reg.DSP) + ((offset << 8) >> 8));
  }

  private inTable(offset: number): number {
    return wrap(this.get32(reg.DSA) + ((offset << 8) >> 8));
  }

  // Block moves.

  private startMove(first: number, at: number): void {
    const { memory } = this.host;
    let count = first & 0xffffff;
    let address = this.get32(reg.DSPS);
    if ((first & 0x10000000) !== 0) {
      const entry = this.inTable(address);
      count = memory.read(entry, 4) & 0xffffff;
      address = memory.read(wrap(entry + 4), 4) >>> 0;
      this.set32(reg.ESA, entry);
    } else if ((first & 0x20000000) !== 0) address = memory.read(address, 4) >>> 0;
    // The manual calls it illegal; SeaBIOS moves nothing for commands without data.
    if (count === 0) return;
    this.set32(reg.IA, at);
    this.set32(reg.DNAD, address);
    this.setCount(count);
    this.host.state().isMoving = true;
  }

  private setCount(count: number): void {
    const { registers } = this.host.state();
    this.set32(reg.DBC, (count & 0xffffff) | (registers[reg.DCMD] << 24));
  }

  /** Goes on with a move. */
  private move(): void {
    const { bus } = this.host;
    const s = this.host.state();
    const left = this.get32(reg.DBC) & 0xffffff;
    if (left === 0) {
      s.isMoving = false;
      return;
    }
    const { phase } = bus;
    if (phase === undefined && !bus.isFree) s.run = 'target';
    else if (phase === undefined || phase !== (s.registers[reg.DCMD] & 7)) this.mismatch(left);
    else {
      const moved = (phase & 1) === 0 ? this.moveOut(left) : this.moveIn(left, phase);
      this.set32(reg.DNAD, this.get32(reg.DNAD) + moved);
      this.setCount(phase === MESSAGE_IN ? 0 : left - moved);
    }
  }

  private moveOut(left: number): number {
    const { bus, memory } = this.host;
    const bytes = new Uint8Array(bus.outputLength(left));
    memory.readBytes(this.get32(reg.DNAD), bytes);
    bus.output(bytes);
    return bytes.length;
  }

  private moveIn(left: number, phase: number): number {
    const { bus, memory } = this.host;
    const { registers } = this.host.state();
    const bytes = bus.input(left) ?? new Uint8Array(0);
    memory.writeBytes(this.get32(reg.DNAD), bytes);
    if (SFBR_PHASES.includes(phase) && bytes.length > 0) {
      registers[reg.SFBR] = bytes[0];
      registers[reg.SIDL] = bytes[bytes.length - 1];
    }
    return bytes.length;
  }

  /** The target does not want what the script wants: an interrupt, or a jump that the user set. */
  private mismatch(left: number): void {
    const s = this.host.state();
    s.isMoving = false;
    const control = s.registers[reg.CCNTL0];
    if ((control & reg.MISMATCH_JUMP) === 0) {
      this.host.scsiInterrupt(reg.PHASE_MISMATCH, 0);
      return;
    }
    const isInput = (s.registers[reg.DCMD] & 1) !== 0;
    const isResidue = (s.registers[reg.SCNTL2] & reg.WIDE_RESIDUE) !== 0;
    const isSecond = (control & reg.JUMP_BY_DIRECTION) !== 0 ? isInput : isResidue;
    this.set32(reg.UA, this.get32(reg.DNAD));
    this.set32(reg.RBC, (left & 0xffffff) | (s.registers[reg.DCMD] << 24));
    this.set32(reg.DSP, this.get32(isSecond ? reg.PMJAD2 : reg.PMJAD1));
  }

  // Selection and wires.

  private command(first: number): void {
    const { bus } = this.host;
    const s = this.host.state();
    const code = (first >>> 27) & 7;
    const isRelative = (first & 0x04000000) !== 0;
    const elsewhere = this.get32(reg.DSPS);
    this.set32(reg.DNAD, isRelative ? this.relative(elsewhere) : elsewhere);
    if (code === 0) this.select(first);
    else if (code === 1) bus.release();
    else if (code === 2) this.waitReselect();
    else {
      const isSet = code === 3;
      if ((first & 0x400) !== 0) s.carry = isSet;
      if ((first & 8) !== 0) {
        if (isSet) s.registers[reg.SOCL] |= reg.ATN;
        else s.registers[reg.SOCL] &= ~reg.ATN;
      }
    }
  }

  private select(first: number): void {
    const { bus, memory } = this.host;
    const { registers } = this.host.state();
    let id = (first >>> 16) & 15;
    if ((first & 0x02000000) !== 0) {
      const entry = memory.read(this.inTable(first), 4);
      id = (entry >>> 16) & 15;
      registers[reg.SXFER] = entry >>> 8;
      registers[reg.SCNTL3] = entry >>> 24;
    }
    registers[reg.SDID] = id;
    bus.release();
    // The script goes on until it needs the target.
    if (!bus.select(id)) this.host.giveUpLater();
    // As in QEMU also without the bit that asks for it: SeaBIOS sends a message after either.
    registers[reg.SOCL] |= reg.ATN;
  }

  private waitReselect(): void {
    const s = this.host.state();
    if (this.isReselected()) return;
    if ((s.registers[reg.ISTAT0] & reg.SIGNAL) !== 0) this.set32(reg.DSP, this.get32(reg.DNAD));
    else s.run = 'reselect';
  }

  /** A target takes the bus, if one waits for that. */
  isReselected(): boolean {
    const id = this.host.bus.reselect();
    if (id === undefined) return false;
    this.host.state().registers[reg.SSID] = reg.SSID_VALID | id;
    return true;
  }

  // Registers.

  private modifyRegister(first: number): void {
    const { host } = this;
    const s = host.state();
    const code = (first >>> 27) & 7;
    const register = ((first >>> 16) & 0x7f) | (first & 0x80);
    const sfbr = s.registers[reg.SFBR];
    const operand = (first & 0x800000) !== 0 ? sfbr : (first >>> 8) & 0xff;
    const before = code === 5 ? sfbr : host.readRegister(register);
    const result = this.compute((first >>> 24) & 7, before, operand);
    if (code === 6) s.registers[reg.SFBR] = result;
    else host.writeRegister(register, result);
  }

  private compute(operator: number, value: number, operand: number): number {
    const s = this.host.state();
    const carry = s.carry ? 1 : 0;
    switch (operator) {
      case 0:
        return operand;
      case 1:
        s.carry = (value & 0x80) !== 0;
        return ((value << 1) | carry) & 0xff;
      case 2:
        return value | operand;
      case 3:
        return value ^ operand;
      case 4:
        return value & operand;
      case 5:
        s.carry = (value & 1) !== 0;
        return (value >> 1) | (carry << 7);
      default: {
        const sum = value + operand + (operator === 7 ? carry : 0);
        s.carry = sum > 0xff;
        return sum & 0xff;
      }
    }
  }

  // Jumps.

  private transferControl(first: number): void {
    const { bus } = this.host;
    const s = this.host.state();
    const { phase } = bus;
    const isTrue = (first & 0x80000) !== 0;
    let match = true;
    if ((first & 0x200000) !== 0) match = s.carry;
    else {
      if ((first & 0x30000) !== 0 && phase === undefined && !bus.isFree) {
        s.run = 'target';
        return;
      }
      if ((first & 0x20000) !== 0) match = phase === ((first >>> 24) & 7);
      if ((first & 0x40000) !== 0) {
        const mask = ~(first >>> 8) & 0xff;
        match = match && (s.registers[reg.SFBR] & mask) === (first & mask);
      }
    }
    if (match === isTrue) this.jump(first);
  }

  private jump(first: number): void {
    const s = this.host.state();
    const address = this.get32(reg.DSPS);
    const target = (first & 0x800000) !== 0 ? this.relative(address) : address;
    switch ((first >>> 27) & 7) {
      case 0:
        this.set32(reg.DSP, target);
        break;
      case 1:
        this.set32(reg.TEMP, this.get32(reg.DSP));
        this.set32(reg.DSP, target);
        break;
      case 2:
        this.set32(reg.DSP, this.get32(reg.TEMP));
        break;
      case 3:
        if ((first & 0x100000) === 0) this.host.dmaInterrupt(reg.SCRIPT_INTERRUPT);
        else s.registers[reg.ISTAT0] |= reg.ON_THE_FLY;
        break;
      default:
        this.host.dmaInterrupt(reg.ILLEGAL);
    }
  }

  // Memory.

  /** Of three double words. */
  private copyMemory(first: number): void {
    const { memory } = this.host;
    const at = this.get32(reg.DSP);
    this.set32(reg.TEMP, memory.read(at, 4));
    this.set32(reg.DSP, at + 4);
    const bytes = new Uint8Array(first & 0xffffff);
    const to = this.get32(reg.TEMP);
    memory.readBytes(this.get32(reg.DSPS), bytes);
    memory.writeBytes(to, bytes);
  }

  private loadOrStore(first: number): void {
    const { host } = this;
    const length = first & 7;
    const register = (first >>> 16) & 0xff;
    const offset = this.get32(reg.DSPS);
    const address = (first & 0x10000000) !== 0 ? this.inTable(offset) : offset;
    const isLoad = (first & 0x01000000) !== 0;
    for (let i = 0; i < length; i++) {
      if (isLoad) host.writeRegister(register + i, host.memory.read(wrap(address + i), 1));
      else host.memory.write(wrap(address + i), 1, host.readRegister(register + i));
    }
  }
}

function wrap(address: number): number {
  return address >>> 0;
}
