/**
 * The local APIC of the only processor: takes interrupt messages, the processor's own interrupts
 * and the wires LINT0 and LINT1, and gives the processor one vector at a time.
 *
 * Spec: Intel SDM volume 3, chapter 11 (xAPIC mode). Registers are 32 bits wide, 16 bytes apart:
 *
 * | offset | register |
 * |---|---|
 * | 020, 030 | ID, version |
 * | 080, 090, 0A0 | task, arbitration, processor priority |
 * | 0B0, 0D0, 0E0, 0F0 | EOI, logical destination, destination format, spurious vector |
 * | 100, 180, 200 | in service, trigger mode, requests: 8 words each |
 * | 280, 300, 310 | error status, interrupt command |
 * | 320 to 370 | local vectors: timer, thermal, performance, LINT0, LINT1, error |
 * | 380, 390, 3E0 | timer: initial count, current count, divisor (apic-timer.ts) |
 *
 * Disabled by IA32_APIC_BASE it is a piece of wire: LINT0 is INTR, LINT1 is NMI. After reset LINT0
 * already passes the 8259's interrupts, as QEMU's does for systems that know no APIC.
 * Writes elsewhere in the 1 MiB window are messages (MSI). Not emulated: x2APIC, other processors
 * (an INIT resets the machine, SIPI does nothing), focus checking, polarity of LINT pins.
 */

import type { Line } from '../../line.ts';
import type { MmioHandler } from '../../memory.ts';
import type { StateOf } from '../../state.ts';
import { Device } from '../device.ts';
import {
  DELIVER_EXTINT,
  DELIVER_FIXED,
  DELIVER_INIT,
  DELIVER_LOWEST,
  DELIVER_NMI,
  DELIVER_SMI,
  deliveryOf,
  ENTRY_MASKED,
  MESSAGE_ASSERT,
  MESSAGE_LEVEL,
  MESSAGE_LOGICAL,
  type MessageSink,
  vectorOf,
} from './apic-message.ts';
import type { ApicTimer } from './apic-timer.ts';
import {
  ARBITRATION_PRIORITY,
  BASE_ENABLE,
  COMMAND_HIGH,
  COMMAND_LOW,
  COMMAND_WRITABLE,
  CURRENT_COUNT,
  DESTINATION_FORMAT,
  DIVIDE,
  END_OF_INTERRUPT,
  ERROR_RECEIVED_VECTOR,
  ERROR_REGISTER,
  ERROR_SENT_VECTOR,
  ERROR_STATUS,
  EVERYBODY,
  FIRST_VECTOR,
  FLAT,
  ID,
  IN_SERVICE,
  INITIAL_COUNT,
  LOGICAL_DESTINATION,
  LVT_ERROR,
  LVT_ERROR_WRITABLE,
  LVT_LINT_WRITABLE,
  LVT_LINT0,
  LVT_LINT1,
  LVT_PERFORMANCE,
  LVT_THERMAL,
  LVT_TIMER,
  LVT_WRITABLE,
  PROCESSOR_PRIORITY,
  REGISTERS_LENGTH,
  REMOTE_READ,
  REQUESTS,
  registers,
  SPURIOUS,
  SPURIOUS_ENABLE,
  SPURIOUS_WRITABLE,
  TASK_PRIORITY,
  TO_ALL,
  TO_OTHERS,
  TO_SELF,
  TRIGGER_MODE,
  VERSION,
  VERSION_REGISTER,
} from './local-apic-registers.ts';
import { addVector, hasVector, highestVector, removeVector, type VectorSet } from './vector-set.ts';

export interface LocalApicOptions {
  readonly timer: ApicTimer;
  /** From the 8259s, and from whatever asks for an NMI. */
  readonly lint0: Line;
  readonly lint1: Line;
  /** To the processor. */
  readonly intr: Line;
  readonly nmi: Line;
  readonly smi: Line;
  /** The INTA cycle of the 8259s. */
  readonly acknowledgeExternal: () => number;
  /** A level-triggered interrupt was serviced: for the IOAPIC. */
  readonly onEndOfInterrupt: (vector: number) => void;
  readonly onInit: () => void;
  /** Puts the window where the processor has it, or takes it away. */
  readonly place: (base: number, enabled: boolean) => void;
  /** A processor without an APIC has only the wires. */
  readonly present: boolean;
}

