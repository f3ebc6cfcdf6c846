/**
 * What PCI functions look like to users: `info pci`, `query-pci`, and their lines in `info qtree`.
 */

import {
  type BarOptions,
  INTERRUPT_LINE,
  type PciFunction,
  SUBSYSTEM_VENDOR,
  UNMAPPED,
} from './config.ts';

/** Class and subclass: QEMU's words. */
const CLASSES: { readonly [code: number]: string } = {
  256: 'SCSI controller',
  257: 'IDE controller',
  258: 'Floppy controller',
  262: 'SATA controller',
  512: 'Ethernet controller',
  768: 'VGA controller',
  896: 'Display controller',
  1025: 'Audio controller',
  1280: 'RAM controller',
  1536: 'Host bridge',
  1537: 'ISA bridge',
  1540: 'PCI bridge',
  1664: 'Bridge',
  1792: 'Serial port',
  1793: 'Parallel port',
  3075: 'USB controller',
  3077: 'SMBus',
};

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

function classOf(device: PciFunction): number {
  return device.options.classCode >>> 8;
}

function classText(device: PciFunction): string {
  return CLASSES[classOf(device)] ?? `Class ${String(classOf(device)).padStart(4, '0')}`;
}

/** As C prints a 64-bit address: all ones where nothing is mapped, and the end wraps around. */
function range(device: PciFunction, bar: BarOptions): { from: string; to: number } {
  const address = device.barAddress(bar);
  if (address === UNMAPPED) return { from: 'f'.repeat(16), to: bar.size - 2 };
  const digits = bar.kind === 'io' ? 4 : 8;
  return { from: hex(address, digits), to: address + bar.size - 1 };
}

/** `info pci`; lines end with \n. */
export function pciText(functions: readonly PciFunction[], id: (devfn: number) => string): string {
  return functions.map(device => functionText(device, id(device.devfn))).join('');
}

function functionText(device: PciFunction, id: string): string {
  const { vendor, device: number, interruptPin = 0 } = device.options;
  const slot = String(device.devfn >> 3).padStart(3);
  const irq = device.read(INTERRUPT_LINE, 1);
  return (
    `  Bus  0, device ${slot}, function ${device.devfn & 7}:\n` +
    `    ${classText(device)}: PCI device ${hex(vendor, 4)}:${hex(number, 4)}\n` +
    (interruptPin > 0 ? `      IRQ ${irq}.\n` : '') +
    device.bars.map(bar => barText(device, bar)).join('') +
    `      id "${id}"\n`
  );
}

function barText(device: PciFunction, bar: BarOptions): string {
  const { from, to } = range(device, bar);
  if (bar.kind === 'io') return `      BAR${bar.index}: I/O at 0x${from} [0x${hex(to, 4)}].\n`;
  const kind = bar.kind === 'prefetchable' ? ' prefetchable' : '';
  return `      BAR${bar.index}: 32 bit${kind} memory at 0x${from} [0x${hex(to, 8)}].\n`;
}

function subsystemText(device: PciFunction): string {
  const value = device.read(SUBSYSTEM_VENDOR, 4);
  return `${hex(value & 0xffff, 4)}:${hex(value >>> 16, 4)}`;
}

/** The lines behind a PCI device's properties in `info qtree`. */
export function pciDetails(device: PciFunction): string[] {
  const { vendor, device: number } = device.options;
  const address = `${hex(device.devfn >> 3, 2)}.${device.devfn & 7}`;
  return [
    `class ${classText(device)}, addr 00:${address}, ` +
      `pci id ${hex(vendor, 4)}:${hex(number, 4)} (sub ${subsystemText(device)})`,
    ...device.bars.map(bar => {
      const { from, to } = range(device, bar);
      const kind = bar.kind === 'io' ? 'i/o' : 'mem';
      return `bar ${bar.index}: ${kind} at 0x${from.replace(/^0+(?=.)/, '')} [0x${hex(to, 0)}]`;
    }),
  ];
}

/** `addr` as properties have it: `01.3`. */
export function pciAddress(device: PciFunction): string {
  return `${hex(device.devfn >> 3, 2)}.${device.devfn & 7}`;
}

/** One entry of `query-pci`. */
export interface PciDeviceInfo {
  readonly bus: number;
  readonly qdev_id: string;
  readonly irq?: number;
  readonly slot: number;
  readonly class_info: { readonly class: number; readonly desc: string };
  readonly id: { readonly device: number; readonly vendor: number };
  readonly function: number;
  readonly regions: readonly { readonly [member: string]: number | string | boolean }[];
}

export function pciInfo(
  functions: readonly PciFunction[],
  id: (devfn: number) => string,
): PciDeviceInfo[] {
  return functions.map(device => {
    const { vendor, device: number, interruptPin = 0 } = device.options;
    const irq = interruptPin > 0 ? { irq: device.read(INTERRUPT_LINE, 1) } : {};
    return {
      bus: 0,
      qdev_id: id(device.devfn),
      ...irq,
      slot: device.devfn >> 3,
      class_info: { class: classOf(device), desc: classText(device) },
      id: { device: number, vendor },
      function: device.devfn & 7,
      regions: device.bars.map(bar => {
        const place = { address: device.barAddress(bar), size: bar.size };
        if (bar.kind === 'io') return { bar: bar.index, type: 'io', ...place };
        const prefetch = bar.kind === 'prefetchable';
        return { bar: bar.index, type: 'memory', ...place, prefetch, mem_type_64: false };
      }),
    };
  });
}
