/**
 * The board's devices as `info qtree` shows them: only what is really there.
 */

import type { Char } from '../../char.ts';
import { deviceModel, PROCESSOR_MODEL, type PropertyValue, propertyLines } from '../catalog.ts';
import type { QdevBus, QdevInfo } from '../device.ts';
import { BLOCK } from '../flash/cfi-flash.ts';
import { IOAPIC_PINS } from '../intc/ioapic.ts';
import { APIC_WINDOW } from '../intc/local-apic-registers.ts';
import type { PciFunction } from '../pci/config.ts';
import { pciAddress, pciDetails } from '../pci/pci-text.ts';
import { HPET_ROUTES, HPET_TIMERS } from '../timer/hpet.ts';
import { serialOf } from './drives.ts';
import { IOAPIC_BASE } from './interrupts.ts';
import type { DriveOptions, PcOptions } from './options.ts';
import { PARALLEL_IRQ, PARALLEL_PORTS } from './parallel.ts';
import { type PluggedScsi, scsiValues } from './scsi.ts';
import { HPET_BASE, HPET_LENGTH } from './timers.ts';
import { diskValues, type PluggedUsb, usbLines } from './usb.ts';
import { type PluggedVirtio, virtioGeometry } from './virtio.ts';

const DEFAULT_CPU = 'qemu64';

type Values = { readonly [property: string]: PropertyValue };

/** What the board knows and the tree shows. */
export interface TreeFacts {
  readonly options: PcOptions;
  readonly functions: readonly PciFunction[];
  readonly usb: readonly PluggedUsb[];
  readonly virtio: readonly PluggedVirtio[];
  readonly scsi: readonly PluggedScsi[];
  readonly serialPorts: readonly number[];
  readonly serialIrqs: readonly number[];
  readonly geometry: (drive: DriveOptions) => Values;
}

type Extra = Partial<Omit<QdevInfo, 'type' | 'properties'>>;

function node(type: string, values: Values = {}, extra: Extra = {}): QdevInfo {
  const model = deviceModel(type);
  return {
    type,
    values,
    properties: () => (model === undefined ? [] : propertyLines(model, values)),
    ...extra,
  };
}

export function boardTree(facts: TreeFacts): QdevBus {
  const children = facts.functions.map(device => pciNode(facts, device));
  const bus = { name: 'pci.0', type: 'PCI', children: inOrderOfCreation(children) };
  return {
    name: 'main-system-bus',
    type: 'System',
    children: [
      processorNode(facts.options),
      ...(facts.options.hasApic === false ? [] : [node('kvmvapic')]),
      ...flashNodes(facts.options),
      node('fw_cfg_io'),
      node('i440FX-pcihost', {}, { buses: [bus] }),
      node(
        'ioapic',
        {},
        { gpios: [`gpio-in "" ${IOAPIC_PINS}`], details: () => [mmio(IOAPIC_BASE, 0x1000)] },
      ),
      node(
        'hpet',
        { timers: HPET_TIMERS, 'hpet-intcap': HPET_ROUTES },
        {
          gpios: ['gpio-in "" 2', 'gpio-out "" 1', 'gpio-out "sysbus-irq" 32'],
          details: () => [mmio(HPET_BASE, HPET_LENGTH)],
        },
      ),
    ],
  };
}

function mmio(base: number, length: number): string {
  return `mmio ${base.toString(16).padStart(16, '0')}/${length.toString(16).padStart(16, '0')}`;
}

function processorNode({ cpuModel = DEFAULT_CPU, hasApic = true }: PcOptions): QdevInfo {
  const cpu: QdevInfo = {
    type: `${cpuModel}-x86_64-cpu`,
    properties: () => propertyLines(PROCESSOR_MODEL),
  };
  const children = hasApic ? [cpu, node('apic')] : [cpu];
  const bus = { name: 'icc', type: 'icc-bus', children };
  return node('icc-bridge', {}, { details: () => [mmio(0xfee00000, APIC_WINDOW)], buses: [bus] });
}

function flashNodes({ flashes = [] }: PcOptions): QdevInfo[] {
  let base = 0x100000000;
  return flashes.map(({ backend, bytes: { length } }, i) => {
    base -= length;
    const at = base;
    const values = { drive: backend.name, 'num-blocks': length / BLOCK, 'sector-length': BLOCK };
    const details = () => [mmio(at, length)];
    return node('cfi.pflash01', { ...values, width: 1, name: `system.flash${i}` }, { details });
  });
}

/** The display is plugged in before the IDE and power-management functions exist. */
function inOrderOfCreation(children: readonly QdevInfo[]): QdevInfo[] {
  const builtIn = ['i440FX', 'PIIX3', 'VGA', 'piix3-ide', 'piix3-usb-uhci', 'PIIX4_PM'];
  const rank = (child: QdevInfo): number => {
    const at = builtIn.indexOf(child.type);
    return at < 0 ? builtIn.length : at;
  };
  return [...children].sort((a, b) => rank(a) - rank(b));
}

function pciNode(facts: TreeFacts, device: PciFunction): QdevInfo {
  const { name, multifunction = false } = device.options;
  const disk = facts.virtio.find(plugged => plugged.device.pci === device);
  const adapter = facts.scsi.find(plugged => plugged.device.pci === device);
  const romfile = name === 'VGA' ? (facts.options.vga?.rom?.name ?? '') : '';
  const vectors = disk?.options.vectors;
  return node(
    name,
    {
      ...{ addr: pciAddress(device), romfile, multifunction },
      ...(vectors === undefined ? {} : { vectors }),
    },
    {
      id: (disk ?? adapter)?.options.id,
      path: (disk ?? adapter)?.options.path,
      details: () => pciDetails(device),
      buses: [
        ...busesOf(facts, name),
        ...(disk === undefined ? [] : [virtioBus(disk)]),
        ...(adapter === undefined ? [] : [scsiBus(adapter)]),
      ],
    },
  );
}

