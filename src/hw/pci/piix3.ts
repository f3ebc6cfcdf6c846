/**
 * 82371SB (PIIX3), function 0: the bridge to the ISA bus. It routes PCI interrupts onto ISA ones
 * and holds the reset control register at CF9.
 *
 * Data sheet: Intel 82371SB (290550), sections 2.2 (PIRQRC) and 2.5.7 (RC).
 * Not emulated: positive decode and chip select registers, distributed DMA, X-bus: storage only.
 */

import { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import { PciFunction } from './config.ts';

const PIRQRC = 0x60;
const ROUTING_DISABLED = 0x80;

const RESET_CPU = 4;
const RESET_WRITABLE = 2;

const INITIAL: readonly (readonly [number, number])[] = [
  [0x07, 0x02],
  [0x4c, 0x4d],
  [0x4e, 0x03],
  [0x60, 0x80],
  [0x61, 0x80],
  [0x62, 0x80],
  [0x63, 0x80],
  [0x69, 0x02],
  [0x70, 0x80],
  [0x76, 0x0c],
  [0x77, 0x0c],
  [0x78, 0x02],
  [0xa0, 0x08],
  [0xa8, 0x0f],
];

const registers = state('piix3', 1, { resetControl: u8() });

export class Piix3 extends Device<StateOf<typeof registers>> {
  readonly pci: PciFunction;
  /** PIRQA to PIRQD: driven by the PCI bus. */
  readonly pirq: readonly Line[] = ['a', 'b', 'c', 'd'].map(x => new Line(`pirq-${x}`));
  /** ISA interrupts as far as PCI devices ask for them; the board joins the ISA devices'. */
  readonly irq: readonly Line[] = Array.from({ length: 16 }, (_, i) => new Line(`piix3-irq${i}`));

  /** CF9. */
  readonly resetPort: PortHandler = {
    read: () => this.state.resetControl,
    write: (_offset, _size, value) => {
      if ((value & RESET_CPU) !== 0) {
        this.resetAsked.pulse();
        return;
      }
      this.state.resetControl = value & RESET_WRITABLE;
    },
  };

  /** `resetAsked` goes high when the guest pulls reset. */
  constructor(private readonly resetAsked: Line) {
    super(registers);
    this.pci = new PciFunction({
      name: 'PIIX3',
      vendor: 0x8086,
      device: 0x7000,
      revision: 0,
      classCode: 0x060100,
      multifunction: true,
      initial: INITIAL,
      onChange: () => this.settle(),
    });
    for (const line of this.pirq) line.connect(() => this.settle());
  }

  /** The ISA interrupt that a PCI wire is routed to, undefined while routing is off. */
  route(wire: number): number | undefined {
    const routing = this.pci.read(PIRQRC + wire, 1);
    return (routing & ROUTING_DISABLED) === 0 && routing < 16 ? routing : undefined;
  }

  protected override settle(): void {
    let asked = 0;
    this.pirq.forEach((line, wire) => {
      const irq = this.route(wire);
      if (line.level && irq !== undefined) asked |= 1 << irq;
    });
    this.irq.forEach((line, i) => {
      line.set((asked & (1 << i)) !== 0);
    });
  }
}
