/**
 * Interrupts on the board: two 8259s and an IOAPIC share the ISA interrupts; the local APIC of the
 * processor stands between them and its pins.
 *
 * IRQ 0 is input 2 of the IOAPIC, as the tables say, and the HPET can pull that alone; the cascade
 * (IRQ 2) is on the 8259s only. The monitor's NMI goes to LINT1, behind what port 70h masks in a
 * chip set, as QEMU's does.
 */

import type { Clock } from '../../clock.ts';
import { Line, orGate, splitter } from '../../line.ts';
import type { Device } from '../device.ts';
import { MESSAGE_ASSERT, MESSAGE_LEVEL, MESSAGE_LOGICAL } from '../intc/apic-message.ts';
import { ApicTimer } from '../intc/apic-timer.ts';
import { I8259 } from '../intc/i8259.ts';
import { IOAPIC_PINS, IoApic } from '../intc/ioapic.ts';
import { LocalApic } from '../intc/local-apic.ts';
import { APIC_WINDOW } from '../intc/local-apic-registers.ts';
import { stubPort } from '../misc/stub-port.ts';
import type { Wiring } from './wiring.ts';

export const IOAPIC_BASE = 0xfec00000;
const IOAPIC_LENGTH = 0x1000;
export const TIMER_PIN = 2;
const CASCADE_IRQ = 2;
const ISA_IRQS = 16;
/** Addresses of interrupt messages, in MiB; vector and delivery mode of their data. */
const MESSAGE_WINDOW = 0xfee;
const MESSAGE_DATA = 0x7ff;

export interface InterruptOptions {
  readonly clock: Clock;
  readonly wiring: Wiring;
  /** The ISA interrupts, 0 to 15; 2 is the cascade. */
  readonly irqs: readonly Line[];
  /** Where the second 8259 pulls IRQ 2. */
  readonly cascade: Line;
  /** From the monitor, and to the processor. */
  readonly lines: Readonly<Record<'nmiButton' | 'intr' | 'nmi' | 'smi', Line>>;
  /** An INIT message came for the processor. */
  readonly onInit: () => void;
  /** The processor has a local APIC. */
  readonly hasApic: boolean;
}

export class Interrupts {
  readonly pics: readonly [master: I8259, slave: I8259];
  readonly timer: ApicTimer;
  readonly apic: LocalApic;
  readonly ioapic: IoApic;
  /** By id, in the order in which they are reset, saved and loaded. */
  readonly devices: readonly (readonly [id: string, device: Device])[];
  /** Inputs of the IOAPIC that are on no 8259, by number: 2, and those above the ISA's. */
  readonly ioapicPins: readonly (Line | undefined)[];
  private readonly picIntr = new Line('pic-intr');

  constructor(private readonly options: InterruptOptions) {
    const { clock } = options;
    this.pics = this.buildPics();
    this.timer = new ApicTimer(clock, vector => this.apic.requestLocal(vector));
    this.apic = this.buildApic();
    const inputs = this.ioapicInputs();
    const [irq0, pin2] = orGate(inputs[TIMER_PIN], 2);
    splitter(options.irqs[0], [irq0]);
    this.ioapicPins = inputs.map((line, pin) => {
      if (pin === TIMER_PIN) return pin2;
      return pin < ISA_IRQS ? undefined : line;
    });
    this.ioapic = this.buildIoApic(inputs);
    this.devices = [
      ['pic0', this.pics[0]],
      ['pic1', this.pics[1]],
      ['ioapic', this.ioapic],
      ['apic-timer', this.timer],
      ['apic', this.apic],
    ];
  }

  /** A device writes an interrupt message to the bus. False when no local APIC is there. */
  message(address: number, data: number): boolean {
    if (address >>> 20 !== MESSAGE_WINDOW) return false;
    const logical = (address & 4) === 0 ? 0 : MESSAGE_LOGICAL;
    const mode = data & (MESSAGE_DATA | MESSAGE_ASSERT | MESSAGE_LEVEL);
    this.apic.deliver(mode | logical, (address >>> 12) & 0xff);
    return true;
  }

  /** Edges of other chips' resets are no interrupts. */
  forget(): void {
    for (const pic of this.pics) pic.reset();
    this.ioapic.reset();
    this.apic.reset();
  }

  private buildPics(): readonly [I8259, I8259] {
    const { irqs, cascade, wiring } = this.options;
    const slave = new I8259({ inputs: irqs.slice(8), output: cascade, elcrMask: 0xde });
    const master = new I8259({
      inputs: irqs.slice(0, 8),
      output: this.picIntr,
      elcrMask: 0xf8,
      slave,
    });
    wiring.ports({ name: 'pic', base: 0x20, length: 2 }, master.ports);
    wiring.ports({ name: 'pic', base: 0xa0, length: 2 }, slave.ports);
    wiring.ports({ name: 'elcr', base: 0x4d0, length: 1 }, master.elcrPort);
    wiring.ports({ name: 'elcr', base: 0x4d1, length: 1 }, slave.elcrPort);
    return [master, slave];
  }

  private buildApic(): LocalApic {
    const { lines, onInit, hasApic, wiring } = this.options;
    let place: (base: number, enabled: boolean) => void = () => {};
    const apic = new LocalApic({
      timer: this.timer,
      lint0: this.picIntr,
      lint1: lines.nmiButton,
      intr: lines.intr,
      nmi: lines.nmi,
      smi: lines.smi,
      acknowledgeExternal: () => this.pics[0].acknowledge(),
      onEndOfInterrupt: vector => this.ioapic.endOfInterrupt(vector),
      onInit,
      place: (base, enabled) => place(base, enabled),
      present: hasApic,
    });
    place = wiring.memoryBar('icc-apic-container', APIC_WINDOW, apic.mmio);
    // An option ROM would report here what it has patched; there is none.
    if (hasApic) wiring.ports({ name: 'kvmvapic', base: 0x7e, length: 2, maxSize: 2 }, stubPort());
    apic.reset();
    return apic;
  }

  /** In the order of the pins; pin 0 is not wired. */
  private ioapicInputs(): Line[] {
    const { irqs } = this.options;
    return Array.from({ length: IOAPIC_PINS }, (_, pin) => {
      const isIsa = pin !== 0 && pin !== CASCADE_IRQ && pin < ISA_IRQS;
      return isIsa ? irqs[pin] : new Line(`ioapic${pin}`);
    });
  }

  private buildIoApic(inputs: readonly Line[]): IoApic {
    const ioapic = new IoApic(inputs, this.apic);
    this.options.wiring.memoryBar('ioapic', IOAPIC_LENGTH, ioapic.mmio)(IOAPIC_BASE, true);
    return ioapic;
  }
}