export class LocalApic extends Device<StateOf<typeof registers>> implements MessageSink {
  /** The window of 1 MiB. */
  readonly mmio: MmioHandler = {
    read: (offset, size) => this.read(offset, size),
    write: (offset, size, value) => this.write(offset, size, value),
  };

  constructor(private readonly options: LocalApicOptions) {
    super(registers);
    options.lint0.connect(level => this.onLint0(level));
    options.lint1.connect(level => this.onLint1(level));
    this.settle();
  }

  override reset(): void {
    const { pin0, pin1 } = this.state;
    this.state = this.table.initial();
    Object.assign(this.state, { pin0, pin1 });
    this.settle();
  }

  /** The processor wrote IA32_APIC_BASE. Switching off loses what the registers held. */
  setBase(value: number): void {
    const wasEnabled = this.isEnabled;
    this.state.base = value >>> 0;
    if (wasEnabled && !this.isEnabled) {
      this.options.timer.reset();
      this.reset();
      this.state.base = value >>> 0;
    }
    this.settle();
  }

  /** The INTA cycle: returns the vector. */
  acknowledge(): number {
    const s = this.state;
    if (!this.isEnabled) return this.options.acknowledgeExternal();
    const vector = this.pending();
    if (vector >= 0) {
      removeVector(s.requests, vector);
      addVector(s.inService, vector);
      this.update();
      return vector;
    }
    if (!s.extInt && !this.passesExternal) return vectorOf(s.spurious);
    s.extInt = false;
    this.update();
    return this.options.acknowledgeExternal();
  }

  deliver(message: number, destination: number): boolean {
    if (!this.isEnabled || !this.isMeant(message, destination)) return false;
    const isLevel = (message & MESSAGE_LEVEL) !== 0;
    switch (deliveryOf(message)) {
      case DELIVER_FIXED:
      case DELIVER_LOWEST:
        return this.request(vectorOf(message), isLevel);
      case DELIVER_SMI:
        this.options.smi.pulse();
        return true;
      case DELIVER_NMI:
        this.options.nmi.pulse();
        return true;
      case DELIVER_INIT:
        // A level-triggered deassert only synchronizes arbitration.
        if (!isLevel || (message & MESSAGE_ASSERT) !== 0) this.options.onInit();
        return true;
      case DELIVER_EXTINT:
        this.state.extInt = true;
        this.update();
        return true;
      default:
        return true;
    }
  }

  protected override settle(): void {
    this.options.place((this.state.base & 0xfffff000) >>> 0, this.isEnabled);
    this.update();
  }

  /** INTR as it should be now. */
  private update(): void {
    const isAsked = this.isEnabled
      ? this.pending() >= 0 || this.state.extInt || this.passesExternal
      : this.state.pin0;
    this.options.intr.set(isAsked);
  }

  private get isEnabled(): boolean {
    return this.options.present && (this.state.base & BASE_ENABLE) !== 0;
  }

  /** By the spurious vector register. */
  private get isOn(): boolean {
    return (this.state.spurious & SPURIOUS_ENABLE) !== 0;
  }

  /** The 8259s ask, and LINT0 lets them through. */
  private get passesExternal(): boolean {
    const { pin0, lint0 } = this.state;
    return pin0 && (lint0 & ENTRY_MASKED) === 0 && deliveryOf(lint0) === DELIVER_EXTINT;
  }

  /** The vector that the processor would take now, or -1. */
  private pending(): number {
    if (!this.isOn) return -1;
    const vector = highestVector(this.state.requests);
    return vector >= 0 && vector >> 4 > this.priority() >> 4 ? vector : -1;
  }

  private priority(): number {
    const { taskPriority, inService } = this.state;
    const served = highestVector(inService);
    if (served < 0 || taskPriority >> 4 >= served >> 4) return taskPriority;
    return served & 0xf0;
  }

  private arbitrationPriority(): number {
    const { taskPriority, requests } = this.state;
    const asked = Math.max(0, highestVector(requests)) & 0xf0;
    return Math.max(asked, this.priority(), taskPriority);
  }

  private isMeant(message: number, destination: number): boolean {
    const { id, logicalDestination, destinationFormat } = this.state;
    if (destination === EVERYBODY) return true;
    if ((message & MESSAGE_LOGICAL) === 0) return destination === id;
    const common = logicalDestination & destination;
    if (destinationFormat === FLAT) return common !== 0;
    return logicalDestination >> 4 === destination >> 4 && (common & 0x0f) !== 0;
  }

