/**
 * MC146818 real-time clock with 128 bytes of battery-backed RAM.
 *
 * Spec: Motorola MC146818A data sheet; the PC's use of RAM byte 32h as century.
 *
 * The calendar is arithmetic on virtual time: registers are worked out when they are read. Flags in
 * register C are worked out then too; the chip has a timer only while an interrupt is enabled.
 * Not emulated: daylight saving (DSE), the square wave output, other time bases than 32768 Hz.
 */

import { type Civil, civilOf, epochOf, weekdayOf } from '../../calendar.ts';
import type { Clock, Timer } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { bytes, ns, type Plain, type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const SECONDS = 0x00;
const SECONDS_ALARM = 0x01;
const MINUTES = 0x02;
const MINUTES_ALARM = 0x03;
const HOURS = 0x04;
const HOURS_ALARM = 0x05;
const DAY_OF_WEEK = 0x06;
const DAY_OF_MONTH = 0x07;
const MONTH = 0x08;
const YEAR = 0x09;
const REG_A = 0x0a;
const REG_B = 0x0b;
const REG_C = 0x0c;
const REG_D = 0x0d;
const CENTURY = 0x32;
const PS2_CENTURY = 0x37;
const TIME_REGISTERS = new Set([
  SECONDS,
  MINUTES,
  HOURS,
  DAY_OF_WEEK,
  DAY_OF_MONTH,
  MONTH,
  YEAR,
  CENTURY,
]);

const A_UIP = 0x80;
/** DV2 and DV1 both set: the divider is held in reset. */
const A_DV_RESET = 0x60;
const B_SET = 0x80;
const B_PIE = 0x40;
const B_AIE = 0x20;
const B_UIE = 0x10;
const B_SQWE = 0x08;
const B_DM = 0x04;
const B_24H = 0x02;
const C_IRQF = 0x80;
const C_PF = 0x40;
const C_AF = 0x20;
const C_UF = 0x10;
const D_VRT = 0x80;
const HOURS_PM = 0x80;
const ALARM_DONT_CARE = 0xc0;

const SECOND_NS = 1_000_000_000;
const CRYSTAL_HZ = 32_768;
/** UIP rises 8 crystal cycles before the update. */
const UIP_NS = 244_141;
/** After the divider leaves reset the first update comes half a second later. */
const DIVIDER_START_NS = 500_000_000;

const powerOnRam = new Uint8Array(128);
powerOnRam.set([0x26, B_24H, 0, D_VRT], REG_A);

const registers = state('mc146818', 1, {
  index: u8(),
  ram: bytes(128, powerOnRam),
  /** What the clock showed at `secondStartNs`; stale while SET or divider reset holds it. */
  epochSeconds: ns(),
  secondStartNs: ns(),
  /** The guest's day of the week less the calendar's. */
  weekdayShift: u8(),
  /** Up to when the flags of register C are worked out. */
  checkedNs: ns(),
});

export interface Mc146818Options {
  readonly clock: Clock;
  /** IRQ8, active high. */
  readonly irq: Line;
  /** What the RTC shows at virtual time 0: seconds since 1970 as if its local time were UTC. */
  readonly baseSeconds: number;
  /** High while bit 7 of port 70h masks NMI. */
  readonly nmiMask?: Line;
  /** The guest has set the clock: `offset` seconds off from what the host would have. */
  readonly onTimeSet?: (offset: number) => void;
}

export class Mc146818 extends Device<StateOf<typeof registers>> {
  /** Two ports: 70h index, 71h data. */
  readonly ports: PortHandler = {
    read: offset => (offset === 0 ? 0xff : this.readData()),
    write: (offset, _size, value) =>
      offset === 0 ? this.writeIndex(value) : this.writeData(value),
  };
  private readonly clock: Clock;
  private readonly timer: Timer;

  constructor(private readonly options: Mc146818Options) {
    super(registers);
    this.clock = options.clock;
    this.timer = this.clock.timer('mc146818', () => this.settle());
    this.state.epochSeconds = options.baseSeconds;
    this.settle();
  }

  /** The battery keeps everything but what the data sheet's RESET clears. */
  override reset(): void {
    this.catchUp();
    this.state.index = 0;
    this.state.ram[REG_B] &= ~(B_PIE | B_AIE | B_UIE | B_SQWE);
    this.state.ram[REG_C] = 0;
    this.settle();
  }

  /** As of now, so that equal clocks have equal states, whenever they were last looked at. */
  override save(): Plain {
    this.catchUp();
    return super.save();
  }

  /** What the calendar shows now. */
  time(): Civil {
    const { epochSeconds, secondStartNs } = this.state;
    const since = this.updates ? Math.floor((this.clock.nowNs - secondStartNs) / SECOND_NS) : 0;
    return civilOf(epochSeconds + Math.max(0, since));
  }

  /** Battery-backed contents from outside the chip: index and value. See cmos.ts. */
  setCmos(contents: Iterable<readonly [index: number, value: number]>): void {
    for (const [index, value] of contents) this.state.ram[index] = value;
    this.settle();
  }

  protected override settle(): void {
    this.catchUp();
    const { ram } = this.state;
    const asserted = (ram[REG_C] & ram[REG_B] & (C_PF | C_AF | C_UF)) !== 0;
    ram[REG_C] = asserted ? ram[REG_C] | C_IRQF : ram[REG_C] & ~C_IRQF;
    this.options.irq.set(asserted);
    this.options.nmiMask?.set((this.state.index & 0x80) !== 0);
    const deadline = this.nextInterruptNs();
    if (deadline === Number.POSITIVE_INFINITY) this.timer.disarm();
    else this.timer.arm(deadline);
  }

  private get updates(): boolean {
    const { ram } = this.state;
    return (ram[REG_B] & B_SET) === 0 && this.dividerRuns;
  }

  private get dividerRuns(): boolean {
    return (this.state.ram[REG_A] & A_DV_RESET) !== A_DV_RESET;
  }

  /** Crystal cycles between periodic interrupts; 0 for none. */
  private get periodCycles(): number {
    const rate = this.state.ram[REG_A] & 0x0f;
    if (rate === 0 || !this.dividerRuns) return 0;
    return 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  /** Moves `secondStartNs` to the second that runs, and sets the flags that time has set. */
  private catchUp(): void {
    const s = this.state;
    const now = this.clock.nowNs;
    if (!this.dividerRuns || now <= s.checkedNs) return;
    if (this.nextPeriodicNs(s.checkedNs) <= now) s.ram[REG_C] |= C_PF;
    const seconds = Math.floor((now - s.secondStartNs) / SECOND_NS);
    if (seconds > 0) {
      if (this.updates) {
        s.ram[REG_C] |= C_UF;
        if (this.secondsToAlarm() <= seconds) s.ram[REG_C] |= C_AF;
        s.epochSeconds += seconds;
      }
      s.secondStartNs += seconds * SECOND_NS;
    }
    s.checkedNs = now;
  }

  /** The first tick of the periodic interrupt after `sinceNs`. */
  private nextPeriodicNs(sinceNs: number): number {
    const cycles = this.periodCycles;
    if (cycles === 0) return Number.POSITIVE_INFINITY;
    const origin = this.state.secondStartNs;
    const perSecond = CRYSTAL_HZ / cycles;
    const tickNs = (k: number): number => origin + Math.ceil((k * SECOND_NS) / perSecond);
    let k = Math.floor(((sinceNs - origin) * perSecond) / SECOND_NS);
    while (tickNs(k) <= sinceNs) k++;
    return tickNs(k);
  }

  private nextInterruptNs(): number {
    const { ram, secondStartNs, checkedNs } = this.state;
    // A flag that is up holds the line; nothing more happens until register C is read.
    const waiting = ram[REG_B] & ~ram[REG_C];
    let next = Number.POSITIVE_INFINITY;
    if ((waiting & B_PIE) !== 0) next = this.nextPeriodicNs(checkedNs);
    if (!this.updates) return next;
    if ((waiting & B_UIE) !== 0) next = Math.min(next, secondStartNs + SECOND_NS);
    if ((waiting & B_AIE) !== 0) {
      next = Math.min(next, secondStartNs + this.secondsToAlarm() * SECOND_NS);
    }
    return next;
  }

  /** Seconds from `epochSeconds` to the next match of the alarm registers; Infinity if none. */
  private secondsToAlarm(): number {
    const { ram, epochSeconds } = this.state;
    const matches = (alarm: number, value: number): boolean =>
      (ram[alarm] & ALARM_DONT_CARE) === ALARM_DONT_CARE || ram[alarm] === value;
    let at = epochSeconds + 1;
    while (at <= epochSeconds + 86_400) {
      const { hours, minutes, seconds } = civilOf(at);
      if (!matches(HOURS_ALARM, this.encodeHours(hours))) at += 3600 - minutes * 60 - seconds;
      else if (!matches(MINUTES_ALARM, this.encode(minutes))) at += 60 - seconds;
      else if (!matches(SECONDS_ALARM, this.encode(seconds))) at += 1;
      else return at - epochSeconds;
    }
    return Number.POSITIVE_INFINITY;
  }

  private writeIndex(value: number): void {
    this.state.index = value;
    this.options.nmiMask?.set((value & 0x80) !== 0);
  }

  /** The PS/2 century byte is the same one. */
  private get selected(): number {
    const index = this.state.index & 0x7f;
    return index === PS2_CENTURY ? CENTURY : index;
  }

  private readData(): number {
    const index = this.selected;
    this.catchUp();
    const { ram } = this.state;
    if (index === REG_A) return ram[REG_A] | (this.updateInProgress() ? A_UIP : 0);
    if (index === REG_C) {
      this.settle();
      const flags = ram[REG_C];
      ram[REG_C] = 0;
      this.settle();
      return flags;
    }
    if (TIME_REGISTERS.has(index) && this.updates) this.showTime();
    return ram[index];
  }

  private updateInProgress(): boolean {
    const untilUpdate = this.state.secondStartNs + SECOND_NS - this.clock.nowNs;
    return this.updates && untilUpdate <= UIP_NS;
  }

  private writeData(value: number): void {
    const index = this.selected;
    this.catchUp();
    const { ram } = this.state;
    if (index === REG_A) this.writeRegisterA(value & ~A_UIP);
    else if (index === REG_B) this.writeRegisterB(value);
    else if (index === REG_C || index === REG_D) return;
    else if (TIME_REGISTERS.has(index) && this.updates) {
      this.showTime();
      ram[index] = value;
      this.takeTime();
    } else {
      ram[index] = value;
    }
    this.settle();
  }

  private writeRegisterA(value: number): void {
    const s = this.state;
    const ran = this.dividerRuns;
    if (this.updates) this.showTime();
    s.ram[REG_A] = value;
    if (ran || !this.dividerRuns) return;
    s.secondStartNs = this.clock.nowNs - SECOND_NS + DIVIDER_START_NS;
    s.checkedNs = this.clock.nowNs;
    if (this.updates) this.takeTime();
  }

  private writeRegisterB(value: number): void {
    const { ram } = this.state;
    const before = this.updates;
    if (before) this.showTime();
    // SET also clears UIE.
    ram[REG_B] = (value & B_SET) !== 0 ? value & ~B_UIE : value;
    if (this.updates && !before) this.takeTime();
  }

  /** The calendar into the registers. */
  private showTime(): void {
    const { ram, epochSeconds, weekdayShift } = this.state;
    const at = civilOf(epochSeconds);
    ram[SECONDS] = this.encode(at.seconds);
    ram[MINUTES] = this.encode(at.minutes);
    ram[HOURS] = this.encodeHours(at.hours);
    ram[DAY_OF_WEEK] = this.encode(((weekdayOf(epochSeconds) + weekdayShift) % 7) + 1);
    ram[DAY_OF_MONTH] = this.encode(at.day);
    ram[MONTH] = this.encode(at.month);
    ram[YEAR] = this.encode(at.year % 100);
    ram[CENTURY] = this.encode(Math.floor(at.year / 100) % 100);
  }

  /** The registers into the calendar. */
  private takeTime(): void {
    const s = this.state;
    const field = (index: number): number => this.decode(s.ram[index]);
    s.epochSeconds = epochOf({
      year: field(CENTURY) * 100 + field(YEAR),
      month: field(MONTH),
      day: field(DAY_OF_MONTH),
      hours: this.decodeHours(s.ram[HOURS]),
      minutes: field(MINUTES),
      seconds: field(SECONDS),
    });
    s.weekdayShift = (field(DAY_OF_WEEK) + 6 + 7 - weekdayOf(s.epochSeconds)) % 7;
    const expected = this.options.baseSeconds + Math.floor(this.clock.nowNs / SECOND_NS);
    this.options.onTimeSet?.(s.epochSeconds - expected);
  }

  private encode(value: number): number {
    if ((this.state.ram[REG_B] & B_DM) !== 0) return value;
    return Math.floor(value / 10) * 16 + (value % 10);
  }

  private decode(raw: number): number {
    return (this.state.ram[REG_B] & B_DM) !== 0 ? raw : (raw >> 4) * 10 + (raw & 15);
  }

  private encodeHours(hours: number): number {
    if ((this.state.ram[REG_B] & B_24H) !== 0) return this.encode(hours);
    const raw = this.encode(hours % 12 === 0 ? 12 : hours % 12);
    return hours >= 12 ? raw | HOURS_PM : raw;
  }

  private decodeHours(raw: number): number {
    if ((this.state.ram[REG_B] & B_24H) !== 0) return this.decode(raw);
    const hours = this.decode(raw & ~HOURS_PM) % 12;
    return (raw & HOURS_PM) !== 0 ? hours + 12 : hours;
  }
}
