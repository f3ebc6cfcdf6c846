/**
 * High precision event timer: a 64-bit counter of 10 ns and three comparators.
 *
 * Spec: IA-PC HPET specification 1.0a, chapter 2; where it leaves things open, or forbids them to
 * software, as QEMU's does: a comparator behind the counter matches at once, and whoever disables
 * a timer (or all) takes its interrupt back.
 *
 * | offset | register |
 * |---|---|
 * | 000h, 004h | capabilities; the counter's period in femtoseconds |
 * | 010h | enable, legacy replacement |
 * | 020h | interrupt status of level-triggered timers; ones clear |
 * | 0F0h, 0F4h | the counter; written while it stands |
 * | 100h + 20h * n | configuration of timer n, what it may be routed to |
 * | 108h + 20h * n | its comparator; in periodic mode also its period |
 *
 * The counter is arithmetic on virtual time; each timer knows the instant of its next event.
 * Not emulated: FSB interrupts; periods below 10 µs, of which some are left out; other accesses
 * than those of 32 bits (64 bits are two of them).
 */

import type { Clock, Timer } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { MmioHandler } from '../../memory.ts';
import { array, ns, type StateOf, state, struct, u8, u32, u64 } from '../../state.ts';
import { Device } from '../device.ts';

export const HPET_TIMERS = 3;
/** Which interrupts a timer may be routed to, as bits: input 2 of the IOAPIC. */
export const HPET_ROUTES = 1 << 2;
/** Vendor 8086h, legacy replacement, 64 bits, three timers, revision 1. */
export const HPET_ID = 0x8086a201;
const PERIOD_FS = 10_000_000;
const TICK_NS = 10;

const CAPABILITIES = 0x00;
const PERIOD = 0x04;
const CONFIGURATION = 0x10;
const STATUS = 0x20;
const COUNTER_LOW = 0xf0;
const COUNTER_HIGH = 0xf4;
const FIRST_TIMER = 0x100;
const TIMER_CONFIGURATION = 0x00;
const TIMER_ROUTES = 0x04;
const COMPARATOR_LOW = 0x08;
const COMPARATOR_HIGH = 0x0c;

const ENABLE = 0x01;
const LEGACY = 0x02;
const WRITABLE = ENABLE | LEGACY;

const TN_LEVEL = 0x02;
const TN_ENABLE = 0x04;
const TN_PERIODIC = 0x08;
/** Can be periodic, has 64 bits. */
const TN_FIXED = 0x30;
const TN_SET_VALUE = 0x40;
const TN_32_BITS = 0x100;
const TN_ROUTE_SHIFT = 9;
const TN_ROUTE = 0x1f;
const TN_WRITABLE =
  TN_LEVEL | TN_ENABLE | TN_PERIODIC | TN_SET_VALUE | TN_32_BITS | (TN_ROUTE << TN_ROUTE_SHIFT);

const LEGACY_GSIS = [0, 8];
const NEVER = -1;
/** A comparator that nobody has written. */
const UNSET = 0xffff_ffff_ffff_ffffn;
const LOW_HALF = 0xffff_ffffn;
/** The shortest time from one interrupt of a periodic timer to the next: 10 µs. */
const SHORTEST_TICKS = 1000n;

const timerFields = {
  config: u32(TN_FIXED),
  comparator: u64(UNSET),
  period: u64(),
  /** When it matches next; negative is never. */
  dueNs: ns(NEVER),
};

const registers = state('hpet', 1, {
  config: u8(),
  status: u8(),
  /** The counter at `sinceNs` if it runs. */
  counter: u64(),
  sinceNs: ns(),
  timers: array(HPET_TIMERS, struct(timerFields)),
});

/** A chip whose interrupt goes through here, and no further while legacy replacement is on. */
export interface ReplacedWire {
  readonly from: Line;
  readonly to: Line;
}

export interface HpetOptions {
  readonly clock: Clock;
  /** By number; the timers pull them. A hole is one that nothing is wired to. */
  readonly gsis: readonly (Line | undefined)[];
  /** Of the 8254 and of the real-time clock. */
  readonly replaced: readonly ReplacedWire[];
}

export class Hpet extends Device<StateOf<typeof registers>> {
  readonly mmio: MmioHandler = {
    read: (offset, size) => (size === 4 ? this.read(offset) : 0),
    write: (offset, size, value) => {
      if (size === 4) this.write(offset, value >>> 0);
    },
  };
  private readonly clock: Clock;
  private readonly timer: Timer;

  constructor(private readonly options: HpetOptions) {
    super(registers);
    this.clock = options.clock;
    this.timer = this.clock.timer('hpet', () => {
      this.catchUp();
      this.settle();
    });
    for (const { from } of options.replaced) from.connect(() => this.driveReplaced());
    this.settle();
  }