  private request(vector: number, isLevel: boolean): boolean {
    if (!this.isOn) return false;
    const { requests, levels } = this.state;
    if (vector < FIRST_VECTOR) {
      this.fail(ERROR_RECEIVED_VECTOR);
      return false;
    }
    addVector(requests, vector);
    if (isLevel) addVector(levels, vector);
    else removeVector(levels, vector);
    this.update();
    return true;
  }

  private fail(error: number): void {
    const s = this.state;
    s.errors |= error;
    const vector = vectorOf(s.error);
    if ((s.error & ENTRY_MASKED) === 0 && vector >= FIRST_VECTOR) this.request(vector, false);
  }

  /** An interrupt of the processor itself; for `onExpire` of the timer. */
  requestLocal(vector: number): void {
    this.request(vector, false);
  }

  private onLint0(level: boolean): void {
    const rises = level && !this.state.pin0;
    this.state.pin0 = level;
    if (rises && this.isEnabled) this.lint(this.state.lint0);
    this.update();
  }

  private onLint1(level: boolean): void {
    const rises = level && !this.state.pin1;
    this.state.pin1 = level;
    if (!rises) return;
    if (this.isEnabled) this.lint(this.state.lint1);
    else this.options.nmi.pulse();
  }

  /** A local pin rose; ExtINT follows the level instead. */
  private lint(entry: number): void {
    if ((entry & ENTRY_MASKED) !== 0) return;
    const delivery = deliveryOf(entry);
    if (delivery === DELIVER_FIXED) this.request(vectorOf(entry), (entry & MESSAGE_LEVEL) !== 0);
    else if (delivery === DELIVER_NMI) this.options.nmi.pulse();
    else if (delivery === DELIVER_SMI) this.options.smi.pulse();
    else if (delivery === DELIVER_INIT) this.options.onInit();
  }

  private endOfInterrupt(): void {
    const { inService, levels } = this.state;
    const vector = highestVector(inService);
    if (vector < 0) return;
    removeVector(inService, vector);
    if (hasVector(levels, vector)) this.options.onEndOfInterrupt(vector);
    this.update();
  }

  private read(offset: number, size: number): number {
    if (offset >= REGISTERS_LENGTH || (offset & 0x0f) + size > 4) return 0;
    return this.readRegister(offset >> 4) >>> ((offset & 3) * 8);
  }

  private write(offset: number, size: number, value: number): void {
    if (size !== 4) return;
    if (offset >= REGISTERS_LENGTH) {
      const logical = (offset & 4) !== 0 ? MESSAGE_LOGICAL : 0;
      this.deliver((value & 0xc7ff) | logical, (offset >> 12) & 0xff);
    } else if ((offset & 0x0f) === 0) this.writeRegister(offset >> 4, value);
  }

  private readRegister(register: number): number {
    const s = this.state;
    switch (register) {
      case ID:
        return s.id << 24;
      case VERSION_REGISTER:
        return VERSION;
      case TASK_PRIORITY:
        return s.taskPriority;
      case ARBITRATION_PRIORITY:
        return this.arbitrationPriority();
      case PROCESSOR_PRIORITY:
        return this.priority();
      case END_OF_INTERRUPT:
      case REMOTE_READ:
        return 0;
      case LOGICAL_DESTINATION:
        return s.logicalDestination << 24;
      case DESTINATION_FORMAT:
        return (s.destinationFormat << 28) | 0x0fffffff;
      case SPURIOUS:
        return s.spurious;
      case ERROR_STATUS:
        return s.errorStatus;
      case COMMAND_LOW:
        return s.commandLow;
      case COMMAND_HIGH:
        return s.commandHigh;
      default:
        return this.readMore(register);
    }
  }

