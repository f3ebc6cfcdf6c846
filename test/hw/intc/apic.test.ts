import { describe, expect, test } from 'vitest';
import { Bench } from '../../support/board.ts';

const APIC = 0xfee00000;
const IOAPIC = 0xfec00000;
const EOI = 0x0b0;
const TPR = 0x080;
const PPR = 0x0a0;
const ISR = 0x100;
const TMR = 0x180;
const IRR = 0x200;
const ESR = 0x280;
const ICR = 0x300;
const SVR = 0x0f0;
const LVT_TIMER = 0x320;
const LVT_LINT0 = 0x350;
const LVT_LINT1 = 0x360;
const LVT_ERROR = 0x370;
const MASKED = 0x10000;
const LEVEL = 0x8000;

class ApicBench extends Bench {
  get intr(): boolean {
    return this.pc.intr.level;
  }

  reg(offset: number): number {
    return this.memory.read(APIC + offset, 4);
  }

  set(offset: number, value: number): void {
    this.memory.write(APIC + offset, 4, value);
  }

  io(register: number): number {
    this.memory.write(IOAPIC, 4, register);
    return this.memory.read(IOAPIC + 0x10, 4);
  }

  setIo(register: number, value: number): void {
    this.memory.write(IOAPIC, 4, register);
    this.memory.write(IOAPIC + 0x10, 4, value);
  }

  route(pin: number, entry: number, destination = 0): void {
    this.setIo(0x11 + 2 * pin, destination * 0x1000000);
    this.setIo(0x10 + 2 * pin, entry);
  }

  /** As a system does that knows APICs: on, the 8259s masked, LINT0 too. */
  static on(): ApicBench {
    const bench = new ApicBench();
    bench.set(SVR, 0x1ff);
    bench.set(LVT_LINT0, MASKED);
    bench.outb(0x21, 0xff);
    bench.outb(0xa1, 0xff);
    return bench;
  }

  /** Counter 0 of the 8254 in mode 0: its output, IRQ 0, rises in a moment. */
  pullTimer(): void {
    this.outb(0x43, 0x10);
    this.outb(0x40, 0x02);
    this.clock.advanceTo(this.clock.nowNs + 10_000);
  }

  /** The power button pulls the SCI, IRQ 9, a level. */
  pullSci(): void {
    this.configWrite(1, 3, 0x40, 0x601);
    this.configWriteByte(1, 3, 0x80, 1);
    this.outw(0x602, 0x100);
    this.pc.powerButton();
  }

  releaseSci(): void {
    this.outw(0x600, 0x100);
  }
}

describe('before anybody programs the APIC', () => {
  test('the 8259s reach the processor through it', () => {
    const bench = new ApicBench();
    for (const [port, value] of [
      [0x20, 0x11],
      [0x21, 0x08],
      [0x21, 0x04],
      [0x21, 0x01],
      [0x21, 0xfe],
    ]) {
      bench.outb(port, value);
    }
    bench.pullTimer();
    expect(bench.intr).toBe(true);
    expect(bench.pc.acknowledge()).toBe(0x08);
    expect(bench.intr).toBe(false);
    expect(bench.reg(ISR)).toBe(0);
  });

  test('it shows its reset values', () => {
    const bench = new ApicBench();
    const shown = [0x20, 0x30, SVR, 0xe0, LVT_TIMER, LVT_LINT0, LVT_LINT1].map(r => bench.reg(r));
    expect(shown).toEqual([0, 0x50014, 0xff, 0xffffffff, MASKED, 0x700, MASKED]);
  });

  test('masking LINT0 takes the 8259s away, and off by its base register gives them back', () => {
    const bench = new ApicBench();
    bench.outb(0x20, 0x11);
    for (const value of [0x08, 0x04, 0x01, 0xfe]) bench.outb(0x21, value);
    bench.pullTimer();
    bench.set(LVT_LINT0, 0x700 | MASKED);
    expect(bench.intr).toBe(false);
    bench.pc.setApicBase(0xfee00100);
    expect(bench.intr).toBe(true);
    expect(bench.reg(0x30)).toBe(0xffffffff);
    expect(bench.pc.acknowledge()).toBe(0x08);
  });
});