  protected override settle(): void {
    this.driveReplaced();
    const { timers, status } = this.state;
    let asserted = 0;
    let next = Number.POSITIVE_INFINITY;
    for (let i = 0; i < HPET_TIMERS; i++) {
      if ((status & (1 << i)) !== 0) asserted |= 1 << this.routeOf(i);
      const { dueNs } = timers[i];
      if (dueNs !== NEVER && dueNs < next) next = dueNs;
    }
    this.options.gsis.forEach((line, gsi) => {
      line?.set((asserted & (1 << gsi)) !== 0);
    });
    if (next === Number.POSITIVE_INFINITY) this.timer.disarm();
    else this.timer.arm(next);
  }

  private driveReplaced(): void {
    const isLegacy = (this.state.config & LEGACY) !== 0;
    for (const { from, to } of this.options.replaced) to.set(!isLegacy && from.level);
  }

  private routeOf(index: number): number {
    const { config, timers } = this.state;
    if ((config & LEGACY) !== 0 && index < LEGACY_GSIS.length) return LEGACY_GSIS[index];
    return (timers[index].config >> TN_ROUTE_SHIFT) & TN_ROUTE;
  }

  private get runs(): boolean {
    return (this.state.config & ENABLE) !== 0;
  }

  private ticksAt(timeNs: number): number {
    return this.runs ? Math.floor((timeNs - this.state.sinceNs) / TICK_NS) : 0;
  }

  private counterAt(timeNs: number): bigint {
    return BigInt.asUintN(64, this.state.counter + BigInt(this.ticksAt(timeNs)));
  }

  /** How far the comparator is ahead of the counter; negative when it has passed. */
  private distanceAt(index: number, timeNs: number): bigint {
    const { comparator, config } = this.state.timers[index];
    const width = (config & TN_32_BITS) !== 0 ? 32 : 64;
    return BigInt.asIntN(width, comparator - this.counterAt(timeNs));
  }

  /** Works out when the timer's next event is, seen from `timeNs`. */
  private schedule(index: number, timeNs: number): void {
    const timer = this.state.timers[index];
    timer.dueNs = NEVER;
    const isOn = this.runs && (timer.config & TN_ENABLE) !== 0;
    if (!isOn || timer.comparator === UNSET) return;
    let distance = this.distanceAt(index, timeNs);
    if ((timer.config & (TN_32_BITS | TN_PERIODIC)) === TN_32_BITS) {
      const wrap = LOW_HALF + 1n - (this.counterAt(timeNs) & LOW_HALF);
      if (wrap < distance) distance = wrap;
    }
    if (distance <= 0n) {
      timer.dueNs = timeNs;
      return;
    }
    const ticks = this.ticksAt(timeNs) + Number(distance);
    const dueNs = this.state.sinceNs + ticks * TICK_NS;
    if (dueNs <= Number.MAX_SAFE_INTEGER) timer.dueNs = dueNs;
  }

  private scheduleAll(): void {
    for (let i = 0; i < HPET_TIMERS; i++) this.schedule(i, this.clock.nowNs);
  }

  /** Events that have passed within the slice come before what software sees or changes. */
  private catchUp(): void {
    const { timers } = this.state;
    for (;;) {
      let first = NEVER;
      for (let i = 0; i < HPET_TIMERS; i++) {
        const { dueNs } = timers[i];
        if (dueNs === NEVER || dueNs > this.clock.nowNs) continue;
        if (first === NEVER || dueNs < timers[first].dueNs) first = i;
      }
      if (first === NEVER) return;
      this.onMatch(first);
    }
  }

  private onMatch(index: number): void {
    const timer = this.state.timers[index];
    const at = timer.dueNs;
    const distance = this.distanceAt(index, at);
    timer.dueNs = NEVER;
    if ((timer.config & TN_PERIODIC) !== 0) this.nextPeriod(index, at);
    else if (distance > 0n) this.schedule(index, at); // that was the counter's wrap
    if ((timer.config & TN_LEVEL) !== 0) {
      this.state.status |= 1 << index;
      this.settle();
    } else {
      const line = this.options.gsis[this.routeOf(index)];
      if (line !== undefined && !line.level) line.pulse();
    }
  }

  /** The comparator moves on by whole periods until it is ahead of the counter. */
  private nextPeriod(index: number, at: number): void {
    const timer = this.state.timers[index];
    const { period } = timer;
    if (period === 0n) return;
    const behind = -this.distanceAt(index, at);
    const least = period < SHORTEST_TICKS ? behind + SHORTEST_TICKS : behind;
    const width = (timer.config & TN_32_BITS) !== 0 ? 32 : 64;
    timer.comparator = BigInt.asUintN(width, timer.comparator + (least / period + 1n) * period);
    this.schedule(index, at);
  }

