/**
 * `info mtree`: the address spaces of the board as nested regions, in QEMU's layout.
 *
 * What the two flat spaces hold comes from their region lists; how QEMU nests it (the PCI space
 * behind the bridge, aliases of RAM, containers of moving ports) is written down here.
 */

import type { Region } from '../../memory.ts';
import type { PortRegion } from '../../ports.ts';
import type { PciFunction } from '../pci/config.ts';
import type { I440Fx } from '../pci/i440fx.ts';

export interface MtreeFacts {
  readonly regions: readonly Region[];
  readonly ports: readonly PortRegion[];
  readonly i440fx: I440Fx;
  readonly functions: readonly PciFunction[];
  readonly ramLength: number;
  readonly biosLength: number;
}

interface Node {
  readonly from: number;
  readonly length: number;
  readonly priority: number;
  readonly text: string;
  readonly readOnly?: boolean;
  readonly children?: readonly Node[];
}

const FOUR_GIB = 0x100000000;
const EVERYTHING = 'f'.repeat(16);
/** Regions of the flat space that are not in the PCI space, or shown as aliases. */
const NOT_PCI = new Set([
  ...['pc.ram', 'smram', 'smram-region', 'pam-pci', 'pc.bios'],
  ...['ioapic', 'hpet', 'icc-apic-container'],
]);
/** Registers inside the VGA's memory window. */
const VGA_REGISTERS: readonly (readonly [number, number, string])[] = [
  [0x400, 0x20, 'vga ioports remapped'],
  [0x500, 0x16, 'bochs dispi interface'],
  [0x600, 0x08, 'qemu extended regs'],
];
/** Container, length, members: ports that move together. */
const PORT_GROUPS: readonly (readonly [string, number, readonly string[], number])[] = [
  ['piix4-pm', 64, ['acpi-evt', 'acpi-cnt', 'acpi-tmr'], 0],
  ['piix-bmdma-container', 16, ['piix-bmdma', 'bmdma'], 1],
];

const hex = (value: number): string => value.toString(16).padStart(16, '0');
const range = (from: number, length: number): string => `${hex(from)}-${hex(from + length - 1)}`;

export function mtreeText(facts: MtreeFacts): string {
  const pci = pciNodes(facts);
  const ram = range(0, facts.ramLength);
  const bios = { from: FOUR_GIB - facts.biosLength, length: facts.biosLength };
  return [
    'memory\n',
    `${hex(0)}-${EVERYTHING} (prio 0, RW): system\n`,
    `  ${ram} (prio 0, RW): alias ram-below-4g @pc.ram ${ram}\n`,
    `  ${hex(0)}-${EVERYTHING} (prio -1, RW): pci\n`,
    nodesText(pci, 4),
    nodesText([...overlays(facts), ...apicNodes(facts), ...flashNodes(facts)], 2),
    'I/O\n',
    `${range(0, 0x10000)} (prio 0, RW): io\n`,
    nodesText(portNodes(facts.ports), 2),
    ...facts.functions.map(masterText),
    'aliases\n',
    `pc.ram\n${ram} (prio 0, RW): pc.ram\n`,
    facts.regions.some(isFlash)
      ? ''
      : `pc.bios\n${range(bios.from, bios.length)} (prio 0, R-): pc.bios\n`,
    `pci\n${hex(0)}-${EVERYTHING} (prio -1, RW): pci\n`,
    nodesText(pci, 2),
  ].join('');
}

/** By address; at the same one the higher priority first. */
function nodesText(nodes: readonly Node[], indent: number): string {
  return [...nodes]
    .sort((a, b) => a.from - b.from || b.priority - a.priority)
    .map(node => {
      const access = node.readOnly ? 'R-' : 'RW';
      const line = `${range(node.from, node.length)} (prio ${node.priority}, ${access}): `;
      const inner = nodesText(node.children ?? [], indent + 2);
      return `${' '.repeat(indent)}${line}${node.text}\n${inner}`;
    })
    .join('');
}

const isFlash = ({ name }: Region): boolean => name.startsWith('system.flash');

/** The firmware: a ROM and an alias of its end, or a copy of the end of a flash chip. */
function biosNodes({ regions, biosLength }: MtreeFacts): Node[] {
  const isaBios = Math.min(biosLength, 0x20000);
  const source = range(biosLength - isaBios, isaBios);
  const window = { from: 0x100000 - isaBios, length: isaBios, priority: 1, readOnly: true };
  if (regions.some(isFlash)) return [{ ...window, text: 'isa-bios' }];
  const rom = { from: FOUR_GIB - biosLength, length: biosLength, priority: 0, readOnly: true };
  return [
    { ...window, text: `alias isa-bios @pc.bios ${source}` },
    { ...rom, text: 'pc.bios' },
  ];
}