describe('priorities', () => {
  test('the highest vector comes first and blocks its class and those below until EOI', () => {
    const bench = ApicBench.on();
    for (const vector of [0x31, 0x52, 0x51]) bench.set(ICR, 0x40000 | vector);
    expect([bench.reg(IRR + 0x10), bench.reg(IRR + 0x20)]).toEqual([0x20000, 0x60000]);
    expect(bench.pc.acknowledge()).toBe(0x52);
    expect([bench.intr, bench.reg(PPR), bench.reg(ISR + 0x20)]).toEqual([false, 0x50, 0x40000]);
    bench.set(ICR, 0x40061);
    expect(bench.pc.acknowledge()).toBe(0x61);
    bench.set(EOI, 0);
    expect(bench.intr).toBe(false);
    bench.set(EOI, 0);
    expect(bench.pc.acknowledge()).toBe(0x51);
    bench.set(EOI, 0);
    expect(bench.pc.acknowledge()).toBe(0x31);
    bench.set(EOI, 0);
    expect([bench.intr, bench.reg(PPR)]).toEqual([false, 0]);
  });

  test('the task priority holds requests back; one gone too late is spurious', () => {
    const bench = ApicBench.on();
    bench.set(ICR, 0x40041);
    expect(bench.intr).toBe(true);
    bench.set(TPR, 0x4f);
    expect([bench.intr, bench.pc.acknowledge()]).toEqual([false, 0xff]);
    bench.set(TPR, 0x3f);
    expect([bench.intr, bench.pc.acknowledge()]).toEqual([true, 0x41]);
  });

  test('switched off by software it takes nothing and masks its local vectors', () => {
    const bench = ApicBench.on();
    bench.set(LVT_TIMER, 0x40);
    bench.set(SVR, 0xff);
    bench.set(ICR, 0x40041);
    expect([bench.reg(IRR + 0x20), bench.intr]).toEqual([0, false]);
    bench.set(LVT_TIMER, 0x40);
    expect(bench.reg(LVT_TIMER)).toBe(MASKED | 0x40);
  });
});

describe('commands', () => {
  test('reach the processor by any name that is its', () => {
    const bench = ApicBench.on();
    const send = (low: number, high = 0): boolean => {
      bench.set(ICR + 0x10, high);
      bench.set(ICR, low);
      const taken = bench.intr;
      if (taken) bench.pc.acknowledge();
      bench.set(EOI, 0);
      return taken;
    };
    expect([send(0x40), send(0x40, 0x01000000), send(0x40, 0xff000000)]).toEqual([
      true,
      false,
      true,
    ]);
    expect([send(0x80040), send(0xc0040)]).toEqual([true, false]);
    bench.set(0xd0, 0x12000000);
    expect([send(0x840, 0x10000000), send(0x840, 0x20000000)]).toEqual([true, false]);
    bench.set(0xe0, 0x0fffffff);
    expect([send(0x840, 0x13000000), send(0x840, 0x23000000)]).toEqual([true, false]);
  });

  test('NMI and SMI are edges, INIT resets, its deassert does nothing', () => {
    const bench = ApicBench.on();
    const seen: string[] = [];
    bench.pc.nmi.connect(level => level && seen.push('nmi'));
    bench.pc.smi.connect(level => level && seen.push('smi'));
    bench.set(ICR, 0x00400);
    bench.set(ICR, 0x00200);
    bench.set(ICR, 0x88500);
    expect([seen, bench.events]).toEqual([['nmi', 'smi'], []]);
    bench.set(ICR, 0x04500);
    expect(bench.events).toEqual(['reset guest-reset']);
  });

  test('with a vector below 16 are errors, shown after a write, with an interrupt', () => {
    const bench = ApicBench.on();
    bench.set(LVT_ERROR, 0xfe);
    bench.set(ICR, 0x40005);
    expect([bench.reg(ESR), bench.pc.acknowledge()]).toEqual([0, 0xfe]);
    bench.set(ESR, 0);
    expect(bench.reg(ESR)).toBe(0x20);
    bench.set(ESR, 0);
    expect(bench.reg(ESR)).toBe(0);
  });

  test('also come as message-signalled interrupts', () => {
    const bench = ApicBench.on();
    bench.memory.write(0xfeeff000, 4, 0x4061);
    expect(bench.pc.acknowledge()).toBe(0x61);
    bench.memory.write(0xfee01000, 4, 0x4071);
    expect(bench.intr).toBe(false);
  });
});