  private read(offset: number): number {
    this.catchUp();
    this.settle();
    if (offset >= FIRST_TIMER) return this.readTimer(offset - FIRST_TIMER);
    if (offset === CAPABILITIES) return HPET_ID;
    if (offset === PERIOD) return PERIOD_FS;
    if (offset === CONFIGURATION) return this.state.config;
    if (offset === STATUS) return this.state.status;
    if (offset === COUNTER_LOW) return lowHalf(this.counterAt(this.clock.nowNs));
    return offset === COUNTER_HIGH ? highHalf(this.counterAt(this.clock.nowNs)) : 0;
  }

  private readTimer(offset: number): number {
    const index = offset >> 5;
    if (index >= HPET_TIMERS) return 0;
    const { config, comparator } = this.state.timers[index];
    const register = offset & 0x1f;
    if (register === TIMER_CONFIGURATION) return config;
    if (register === TIMER_ROUTES) return HPET_ROUTES;
    if (register === COMPARATOR_LOW) return lowHalf(comparator);
    return register === COMPARATOR_HIGH ? highHalf(comparator) : 0;
  }

  private write(offset: number, value: number): void {
    this.catchUp();
    const s = this.state;
    if (offset >= FIRST_TIMER) this.writeTimer(offset - FIRST_TIMER, value);
    else if (offset === CONFIGURATION) this.configure(value & WRITABLE);
    else if (offset === STATUS) s.status &= ~value;
    else if (!this.runs && offset === COUNTER_LOW) s.counter = withLow(s.counter, value);
    else if (!this.runs && offset === COUNTER_HIGH) s.counter = withHigh(s.counter, value);
    this.settle();
  }

  private configure(value: number): void {
    const s = this.state;
    const { nowNs } = this.clock;
    s.counter = this.counterAt(nowNs);
    // What is left of the running tick is not lost.
    s.sinceNs = this.runs ? s.sinceNs + this.ticksAt(nowNs) * TICK_NS : nowNs;
    s.config = value;
    if (!this.runs) s.status = 0;
    this.scheduleAll();
  }

  private writeTimer(offset: number, value: number): void {
    const index = offset >> 5;
    if (index >= HPET_TIMERS) return;
    const register = offset & 0x1f;
    if (register === TIMER_CONFIGURATION) this.configureTimer(index, value);
    else if (register === COMPARATOR_LOW) this.compareWith(index, old => withLow(old, value));
    else if (register === COMPARATOR_HIGH) this.compareWith(index, old => withHigh(old, value));
  }

  private configureTimer(index: number, value: number): void {
    const timer = this.state.timers[index];
    const wasOn = (timer.config & TN_ENABLE) !== 0;
    const old = timer.config;
    timer.config = (value & TN_WRITABLE) | TN_FIXED;
    const isOn = (timer.config & TN_ENABLE) !== 0;
    if (!isOn || (timer.config & TN_LEVEL) === 0) this.state.status &= ~(1 << index);
    if ((timer.config & TN_32_BITS) !== 0 && timer.comparator !== UNSET) {
      timer.comparator &= LOW_HALF;
      timer.period &= LOW_HALF >> 1n;
    }
    const isOther = ((old ^ timer.config) & (TN_PERIODIC | TN_32_BITS)) !== 0;
    if (isOn !== wasOn || isOther) this.schedule(index, this.clock.nowNs);
  }

  /** Either half: of the comparator in one-shot mode, of the period and perhaps both else. */
  private compareWith(index: number, change: (old: bigint) => bigint): void {
    const timer = this.state.timers[index];
    const width = (timer.config & TN_32_BITS) !== 0 ? 32 : 64;
    const isPeriodic = (timer.config & TN_PERIODIC) !== 0;
    if (!isPeriodic || (timer.config & TN_SET_VALUE) !== 0) {
      timer.comparator = BigInt.asUintN(width, change(timer.comparator));
    }
    // At most half of the range: what is further ahead cannot be told from what has passed.
    if (isPeriodic) timer.period = BigInt.asUintN(width - 1, change(timer.period));
    timer.config &= ~TN_SET_VALUE;
    this.schedule(index, this.clock.nowNs);
  }
}

const lowHalf = (value: bigint): number => Number(value & LOW_HALF);
const highHalf = (value: bigint): number => Number(value >> 32n);
const withLow = (old: bigint, value: number): bigint => (old & ~LOW_HALF) | BigInt(value);
const withHigh = (old: bigint, value: number): bigint => (old & LOW_HALF) | (BigInt(value) << 32n);
