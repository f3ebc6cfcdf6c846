/**
 * The board as ACPI describes it: what is on the ISA bus, how PCI interrupts are routed, where
 * devices may be put, which PCI slots can be filled and emptied, and how to switch off.
 *
 * Specification: ACPI 1.0b, chapters 5 to 7; PCI interrupt links as the PIIX3 has them; QEMU's
 * documentation, "QEMU<->ACPI BIOS PCI hotplug interface".
 * Not described, because not there: parallel port.
 */

import * as aml from '../acpi/aml.ts';
import { HPET_BASE, HPET_LENGTH } from './timers.ts';

export interface BoardFacts {
  /** Where PCI memory may begin. */
  readonly ramEnd: number;
  /** COM1, COM2. */
  readonly serials: readonly [boolean, boolean];
  readonly gpe0: number;
  /** Ports of the hot-plug registers. */
  readonly hotplugBase: number;
  /** Slots whose device stays. */
  readonly fixedSlots: readonly number[];
}

const LINKS = ['LNKA', 'LNKB', 'LNKC', 'LNKD'];
const ROUTES = ['PRQ0', 'PRQ1', 'PRQ2', 'PRQ3'];
const LINK_IRQS = [5, 10, 11];
const SCI_IRQ = 9;
const SLOTS = 32;
const PIIX_SLOT = 1;
const ROUTING_DISABLED = 0x80;
const PCI_MEMORY_END = 0xfebfffff;
const HOTPLUG_LENGTH = 20;
/** What the operating system is told of a slot. */
const CHECK_DEVICE = 1;
const EJECT_REQUEST = 3;
const PRESENT = 0x0b;
const DISABLED = 0x09;
/** Where the interrupt number is in the resource template of a link. */
const IRQ_OFFSET = 5;

export function dsdt(facts: BoardFacts): readonly number[] {
  return [
    ...aml.scope('\\_PR', aml.processor('CPU0', 0)),
    ...aml.scope('\\_SB', pciRoot(facts), hpet(), ...LINKS.map(link), sciLink()),
    ...aml.scope('\\_GPE', aml.method('_E01', 0, aml.name('\\_SB.PCI0.PCNT'))),
    ...aml.define(
      '\\_S5',
      aml.pack(aml.integer(0), aml.integer(0), aml.integer(0), aml.integer(0)),
    ),
  ];
}

function pciRoot(facts: BoardFacts): aml.Aml {
  return aml.device(
    'PCI0',
    aml.define('_HID', aml.eisaId('PNP0A03')),
    aml.define('_ADR', aml.integer(0)),
    aml.define('_UID', aml.integer(1)),
    aml.define('_CRS', rootResources(facts)),
    aml.define('_PRT', aml.pack(...routing())),
    aml.device(
      'ISA',
      aml.define('_ADR', aml.integer(PIIX_SLOT << 16)),
      aml.pciRegion('P40C', 0x60, 4),
      aml.byteFields('P40C', ROUTES),
      ...isaDevices(facts),
    ),
    ...hotplug(facts),
  );
}

/**
 * Slots that can be filled and emptied, and the method behind their event. The event is general
 * purpose event 1.
 */
function hotplug({ hotplugBase, fixedSlots }: BoardFacts): aml.Aml[] {
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot).filter(
    slot => !fixedSlots.includes(slot),
  );
  const nameOf = (slot: number): string => `S${slot.toString(16).toUpperCase().padStart(2, '0')}`;
  const bit = (slot: number): aml.Aml => aml.integer((1 << slot) >>> 0);
  const notices = slots.flatMap(slot => [
    aml.when(aml.and(aml.local0, bit(slot)), aml.notify(nameOf(slot), CHECK_DEVICE)),
    aml.when(aml.and(aml.local1, bit(slot)), aml.notify(nameOf(slot), EJECT_REQUEST)),
  ]);
  return [
    aml.ioRegion('PCST', hotplugBase, HOTPLUG_LENGTH),
    aml.dwordFields('PCST', ['PCIU', 'PCID', 'PCEJ', 'PCRM', 'PCBN']),
    ...slots.map(slot =>
      aml.device(
        nameOf(slot),
        aml.define('_ADR', aml.integer((slot << 16) >>> 0)),
        aml.define('_SUN', aml.integer(slot)),
        aml.method('_EJ0', 1, aml.store(bit(slot), aml.name('PCEJ'))),
      ),
    ),
    aml.method(
      'PCNT',
      0,
      aml.store(aml.integer(0), aml.name('PCBN')),
      aml.store(aml.name('PCIU'), aml.local0),
      aml.store(aml.name('PCID'), aml.local1),
      ...notices,
    ),
  ];
}

function hpet(): aml.Aml {
  return aml.device(
    'HPET',
    aml.define('_HID', aml.eisaId('PNP0103')),
    aml.define('_UID', aml.integer(0)),
    aml.define('_CRS', aml.resources(aml.fixedMemory(HPET_BASE, HPET_LENGTH))),
  );
}