function pciNodes(facts: MtreeFacts): Node[] {
  const { regions } = facts;
  return [
    { from: 0xc0000, length: 0x20000, priority: 1, text: 'pc.rom' },
    ...regions
      .filter(region => region.enabled && !NOT_PCI.has(region.name) && !isFlash(region))
      .map(region => ({
        from: region.base,
        length: region.length,
        priority: 1,
        text: region.name,
        readOnly: region.access === 'read',
        children: region.name === 'vga.mmio' ? vgaRegisters(region.base) : [],
      })),
    ...biosNodes(facts),
  ];
}

function vgaRegisters(base: number): Node[] {
  return VGA_REGISTERS.map(([offset, length, text]) => ({
    from: base + offset,
    length,
    priority: 0,
    text,
  }));
}

/** Aliases that the i440FX lays over RAM: shadow segments and the video window. */
function overlays({ i440fx }: MtreeFacts): Node[] {
  const window = { from: 0xa0000, length: 0x20000 };
  const video = {
    ...window,
    priority: 1,
    text: `alias smram-region @pci ${range(window.from, window.length)}`,
  };
  const segments = i440fx.segments.map(segment => {
    const mode = i440fx.segmentMode(segment);
    const target = mode === 'ram' || mode === 'rom' ? 'pc.ram' : 'pci';
    const name = mode === 'ram' || mode === 'rom' ? `pam-${mode}` : 'pam-pci';
    const source = range(segment.base, segment.size);
    return {
      from: segment.base,
      length: segment.size,
      priority: 1,
      text: `alias ${name} @${target} ${source}`,
      readOnly: mode === 'rom',
    };
  });
  return [...(i440fx.isSmramOpen ? [] : [video]), ...segments];
}

/** Flash chips: `R-` while their contents are read, `RW` while they answer commands. */
function flashNodes({ regions }: MtreeFacts): Node[] {
  const chips = regions.filter(isFlash);
  return chips
    .filter(({ access }) => access === 'both')
    .map(({ name, base, length }) => ({
      from: base,
      length,
      priority: 0,
      text: name,
      readOnly: chips.some(r => r.name === name && r.access === 'read' && r.enabled),
    }));
}

/** Registers that the bus of the processors reaches before PCI does. */
function apicNodes({ regions }: MtreeFacts): Node[] {
  return regions
    .filter(region => region.enabled && /^(ioapic|hpet|icc-apic-container)$/.test(region.name))
    .map(({ name, base, length }) => {
      const place = { from: base, length, priority: 0 };
      if (name !== 'icc-apic-container') return { ...place, text: name };
      return { ...place, priority: 4096, text: name, children: [{ ...place, text: 'apic-msi' }] };
    });
}

function portNodes(ports: readonly PortRegion[]): Node[] {
  const enabled = ports.filter(region => region.enabled);
  const grouped = new Set<string>(PORT_GROUPS.flatMap(([name, , members]) => [name, ...members]));
  const plain = enabled
    .filter(region => !grouped.has(region.name))
    .map(region => portNode(region, region.priority));
  const groups = PORT_GROUPS.flatMap(([text, length, members, priority]) => {
    const inside = enabled.filter(region => members.includes(region.name));
    if (inside.length === 0) return [];
    const from = Math.min(...inside.map(region => region.base));
    return [{ from, length, priority, text, children: inside.map(r => portNode(r, 0)) }];
  });
  return [...plain, ...groups];
}

function portNode(region: PortRegion, priority: number): Node {
  return { from: region.base, length: region.length, priority, text: region.name };
}

/** What a function reaches as a bus master: all of memory, or nothing. */
function masterText(device: PciFunction): string {
  const all = `${hex(0)}-${EVERYTHING}`;
  const alias = `${all} (prio 0, RW): alias bus master @system ${all}\n`;
  return `${device.options.name}\n${device.isMaster ? alias : ''}`;
}

/** Address spaces are listed as the functions were created: the display before IDE. */
export function inMtreeOrder(functions: readonly PciFunction[]): readonly PciFunction[] {
  const early = (device: PciFunction): boolean =>
    device.options.name === 'VGA' || device.options.multifunction === true || device.devfn === 0;
  return [...functions.filter(early), ...functions.filter(device => !early(device))];
}