test('an NMI from outside goes where LINT1 says', () => {
  const bench = ApicBench.on();
  let count = 0;
  bench.pc.nmi.connect(level => {
    if (level) count++;
  });
  bench.pc.nmiButton.pulse();
  expect(count).toBe(0);
  bench.set(LVT_LINT1, 0x400);
  bench.pc.nmiButton.pulse();
  expect(count).toBe(1);
  bench.pc.setApicBase(0xfee00100);
  bench.pc.nmiButton.pulse();
  expect(count).toBe(2);
});

test('the window follows the base register', () => {
  const bench = ApicBench.on();
  bench.pc.setApicBase(0xf0000900);
  expect(bench.memory.read(0xf0000030, 4)).toBe(0x50014);
  expect(bench.reg(0x30)).toBe(0xffffffff);
  expect(bench.memory.read(0xf00000f0, 4)).toBe(0x1ff);
  bench.pc.reset();
  expect([bench.reg(0x30), bench.reg(SVR)]).toEqual([0x50014, 0xff]);
});

describe('the timer', () => {
  const CURRENT = 0x390;
  const INITIAL = 0x380;
  const DIVIDE = 0x3e0;

  test('counts a GHz by the divisor and fires once', () => {
    const bench = ApicBench.on();
    const { clock } = bench;
    bench.set(DIVIDE, 0x3);
    bench.set(LVT_TIMER, 0x40);
    bench.set(INITIAL, 10_000);
    clock.advanceTo(clock.nowNs + 16_000);
    expect(bench.reg(CURRENT)).toBe(9_000);
    clock.advanceTo(clock.nowNs + 143_999);
    expect([bench.intr, bench.reg(CURRENT)]).toEqual([false, 1]);
    clock.advanceTo(clock.nowNs + 1);
    expect([bench.intr, bench.reg(CURRENT)]).toEqual([true, 0]);
    expect(bench.pc.acknowledge()).toBe(0x40);
    bench.set(EOI, 0);
    clock.advanceTo(clock.nowNs + 1_000_000);
    expect(bench.intr).toBe(false);
  });

  test('repeats to the nanosecond, in phase after it was masked', () => {
    const bench = ApicBench.on();
    const { clock } = bench;
    bench.set(DIVIDE, 0xb);
    bench.set(LVT_TIMER, 0x20040);
    bench.set(INITIAL, 100_000);
    const start = clock.nowNs;
    const times: number[] = [];
    bench.pc.intr.connect(level => {
      if (level) times.push(clock.nowNs - start);
    });
    for (let i = 1; i <= 8; i++) {
      bench.set(LVT_TIMER, i === 4 ? 0x30040 : 0x20040);
      clock.advanceTo(start + i * 100_000 + 500);
      if (bench.intr) bench.pc.acknowledge();
      bench.set(EOI, 0);
    }
    expect(times).toEqual([1, 2, 3, 5, 6, 7, 8].map(k => k * 100_000));
    expect(bench.reg(CURRENT)).toBe(99_500);
  });

  test('with a tiny period does not drown the machine', () => {
    const bench = ApicBench.on();
    const { clock } = bench;
    let fired = 0;
    bench.pc.intr.connect(level => {
      if (level) fired++;
    });
    bench.set(DIVIDE, 0xb);
    bench.set(LVT_TIMER, 0x20040);
    bench.set(INITIAL, 3);
    for (let i = 0; i < 10; i++) {
      clock.advanceTo(clock.nowNs + 100_000);
      bench.pc.acknowledge();
      bench.set(EOI, 0);
      expect(bench.reg(CURRENT)).toBeLessThanOrEqual(3);
    }
    expect(fired).toBe(10);
    expect(clock.nextDeadlineNs() - clock.nowNs).toBeGreaterThan(0);
    expect(bench.reg(CURRENT)).toBeGreaterThan(0);
  });

  test('goes on where a snapshot left it', () => {
    const one = ApicBench.on();
    one.set(LVT_TIMER, 0x40);
    one.set(INITIAL, 10_000);
    one.clock.advanceTo(one.clock.nowNs + 5_000);
    const two = new ApicBench();
    two.clock.restore(one.clock.nowNs);
    two.pc.load(one.pc.save());
    expect(two.reg(CURRENT)).toBe(7_500);
    two.clock.advanceTo(two.clock.nowNs + 15_000);
    expect([two.intr, two.pc.acknowledge()]).toEqual([true, 0x40]);
  });
});

