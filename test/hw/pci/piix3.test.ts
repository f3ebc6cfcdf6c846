import { expect, test } from 'vitest';
import { PciBus } from '../../../src/hw/pci/bus.ts';
import { PciFunction } from '../../../src/hw/pci/config.ts';
import { Piix3 } from '../../../src/hw/pci/piix3.ts';
import { Line } from '../../../src/line.ts';
import { Bench } from '../../support/board.ts';

function card(interruptPin: number): PciFunction {
  return new PciFunction({
    name: 'card',
    vendor: 0x1af4,
    device: 1,
    revision: 0,
    classCode: 0xff0000,
    interruptPin,
  });
}

function powerOn() {
  const piix = new Piix3(new Line('reset'));
  const bus = new PciBus('pci.0', piix.pirq);
  const high = (): number[] => piix.irq.flatMap((line, i) => (line.level ? [i] : []));
  return { piix, bus, high };
}

test('a PCI interrupt goes nowhere before the firmware routes it', () => {
  const { bus, high } = powerOn();
  const network = card(1);
  bus.add(3, 0, network);
  network.interrupt(true);
  expect(high()).toEqual([]);
});

test('INTA of slot 3 arrives at the interrupt that PIRQC is routed to, and moves with it', () => {
  const { piix, bus, high } = powerOn();
  const network = card(1);
  bus.add(3, 0, network);
  network.interrupt(true);
  piix.pci.write(0x62, 1, 11);
  expect(high()).toEqual([11]);
  piix.pci.write(0x62, 1, 10);
  expect(high()).toEqual([10]);
  network.interrupt(false);
  expect(high()).toEqual([]);
});

test('a shared interrupt stays high until the last device lets go', () => {
  const { piix, bus, high } = powerOn();
  const [first, second] = [card(1), card(1)];
  bus.add(3, 0, first);
  bus.add(7, 0, second);
  piix.pci.write(0x62, 1, 11);
  first.interrupt(true);
  second.interrupt(true);
  first.interrupt(false);
  expect(high()).toEqual([11]);
  second.interrupt(false);
  expect(high()).toEqual([]);
});

test('bit 2 of the reset control register resets the machine, bit 1 is kept', () => {
  const bench = new Bench();
  bench.outb(0xcf9, 0x02);
  expect(bench.events).toEqual([]);
  expect(bench.inb(0xcf9)).toBe(0x02);
  bench.outb(0xcf9, 0x06);
  expect(bench.events).toEqual(['reset guest-reset']);
});

test('a function whose interrupt pin is disabled asks in vain until it is enabled', () => {
  const { piix, bus, high } = powerOn();
  const network = card(1);
  bus.add(3, 0, network);
  piix.pci.write(0x62, 1, 11);
  network.write(0x04, 2, 0x0400);
  network.interrupt(true);
  expect(high()).toEqual([]);
  expect(network.read(0x06, 2) & 8).toBe(8);
  network.write(0x04, 2, 0x0000);
  expect(high()).toEqual([11]);
  network.interrupt(false);
  expect(high()).toEqual([]);
});
