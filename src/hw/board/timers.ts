/**
 * Timers on the board: 8254, real-time clock and HPET. The interrupts of the first two go through
 * the HPET, which takes their place when software asks it to.
 */

import type { Clock } from '../../clock.ts';
import { Line } from '../../line.ts';
import type { Device } from '../device.ts';
import { Port61 } from '../misc/port61.ts';
import { stubPort } from '../misc/stub-port.ts';
import { Hpet } from '../timer/hpet.ts';
import { I8254 } from '../timer/i8254.ts';
import { Mc146818 } from '../timer/mc146818.ts';
import type { Wiring } from './wiring.ts';

export const HPET_BASE = 0xfed00000;
export const HPET_LENGTH = 0x400;
const PIT_IRQ = 0;
const RTC_IRQ = 8;
const ISA_IRQS = 16;

export interface TimerOptions {
  readonly clock: Clock;
  readonly wiring: Wiring;
  /** A new wire onto an ISA interrupt. */
  readonly irq: (number: number) => Line;
  /** Inputs of the IOAPIC that are no ISA interrupts. */
  readonly ioapicPins: readonly (Line | undefined)[];
  /** What the real-time clock shows at power-on. */
  readonly rtcBase: number;
  readonly onTimeSet: (offset: number) => void;
}

export class BoardTimers {
  readonly hpet: Hpet;
  readonly pit: I8254;
  readonly rtc: Mc146818;
  /** By id, in the order in which they are reset, saved and loaded. */
  readonly devices: readonly (readonly [id: string, device: Device])[];

  constructor(private readonly options: TimerOptions) {
    const { clock, wiring, rtcBase: baseSeconds, onTimeSet } = options;
    const out0 = new Line('pit-out0');
    const rtcIrq = new Line('rtc-irq');
    this.hpet = this.buildHpet(out0, rtcIrq);
    const gate2 = new Line('gate2');
    this.pit = new I8254({ clock, out0, gate2 });
    const port61 = new Port61({ clock, gate2, out2: () => this.pit.output(2) });
    this.rtc = new Mc146818({ clock, irq: rtcIrq, baseSeconds, onTimeSet });
    wiring.ports({ name: 'pit', base: 0x40, length: 4 }, this.pit.ports);
    wiring.ports({ name: 'elcr', base: 0x61, length: 1 }, port61.ports);
    wiring.ports({ name: 'rtc', base: 0x70, length: 2 }, this.rtc.ports);
    wiring.ports({ name: 'ioport80', base: 0x80, length: 1 }, stubPort());
    this.devices = [
      ['hpet', this.hpet],
      ['isa-pit', this.pit],
      ['isa-pcspk', port61],
      ['mc146818rtc', this.rtc],
    ];
  }

  private buildHpet(pit: Line, rtc: Line): Hpet {
    const { clock, wiring, irq, ioapicPins } = this.options;
    const gsis = ioapicPins.map((pin, gsi) => pin ?? (gsi < ISA_IRQS ? irq(gsi) : undefined));
    const replaced = [
      { from: pit, to: irq(PIT_IRQ) },
      { from: rtc, to: irq(RTC_IRQ) },
    ];
    const hpet = new Hpet({ clock, gsis, replaced });
    wiring.memoryBar('hpet', HPET_LENGTH, hpet.mmio)(HPET_BASE, true);
    return hpet;
  }
}
