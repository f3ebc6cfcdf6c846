/**
 * The timer of a local APIC: a 32-bit counter that runs down to zero, once or again and again.
 *
 * Spec: Intel SDM volume 3, 11.5.4. The bus clock is 1 GHz, as QEMU's: one tick is a nanosecond
 * times the divisor.
 * Not emulated: TSC-deadline mode (CPUID does not offer it). Periods below ten microseconds are
 * delivered at most that often; the count reads as it should.
 */

import type { Clock, Timer } from '../../clock.ts';
import { ns, type StateOf, state, u8, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import { ENTRY_MASKED, vectorOf } from './apic-message.ts';

const PERIODIC = 1 << 17;
const LVT_WRITABLE = 0x300ff;
const DIVIDE_WRITABLE = 0x0b;
const STOPPED = -1;
const SHORTEST_NS = 10_000;

const registers = state('apic-timer', 1, {
  lvt: u32(ENTRY_MASKED),
  initialCount: u32(),
  divide: u8(),
  /** When the count is zero next, or one of the next times; -1 while it stands still. */
  zeroNs: ns(STOPPED),
});

export class ApicTimer extends Device<StateOf<typeof registers>> {
  private readonly timer: Timer;

  /** `onExpire` hears the vector, unless it is masked. */
  constructor(
    private readonly clock: Clock,
    private readonly onExpire: (vector: number) => void,
  ) {
    super(registers);
    this.timer = clock.timer('apic-timer', () => {
      this.catchUp();
      this.settle();
    });
  }

  /** Register 320h. */
  get lvt(): number {
    return this.state.lvt;
  }

  set lvt(value: number) {
    this.catchUp();
    this.state.lvt = value & LVT_WRITABLE;
    this.settle();
  }

  /** Register 380h. */
  get initialCount(): number {
    return this.state.initialCount;
  }

  set initialCount(value: number) {
    this.catchUp();
    const s = this.state;
    s.initialCount = value;
    s.zeroNs = value === 0 ? STOPPED : this.clock.nowNs + this.periodNs;
    this.settle();
  }

  /** Register 390h. */
  get currentCount(): number {
    this.catchUp();
    this.settle();
    if (this.state.zeroNs === STOPPED) return 0;
    const leftNs = this.state.zeroNs - this.clock.nowNs;
    // More than a period is left after short ones were skipped.
    return Math.ceil((((leftNs - 1) % this.periodNs) + 1) / this.divisor);
  }

  /** Register 3E0h. */
  get divide(): number {
    return this.state.divide;
  }

  set divide(value: number) {
    const count = this.currentCount;
    const s = this.state;
    s.divide = value & DIVIDE_WRITABLE;
    if (s.zeroNs !== STOPPED) s.zeroNs = this.clock.nowNs + count * this.divisor;
    this.settle();
  }

  protected override settle(): void {
    const { zeroNs, lvt } = this.state;
    if (zeroNs === STOPPED || (lvt & ENTRY_MASKED) !== 0) this.timer.disarm();
    else if (this.timer.deadlineNs !== zeroNs) this.timer.arm(zeroNs);
  }

  /** In ns per tick: bits 3, 1 and 0 count the powers of two from 2; all ones is 1. */
  private get divisor(): number {
    const { divide } = this.state;
    const power = ((divide >> 1) & 4) | (divide & 3);
    return power === 7 ? 1 : 2 << power;
  }

  private get periodNs(): number {
    return this.state.initialCount * this.divisor;
  }

  /** Delivers what is due, and goes on to the next time. */
  private catchUp(): void {
    const s = this.state;
    const { nowNs } = this.clock;
    if (s.zeroNs === STOPPED || nowNs < s.zeroNs) return;
    const { lvt } = s;
    if ((lvt & PERIODIC) === 0 || s.initialCount === 0) s.zeroNs = STOPPED;
    else {
      const period = this.periodNs;
      const passed = Math.floor((nowNs - s.zeroNs) / period) + 1;
      s.zeroNs += period * Math.max(passed, Math.ceil(SHORTEST_NS / period));
    }
    if ((lvt & ENTRY_MASKED) === 0) this.onExpire(vectorOf(lvt));
  }
}