  /** Vector sets, local vectors, the timer. */
  private readMore(register: number): number {
    const s = this.state;
    const { timer } = this.options;
    const set = this.setAt(register);
    if (set !== undefined) return set[register & 7];
    switch (register) {
      case LVT_TIMER:
        return timer.lvt;
      case LVT_THERMAL:
        return s.thermal;
      case LVT_PERFORMANCE:
        return s.performance;
      case LVT_LINT0:
        return s.lint0;
      case LVT_LINT1:
        return s.lint1;
      case LVT_ERROR:
        return s.error;
      case INITIAL_COUNT:
        return timer.initialCount;
      case CURRENT_COUNT:
        return timer.currentCount;
      case DIVIDE:
        return timer.divide;
      default:
        this.fail(ERROR_REGISTER);
        return 0;
    }
  }

  private setAt(register: number): VectorSet | undefined {
    const s = this.state;
    if (register >= REQUESTS) return register < ERROR_STATUS ? s.requests : undefined;
    if (register >= TRIGGER_MODE) return s.levels;
    return register >= IN_SERVICE ? s.inService : undefined;
  }

  private writeRegister(register: number, value: number): void {
    const s = this.state;
    switch (register) {
      case ID:
        s.id = value >>> 24;
        break;
      case TASK_PRIORITY:
        s.taskPriority = value & 0xff;
        this.update();
        break;
      case END_OF_INTERRUPT:
        this.endOfInterrupt();
        break;
      case LOGICAL_DESTINATION:
        s.logicalDestination = value >>> 24;
        break;
      case DESTINATION_FORMAT:
        s.destinationFormat = value >>> 28;
        break;
      case SPURIOUS:
        this.writeSpurious(value);
        break;
      case ERROR_STATUS:
        s.errorStatus = s.errors;
        s.errors = 0;
        break;
      case COMMAND_LOW:
        s.commandLow = value & COMMAND_WRITABLE;
        this.command();
        break;
      case COMMAND_HIGH:
        s.commandHigh = (value & 0xff000000) >>> 0;
        break;
      default:
        this.writeMore(register, value);
    }
  }

  /** Local vectors stay masked while the APIC is off. */
  private writeMore(register: number, written: number): void {
    const s = this.state;
    const { timer } = this.options;
    const value = this.isOn ? written : written | ENTRY_MASKED;
    switch (register) {
      case LVT_TIMER:
        timer.lvt = value;
        break;
      case LVT_THERMAL:
        s.thermal = value & LVT_WRITABLE;
        break;
      case LVT_PERFORMANCE:
        s.performance = value & LVT_WRITABLE;
        break;
      case LVT_LINT0:
        s.lint0 = value & LVT_LINT_WRITABLE;
        this.update();
        break;
      case LVT_LINT1:
        s.lint1 = value & LVT_LINT_WRITABLE;
        break;
      case LVT_ERROR:
        s.error = value & LVT_ERROR_WRITABLE;
        break;
      case INITIAL_COUNT:
        timer.initialCount = written;
        break;
      case DIVIDE:
        timer.divide = written;
        break;
      default: // the others are read only or not there
        if (register < IN_SERVICE || register > CURRENT_COUNT) this.fail(ERROR_REGISTER);
    }
  }

  private writeSpurious(value: number): void {
    const s = this.state;
    const wasOn = this.isOn;
    s.spurious = value & SPURIOUS_WRITABLE;
    if (wasOn && !this.isOn) {
      const { timer } = this.options;
      timer.lvt |= ENTRY_MASKED;
      s.thermal |= ENTRY_MASKED;
      s.performance |= ENTRY_MASKED;
      s.lint0 |= ENTRY_MASKED;
      s.lint1 |= ENTRY_MASKED;
      s.error |= ENTRY_MASKED;
    }
    this.update();
  }

  /** The interrupt command register was written: sends. */
  private command(): void {
    const { commandLow, commandHigh, id } = this.state;
    const delivery = deliveryOf(commandLow);
    const isVector = delivery === DELIVER_FIXED || delivery === DELIVER_LOWEST;
    if (isVector && vectorOf(commandLow) < FIRST_VECTOR) {
      this.fail(ERROR_SENT_VECTOR);
      return;
    }
    // Interrupts between processors are edges, whatever the command says.
    const message = isVector ? commandLow & ~MESSAGE_LEVEL : commandLow;
    const shorthand = (commandLow >> 18) & 3;
    if (shorthand === TO_OTHERS) return;
    if (shorthand === TO_SELF) this.deliver(message & ~MESSAGE_LOGICAL, id);
    else this.deliver(message, shorthand === TO_ALL ? EVERYBODY : commandHigh >>> 24);
  }
}
