/**
 * 8254 programmable interval timer: three 16-bit counters at 1.193182 MHz.
 *
 * Spec: Intel 8254 data sheet (231164). Ports 0-2: counters; port 3: control word (reads give 0).
 *
 * Counting is arithmetic: a counter knows the clock pulse at which it was loaded, and everything
 * else (count, OUT, next edge) follows from the time. Only OUTs that are wired have timers.
 * Powered on, all counters run in mode 3 from 65536, so that firmware finds a working clock.
 * Not emulated: a control word without a count freezes the counter (undefined on the chip).
 */

import type { Clock, Timer } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { array, type StateOf, state, struct } from '../../state.ts';
import { Device } from '../device.ts';
import {
  type Counter,
  catchUp,
  counterFields,
  countOf,
  nextEdgeTick,
  nullCount,
  onGate,
  outOf,
  setControl,
  writeCount,
} from './i8254-counter.ts';

export const PIT_FREQUENCY_HZ = 1_193_182;

const registers = state('i8254', 1, { counters: array(3, struct(counterFields)) });

const READ_BACK = 3;
const READ_BACK_NO_COUNT = 0x20;
const READ_BACK_NO_STATUS = 0x10;
const CONTROL_PORT = 3;
const STATUS_OUT = 0x80;
const STATUS_NULL_COUNT = 0x40;

export interface I8254Options {
  readonly clock: Clock;
  /** OUT of counter 0 (IRQ0). */
  readonly out0?: Line;
  /** OUT of counter 2, for a speaker that follows it; nothing is scheduled when left out. */
  readonly out2?: Line;
  /** GATE of counter 2 (port 61h bit 0). The other gates are tied high. */
  readonly gate2: Line;
}

/** Follows one OUT pin. `edgeTick` is the clock pulse of the edge that the timer waits for. */
interface Follower {
  readonly line: Line;
  readonly timer: Timer;
  edgeTick: number;
}

export class I8254 extends Device<StateOf<typeof registers>> {
  /** Four ports: 40h. */
  readonly ports: PortHandler = {
    read: offset => (offset === CONTROL_PORT ? 0 : this.readCounter(offset)),
    write: (offset, _size, value) =>
      offset === CONTROL_PORT ? this.writeControl(value) : this.writeCounter(offset, value),
  };
  private readonly clock: Clock;
  private readonly followers: (Follower | undefined)[];

  constructor(options: I8254Options) {
    super(registers);
    this.clock = options.clock;
    this.followers = [options.out0, undefined, options.out2].map((line, i) => {
      if (line === undefined) return undefined;
      const timer = this.clock.timer(`i8254-out${i}`, () => this.onEdge(i));
      return { line, timer, edgeTick: 0 };
    });
    options.gate2.connect(level => this.change(2, (c, tick) => onGate(c, level, tick)));
    this.powerOn(options.gate2.level);
    this.settle();
  }

  override reset(): void {
    const { gate } = this.state.counters[2];
    this.state = this.table.initial();
    this.powerOn(gate);
    this.settle();
  }

  /** The level of a counter's OUT pin at this instant. */
  output(counter: number): boolean {
    const c = this.state.counters[counter];
    const tick = this.tick();
    catchUp(c, tick);
    return outOf(c, tick);
  }

  protected override settle(): void {
    for (let i = 0; i < 3; i++) this.follow(i, this.tick());
  }

  private powerOn(gate2: boolean): void {
    for (const counter of this.state.counters) counter.startTick = this.tick();
    Object.assign(this.state.counters[2], { gate: gate2, running: gate2 });
  }

  private tick(): number {
    return pitTicks(this.clock.nowNs);
  }

  /** Puts the OUT pin where it is at `tick` and waits for its next edge. */
  private follow(index: number, tick: number): void {
    const follower = this.followers[index];
    if (follower === undefined) return;
    const counter = this.state.counters[index];
    catchUp(counter, tick);
    follower.line.set(outOf(counter, tick));
    follower.edgeTick = nextEdgeTick(counter, tick);
    if (follower.edgeTick === Number.POSITIVE_INFINITY) follower.timer.disarm();
    else follower.timer.arm(pitTickNs(follower.edgeTick));
  }

  private onEdge(index: number): void {
    const follower = this.followers[index];
    if (follower !== undefined) this.follow(index, follower.edgeTick);
  }

  /** Edges that have passed within the slice must be seen before what made them changes. */
  private change(index: number, action: (counter: Counter, tick: number) => void): void {
    const follower = this.followers[index];
    const tick = this.tick();
    while (follower?.timer.deadlineNs !== undefined && follower.edgeTick <= tick) {
      this.onEdge(index);
    }
    const counter = this.state.counters[index];
    catchUp(counter, tick);
    action(counter, tick);
    this.follow(index, tick);
  }

  private writeControl(value: number): void {
    const select = value >> 6;
    if (select === READ_BACK) {
      for (let i = 0; i < 3; i++) {
        if ((value & (2 << i)) === 0) continue;
        if ((value & READ_BACK_NO_COUNT) === 0) this.latchCount(i);
        if ((value & READ_BACK_NO_STATUS) === 0) this.latchStatus(i);
      }
    } else if ((value & 0x30) === 0) {
      this.latchCount(select);
    } else {
      this.change(select, counter => setControl(counter, value));
    }
  }

  private writeCounter(index: number, value: number): void {
    this.change(index, (counter, tick) => writeCount(counter, value, tick));
  }

  private latchCount(index: number): void {
    const c = this.state.counters[index];
    if (c.latchedBytes > 0) return;
    const tick = this.tick();
    catchUp(c, tick);
    c.latch = countOf(c, tick);
    c.latchedBytes = c.access === 3 ? 2 : 1;
    if (c.access === 2) c.latch >>= 8;
  }

  private latchStatus(index: number): void {
    const c = this.state.counters[index];
    if (c.statusLatched) return;
    const tick = this.tick();
    catchUp(c, tick);
    c.statusLatched = true;
    c.status =
      (outOf(c, tick) ? STATUS_OUT : 0) |
      (nullCount(c, tick) ? STATUS_NULL_COUNT : 0) |
      (c.access << 4) |
      (c.modeBits << 1) |
      Number(c.bcd);
  }

  private readCounter(index: number): number {
    const c = this.state.counters[index];
    if (c.statusLatched) {
      c.statusLatched = false;
      return c.status;
    }
    if (c.latchedBytes > 0) {
      c.latchedBytes--;
      const byte = c.latch & 0xff;
      c.latch >>= 8;
      return byte;
    }
    const tick = this.tick();
    catchUp(c, tick);
    const count = countOf(c, tick);
    if (c.access === 1) return count & 0xff;
    if (c.access === 2) return count >> 8;
    c.readsHigh = !c.readsHigh;
    return c.readsHigh ? count & 0xff : count >> 8;
  }
}

/** Clock pulses since power-on; exact for any time a number holds exactly. */
export function pitTicks(nowNs: number): number {
  const seconds = Math.floor(nowNs / 1e9);
  const rest = nowNs - seconds * 1e9;
  return seconds * PIT_FREQUENCY_HZ + Math.floor((rest * PIT_FREQUENCY_HZ) / 1e9);
}

/** The first nanosecond at which `pitTicks` gives `tick`. */
export function pitTickNs(tick: number): number {
  const seconds = Math.floor(tick / PIT_FREQUENCY_HZ);
  const rest = tick - seconds * PIT_FREQUENCY_HZ;
  return seconds * 1e9 + Math.ceil((rest * 1e9) / PIT_FREQUENCY_HZ);
}