function busesOf(facts: TreeFacts, name: string): QdevBus[] {
  if (name === 'PIIX3') return [{ name: 'isa.0', type: 'ISA', children: isaNodes(facts) }];
  if (name === 'PIIX4_PM') {
    const children = Array.from({ length: 8 }, (_, i) =>
      node('smbus-eeprom', { address: 0x50 + i }),
    );
    return [{ name: 'i2c', type: 'i2c-bus', children }];
  }
  if (name === 'piix3-usb-uhci') {
    const children = facts.usb.map(usbNode);
    return [{ name: 'usb-bus.0', type: 'usb-bus', children }];
  }
  if (name !== 'piix3-ide') return [];
  return [0, 1].map(bus => ({
    name: `ide.${bus}`,
    type: 'IDE',
    children: facts.options.drives
      .filter(drive => drive.bus === bus)
      .map(drive => driveNode(facts, drive)),
  }));
}

function virtioBus({ options }: PluggedVirtio): QdevBus {
  const { cylinders, heads, sectors } = virtioGeometry(options);
  const { backend, serial = backend.serial ?? '' } = options;
  const geometry = { cyls: cylinders, heads, secs: sectors };
  const values = { drive: backend.name, serial, ...geometry };
  const disk = node('virtio-blk-device', values, { path: 'virtio-backend' });
  return { name: 'virtio-bus', type: 'virtio-pci-bus', children: [disk] };
}

function scsiBus({ options, drives }: PluggedScsi): QdevBus {
  const children = drives.map(drive =>
    node(drive.model, scsiValues(drive), { id: drive.id, path: drive.path }),
  );
  return { name: options.busName, type: 'SCSI', children };
}

const HID_MODELS = { mouse: 'usb-mouse', tablet: 'usb-tablet', keyboard: 'usb-kbd' } as const;

function usbNode(plugged: PluggedUsb): QdevInfo {
  const { options, storage } = plugged;
  const { id, path, serial = '', port = '' } = options;
  const name = options.model === undefined ? 'usb-storage' : HID_MODELS[options.model];
  const extra = { id, path, details: () => usbLines(plugged) };
  if (storage === undefined) return node(name, { serial, port }, extra);
  const disk = node('scsi-disk', diskValues(options, storage), { path: 'legacy[0]' });
  const buses = [{ name: storage.busName, type: 'SCSI', children: [disk] }];
  return node(name, { serial, port }, { ...extra, buses });
}

function driveNode(facts: TreeFacts, drive: DriveOptions): QdevInfo {
  const { unit, backend, media, id } = drive;
  const values = { drive: backend.name, serial: serialOf(drive), unit };
  if (media === 'cdrom') return node('ide-cd', values, { id });
  return node('ide-hd', { ...values, ...facts.geometry(drive) }, { id });
}

function isaNodes(facts: TreeFacts): QdevInfo[] {
  const { serials, parallels = [], debugcons = [], debugExits = [] } = facts.options;
  const pins = (input: number): string[] => [`gpio-in "" ${input}`, 'gpio-out "" 1'];
  const pic = (iobase: number, elcr: number, mask: number): QdevInfo =>
    node(
      'isa-i8259',
      { iobase, elcr_addr: elcr, elcr_mask: mask, master: iobase === 0x20 },
      { gpios: pins(8) },
    );
  return [
    pic(0x20, 0x4d0, 0xf8),
    pic(0xa0, 0x4d1, 0xde),
    node('mc146818rtc', { lost_tick_policy: 'discard' }),
    node('isa-pit', { iobase: 0x40 }, { gpios: pins(1) }),
    node('isa-pcspk'),
    ...serials.flatMap((char, i) => (char === undefined ? [] : [serialNode(facts, i)])),
    ...parallels.slice(0, PARALLEL_PORTS.length).map(parallelNode),
    node('i8042', {}, { details: () => ['isa irqs 1,12'] }),
    node('vmport'),
    node('vmmouse'),
    node('port92'),
    floppyNode(facts.options),
    ...debugcons.map(({ port, char, readback = 0xe9, id }) =>
      node('isa-debugcon', { iobase: port, chardev: char.label, readback }, { id }),
    ),
    ...debugExits.map(({ port, size, id }) =>
      node('isa-debug-exit', { iobase: port, iosize: size }, { id }),
    ),
  ];
}

function parallelNode({ label }: Char, index: number): QdevInfo {
  return node(
    'isa-parallel',
    { index, iobase: PARALLEL_PORTS[index], irq: PARALLEL_IRQ, chardev: label },
    { details: () => [`isa irq ${PARALLEL_IRQ}`] },
  );
}

function floppyNode({ floppies = [] }: PcOptions): QdevInfo {
  const [a, b] = floppies.map(backend => backend?.name ?? '');
  const values = { driveA: a ?? '', driveB: b ?? '' };
  return node('isa-fdc', values, { details: () => ['isa irq 6'] });
}

function serialNode(facts: TreeFacts, index: number): QdevInfo {
  const irq = facts.serialIrqs[index];
  const chardev = facts.options.serials[index]?.label ?? '';
  return node(
    'isa-serial',
    { index, iobase: facts.serialPorts[index], irq, chardev },
    { details: () => [`isa irq ${irq}`] },
  );
}