describe('the IOAPIC', () => {
  test('shows version 11h, 24 entries, all masked', () => {
    const bench = new ApicBench();
    expect([bench.io(0), bench.io(1), bench.io(0x10), bench.io(0x3e)]).toEqual([
      0,
      0x170011,
      MASKED,
      MASKED,
    ]);
    bench.setIo(0, 0xf3000000);
    bench.setIo(0x3f, 0x12345678);
    expect([bench.io(0), bench.io(2), bench.io(0x3f)]).toEqual([
      0x03000000, 0x03000000, 0x12000000,
    ]);
    bench.pc.reset();
    expect(bench.io(0)).toBe(0);
  });

  test('sends the edges of IRQ 0 from input 2, and forgets those that are masked', () => {
    const bench = ApicBench.on();
    bench.pullTimer();
    bench.route(2, 0x931);
    expect(bench.intr).toBe(false);
    bench.set(0xd0, 0x01000000);
    bench.route(2, 0x931, 1);
    bench.pullTimer();
    expect([bench.intr, bench.pc.acknowledge(), bench.reg(TMR + 0x10)]).toEqual([true, 0x31, 0]);
    bench.set(EOI, 0);
    expect([bench.intr, bench.io(0x14)]).toEqual([false, 0x931]);
  });

  test('holds a level until it is ended, and sends it again while it lasts', () => {
    const bench = ApicBench.on();
    bench.route(9, 0x39 | LEVEL);
    bench.pullSci();
    expect([bench.pc.acknowledge(), bench.intr]).toEqual([0x39, false]);
    expect([bench.io(0x22), bench.reg(TMR + 0x10)]).toEqual([0xc039, 1 << 25]);
    bench.set(EOI, 0);
    expect([bench.intr, bench.pc.acknowledge()]).toEqual([true, 0x39]);
    bench.releaseSci();
    bench.set(EOI, 0);
    expect([bench.intr, bench.io(0x22)]).toEqual([false, 0x8039]);
  });

  test('sends a level that waits when its entry is unmasked; an edge entry ends it', () => {
    const bench = ApicBench.on();
    bench.pullSci();
    bench.route(9, 0x39 | LEVEL);
    expect(bench.pc.acknowledge()).toBe(0x39);
    bench.route(9, 0x39 | MASKED);
    expect(bench.io(0x22)).toBe(0x39 | MASKED);
    bench.set(EOI, 0);
    bench.route(9, 0x39 | LEVEL);
    expect(bench.pc.acknowledge()).toBe(0x39);
  });

  test('passes NMIs on, and asks the 8259s for the vector of an ExtINT', () => {
    const bench = ApicBench.on();
    let count = 0;
    bench.pc.nmi.connect(level => {
      if (level) count++;
    });
    bench.route(2, 0x400);
    bench.pullTimer();
    expect([count, bench.intr]).toEqual([1, false]);
    bench.outb(0x20, 0x11);
    for (const value of [0x08, 0x04, 0x01, 0xfe]) bench.outb(0x21, value);
    bench.route(2, 0x700);
    bench.pullTimer();
    expect([bench.intr, bench.pc.acknowledge(), bench.intr]).toEqual([true, 0x08, false]);
  });

  test('a snapshot invents no edges', () => {
    const one = ApicBench.on();
    one.route(2, 0x31);
    one.pullTimer();
    one.pc.acknowledge();
    one.set(EOI, 0);
    const two = new ApicBench();
    two.clock.restore(one.clock.nowNs);
    two.pc.load(one.pc.save());
    expect([two.intr, two.reg(IRR + 0x10)]).toEqual([false, 0]);
    for (const id of ['apic', 'apic-timer', 'ioapic']) {
      expect(two.pc.save()[id]).toEqual(one.pc.save()[id]);
    }
  });
});

test('a processor without an APIC has only wires', () => {
  const bench = new ApicBench({ hasApic: false });
  bench.outb(0x20, 0x11);
  for (const value of [0x08, 0x04, 0x01, 0xfe]) bench.outb(0x21, value);
  bench.pullTimer();
  expect([bench.intr, bench.pc.acknowledge()]).toEqual([true, 0x08]);
  expect(bench.reg(0x30)).toBe(0xffffffff);
});