function rootResources({ ramEnd, gpe0, hotplugBase }: BoardFacts): aml.Aml {
  return aml.resources(
    aml.busNumbers(0, 0xff),
    aml.ioPorts(0xcf8, 8),
    aml.ioWindow(0x0000, 0x0cf7),
    aml.ioWindow(0x0d00, hotplugBase - 1),
    aml.ioWindow(hotplugBase + HOTPLUG_LENGTH, gpe0 - 1),
    aml.ioWindow(gpe0 + 4, 0xffff),
    aml.memoryWindow(0xa0000, 0xbffff, 'cacheable'),
    aml.memoryWindow(ramEnd, PCI_MEMORY_END, 'none'),
  );
}

/** For every slot and pin: the link that its wire ends at. */
function routing(): aml.Aml[] {
  return Array.from({ length: SLOTS }, (_, slot) =>
    [0, 1, 2, 3].map(pin => {
      const isPowerManagement = slot === PIIX_SLOT && pin === 0;
      const target = isPowerManagement ? 'LNKS' : LINKS[(pin + slot + 3) & 3];
      return aml.pack(
        aml.integer(((slot << 16) | 0xffff) >>> 0),
        aml.integer(pin),
        aml.name(`\\_SB.${target}`),
        aml.integer(0),
      );
    }),
  ).flat();
}

function isaDevices({ serials }: BoardFacts): aml.Aml[] {
  const device = (path: string, id: string, ...rest: readonly aml.Aml[]): aml.Aml =>
    aml.device(path, aml.define('_HID', aml.eisaId(id)), ...rest);
  const uses = (...descriptors: readonly aml.Aml[]): aml.Aml =>
    aml.define('_CRS', aml.resources(...descriptors));
  const serial = (path: string, unit: number, ...descriptors: readonly aml.Aml[]): aml.Aml =>
    device(path, 'PNP0501', aml.define('_UID', aml.integer(unit)), uses(...descriptors));
  return [
    device('RTC', 'PNP0B00', uses(aml.ioPorts(0x70, 2), aml.isaIrq(8))),
    device('KBD', 'PNP0303', uses(aml.ioPorts(0x60, 1), aml.ioPorts(0x64, 1), aml.isaIrq(1))),
    device('MOU', 'PNP0F13', uses(aml.isaIrq(12))),
    device(
      'FDC0',
      'PNP0700',
      uses(aml.ioPorts(0x3f2, 4), aml.ioPorts(0x3f7, 1), aml.isaIrq(6), aml.isaDma(2)),
    ),
    ...(serials[0] ? [serial('COM1', 1, aml.ioPorts(0x3f8, 8), aml.isaIrq(4))] : []),
    ...(serials[1] ? [serial('COM2', 2, aml.ioPorts(0x2f8, 8), aml.isaIrq(3))] : []),
  ];
}

/** One of the PIIX3's four routing registers as an interrupt link device. */
function link(path: string, index: number): aml.Aml {
  const route = aml.name(`\\_SB.PCI0.ISA.${ROUTES[index]}`);
  const disabled = aml.integer(ROUTING_DISABLED);
  return aml.device(
    path,
    aml.define('_HID', aml.eisaId('PNP0C0F')),
    aml.define('_UID', aml.integer(index + 1)),
    aml.define('_PRS', aml.resources(aml.pciIrqs(...LINK_IRQS))),
    aml.method(
      '_STA',
      0,
      aml.when(aml.and(route, disabled), aml.giveBack(aml.integer(DISABLED))),
      aml.giveBack(aml.integer(PRESENT)),
    ),
    aml.method('_DIS', 0, aml.or(route, disabled, route)),
    aml.method(
      '_CRS',
      0,
      aml.store(aml.resources(aml.pciIrqs(0)), aml.local0),
      aml.dwordField(aml.local0, IRQ_OFFSET, 'IRQN'),
      aml.when(aml.and(route, disabled), aml.giveBack(aml.local0)),
      aml.store(route, aml.name('IRQN')),
      aml.giveBack(aml.local0),
    ),
    aml.method(
      '_SRS',
      1,
      aml.dwordField(aml.arg0, IRQ_OFFSET, 'IRQN'),
      aml.store(aml.name('IRQN'), route),
    ),
  );
}

/** The power-management function's interrupt, which nothing can move. */
function sciLink(): aml.Aml {
  const fixed = aml.resources(aml.pciIrqs(SCI_IRQ));
  return aml.device(
    'LNKS',
    aml.define('_HID', aml.eisaId('PNP0C0F')),
    aml.define('_UID', aml.integer(LINKS.length + 1)),
    aml.define('_PRS', fixed),
    aml.define('_STA', aml.integer(PRESENT)),
    aml.method('_DIS', 0),
    aml.define('_CRS', fixed),
    aml.method('_SRS', 1),
  );
}
