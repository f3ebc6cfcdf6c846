/**
 * Device models by the names that `-device` takes, with their properties: the source for help,
 * for `device-list-properties`, for checking what users give, and for `info qtree`.
 *
 * Properties are in QEMU's order. Models that only the board creates are marked as not creatable.
 */

import { fixed } from '../fixed.ts';

export type PropertyType =
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'int32'
  | 'uint64'
  | 'size'
  | 'bool'
  | 'str'
  | 'drive'
  | 'chr'
  | 'pci-devfn';

export type PropertyValue = number | bigint | boolean | string;

export interface PropertyModel {
  readonly name: string;
  readonly type: PropertyType;
  readonly initial: PropertyValue;
  readonly description?: string;
  /** Settable, but not shown by `info qtree`. */
  readonly hidden?: boolean;
}

export interface DeviceModel {
  readonly name: string;
  readonly bus:
    | 'System'
    | 'PCI'
    | 'ISA'
    | 'IDE'
    | 'i2c-bus'
    | 'icc-bus'
    | 'usb-bus'
    | 'SCSI'
    | 'virtio-pci-bus';
  /** As `-device help` groups them. */
  readonly category: 'storage' | 'input' | 'display' | 'misc' | 'bridge' | 'usb';
  readonly description?: string;
  /** Users may create it with `-device`. */
  readonly creatable: boolean;
  readonly properties: readonly PropertyModel[];
}

const BLOCK_SIZE = 'A power of two between 512 and 32768';

function number(name: string, initial: number, type: PropertyType = 'uint32'): PropertyModel {
  return { name, type, initial };
}

function flag(name: string, initial: boolean): PropertyModel {
  return { name, type: 'bool', initial, description: 'on/off' };
}

function text(name: string, initial = ''): PropertyModel {
  return { name, type: 'str', initial };
}

const CHARDEV: PropertyModel = {
  name: 'chardev',
  type: 'chr',
  initial: '',
  description: 'ID of a chardev to use as a backend',
};

const PCI: readonly PropertyModel[] = [
  { name: 'addr', type: 'pci-devfn', initial: '', description: 'Slot and optional function' },
  text('romfile'),
  number('rombar', 1),
  flag('multifunction', false),
  flag('command_serr_enable', true),
];

const BLOCK: readonly PropertyModel[] = [
  {
    name: 'drive',
    type: 'drive',
    initial: '',
    description: 'ID of a drive to use as a backend',
  },
  { ...number('logical_block_size', 512, 'uint16'), description: BLOCK_SIZE },
  { ...number('physical_block_size', 512, 'uint16'), description: BLOCK_SIZE },
  number('min_io_size', 0, 'uint16'),
  number('opt_io_size', 0),
  { ...number('bootindex', -1, 'int32'), hidden: true },
  number('discard_granularity', 512),
];

/** Of a USB device, behind its own. */
const USB: readonly PropertyModel[] = [
  text('port'),
  text('serial'),
  flag('full-path', true),
  flag('msos-desc', true),
];

/** The block properties of disks that discard in units of their own. */
function blockWith(granularity: number): PropertyModel[] {
  return BLOCK.map(property =>
    property.name === 'discard_granularity' ? { ...property, initial: granularity } : property,
  );
}

const IDE: readonly PropertyModel[] = [
  ...BLOCK,
  text('ver', '2.2.50'),
  { name: 'wwn', type: 'uint64', initial: 0 },
  text('serial'),
  text('model'),
];

const GEOMETRY: readonly PropertyModel[] = [
  number('cyls', 0),
  number('heads', 0),
  number('secs', 0),
  { ...text('bios-chs-trans', 'auto'), description: 'Logical CHS translation algorithm' },
];

const SCSI_DRIVE: readonly PropertyModel[] = [
  ...blockWith(4096),
  text('ver', '2.2.50'),
  text('serial'),
  text('vendor', 'QEMU'),
];

const SCSI_NAMES: readonly PropertyModel[] = [
  { name: 'wwn', type: 'uint64', initial: 0 },
  { name: 'port_wwn', type: 'uint64', initial: 0 },
  number('port_index', 0, 'uint16'),
];

const MAX_IO_SIZE: PropertyModel = { name: 'max_io_size', type: 'uint64', initial: 0x7fffffff };

const SCSI_DISK: readonly PropertyModel[] = [
  ...SCSI_DRIVE,
  text('product', 'QEMU HARDDISK'),
  flag('removable', false),
  flag('dpofua', false),
  ...SCSI_NAMES,
  { name: 'max_unmap_size', type: 'uint64', initial: 0x40000000 },
  MAX_IO_SIZE,
];

/** Of a device on a SCSI bus, behind its own. */
const SCSI: readonly PropertyModel[] = [
  number('channel', 0),
  number('scsi-id', 0),
  number('lun', 0),
];

const UNIT: PropertyModel = number('unit', 0xffffffff);

function internal(
  name: string,
  bus: DeviceModel['bus'],
  properties: readonly PropertyModel[] = [],
): DeviceModel {
  return { name, bus, category: 'misc', creatable: false, properties };
}

export const CATALOG: readonly DeviceModel[] = [
  {
    name: 'ide-hd',
    bus: 'IDE',
    category: 'storage',
    description: 'virtual IDE disk',
    creatable: true,
    properties: [...IDE, ...GEOMETRY, UNIT],
  },
  {
    name: 'ide-cd',
    bus: 'IDE',
    category: 'storage',
    description: 'virtual IDE CD-ROM',
    creatable: true,
    properties: [...IDE, UNIT],
  },
  {
    name: 'ide-drive',
    bus: 'IDE',
    category: 'storage',
    description: 'virtual IDE disk or CD-ROM (legacy)',
    creatable: true,
    properties: [...IDE, UNIT],
  },
  {
    name: 'isa-serial',
    bus: 'ISA',
    category: 'input',
    creatable: true,
    properties: [
      number('index', 0xffffffff),
      number('iobase', 0xffffffff),
      number('irq', 0xffffffff),
      CHARDEV,
      number('wakeup', 0),
    ],
  },
  {
    name: 'isa-debugcon',
    bus: 'ISA',
    category: 'misc',
    creatable: true,
    properties: [number('iobase', 0xe9), CHARDEV, number('readback', 0xe9)],
  },
  {
    name: 'isa-debug-exit',
    bus: 'ISA',
    category: 'misc',
    creatable: true,
    properties: [number('iobase', 0x501), number('iosize', 0x02)],
  },
  {
    name: 'VGA',
    bus: 'PCI',
    category: 'display',
    creatable: true,
    properties: [number('vgamem_mb', 16), flag('mmio', true), flag('qemu-extended-regs', true)],
  },
  {
    name: 'piix3-usb-uhci',
    bus: 'PCI',
    category: 'usb',
    creatable: true,
    properties: [number('bandwidth', 1280), number('maxframes', 128)],
  },
  {
    name: 'virtio-blk-pci',
    bus: 'PCI',
    category: 'storage',
    creatable: true,
    properties: [number('class', 0), flag('ioeventfd', true), number('vectors', 2)],
  },
  internal('virtio-blk-device', 'virtio-pci-bus', [
    ...blockWith(0xffffffff),
    ...GEOMETRY.slice(0, 3),
    text('serial'),
    flag('config-wce', true),
    flag('scsi', true),
    flag('x-data-plane', false),
  ]),
  {
    name: 'usb-storage',
    bus: 'usb-bus',
    category: 'storage',
    creatable: true,
    properties: [...blockWith(0xffffffff), flag('removable', false), ...USB],
  },
  {
    name: 'usb-mouse',
    bus: 'usb-bus',
    category: 'input',
    creatable: true,
    properties: [number('usb_version', 2), ...USB],
  },
  {
    name: 'usb-tablet',
    bus: 'usb-bus',
    category: 'input',
    creatable: true,
    properties: [number('usb_version', 2), text('display'), number('head', 0), ...USB],
  },
  {
    name: 'usb-kbd',
    bus: 'usb-bus',
    category: 'input',
    creatable: true,
    properties: [number('usb_version', 2), text('display'), ...USB],
  },
  {
    name: 'scsi-disk',
    bus: 'SCSI',
    category: 'storage',
    description: 'virtual SCSI disk or CD-ROM (legacy)',
    creatable: true,
    properties: [...SCSI_DISK, ...SCSI],
  },
  {
    name: 'scsi-cd',
    bus: 'SCSI',
    category: 'storage',
    description: 'virtual SCSI CD-ROM',
    creatable: true,
    properties: [
      ...SCSI_DRIVE,
      text('product', 'QEMU CD-ROM'),
      ...SCSI_NAMES,
      MAX_IO_SIZE,
      ...SCSI,
    ],
  },
  {
    name: 'scsi-hd',
    bus: 'SCSI',
    category: 'storage',
    description: 'virtual SCSI disk',
    creatable: true,
    properties: [...SCSI_DISK, ...GEOMETRY.slice(0, 3), ...SCSI],
  },
  {
    name: 'lsi53c895a',
    bus: 'PCI',
    category: 'storage',
    creatable: true,
    properties: [],
  },
  internal('i440FX-pcihost', 'System', [
    { name: 'pci-hole64-size', type: 'size', initial: 18446744073709551615n },
    number('short_root_bus', 0),
  ]),
  internal('fw_cfg_io', 'System', [number('iobase', 0x510)]),
  {
    ...internal('cfi.pflash01', 'System', [
      {
        name: 'drive',
        type: 'drive',
        initial: '',
        description: 'ID of a drive to use as a backend',
      },
      number('num-blocks', 0),
      number('sector-length', 0, 'uint64'),
      number('width', 0, 'uint8'),
      number('device-width', 0, 'uint8'),
      number('max-device-width', 0, 'uint8'),
      number('big-endian', 0, 'uint8'),
      ...['id0', 'id1', 'id2', 'id3'].map(name => number(name, 0, 'uint16')),
      text('name'),
    ]),
    category: 'storage',
  },
  internal('isa-parallel', 'ISA', [
    number('index', 0xffffffff),
    number('iobase', 0xffffffff),
    number('irq', 7),
    CHARDEV,
  ]),
  internal('ioapic', 'System'),
  internal('kvmvapic', 'System'),
  internal('hpet', 'System', [
    number('timers', 3, 'uint8'),
    flag('msi', false),
    number('hpet-intcap', 4),
  ]),
  internal('icc-bridge', 'System'),
  internal('apic', 'icc-bus', [
    number('id', 0, 'uint8'),
    number('version', 0x14, 'uint8'),
    flag('vapic', true),
  ]),
  internal('i440FX', 'PCI'),
  internal('PIIX3', 'PCI'),
  { ...internal('piix3-ide', 'PCI'), category: 'storage' },
  internal('PIIX4_PM', 'PCI', [
    number('smb_io_base', 0xb100),
    number('disable_s3', 0, 'uint8'),
    number('disable_s4', 0, 'uint8'),
    number('s4_val', 2, 'uint8'),
    flag('acpi-pci-hotplug-with-bridge-support', true),
    flag('memory-hotplug-support', true),
  ]),
  internal('smbus-eeprom', 'i2c-bus', [number('address', 0, 'uint8')]),
  internal('isa-i8259', 'ISA', [
    number('iobase', 0xffffffff),
    number('elcr_addr', 0xffffffff),
    number('elcr_mask', 0xff, 'uint8'),
    flag('master', false),
  ]),
  internal('isa-pit', 'ISA', [number('iobase', 0xffffffff)]),
  internal('isa-pcspk', 'ISA', [number('iobase', 0x61)]),
  internal('mc146818rtc', 'ISA', [number('base_year', 0, 'int32'), text('lost_tick_policy')]),
  internal('isa-fdc', 'ISA', [
    number('iobase', 0x3f0),
    number('irq', 6),
    number('dma', 2),
    { name: 'driveA', type: 'drive', initial: '' },
    { name: 'driveB', type: 'drive', initial: '' },
    { ...number('bootindexA', -1, 'int32'), hidden: true },
    { ...number('bootindexB', -1, 'int32'), hidden: true },
    flag('check_media_rate', true),
  ]),
  internal('i8042', 'ISA'),
  internal('vmport', 'ISA'),
  internal('vmmouse', 'ISA'),
  internal('port92', 'ISA'),
];

/** Of every processor model. */
export const PROCESSOR_MODEL: DeviceModel = internal('cpu', 'icc-bus', [
  flag('pmu', false),
  number('hv-spinlocks', -1, 'int32'),
  ...['hv-relaxed', 'hv-vapic', 'hv-time', 'check', 'enforce'].map(name => flag(name, false)),
  flag('kvm', true),
]);

export function deviceModel(name: string): DeviceModel | undefined {
  return CATALOG.find(model => model.name === name);
}

/** All properties of a model, those of its bus behind its own. */
export function propertiesOf(model: DeviceModel): readonly PropertyModel[] {
  return model.bus === 'PCI' ? [...model.properties, ...PCI] : model.properties;
}

/** Lines such as `rombar = 1 (0x1)`; values not given are the initial ones. */
export function propertyLines(
  model: DeviceModel,
  values: { readonly [property: string]: PropertyValue } = {},
): string[] {
  return propertiesOf(model)
    .filter(property => property.hidden !== true)
    .map(property => `${property.name} = ${valueText(property, values[property.name])}`);
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

function valueText(property: PropertyModel, given: PropertyValue | undefined): string {
  const value = given ?? property.initial;
  switch (property.type) {
    case 'bool':
      return String(value);
    case 'str':
    case 'drive':
    case 'chr':
      return `"${value}"`;
    case 'pci-devfn':
      return String(value);
    case 'size':
      return `${value} (${sizeText(Number(value))})`;
    default:
      return `${value} (0x${BigInt.asUintN(64, BigInt(value as number)).toString(16)})`;
  }
}

function sizeText(bytes: number): string {
  let unit = 0;
  let left = bytes;
  while (left >= 1024 && unit < UNITS.length - 1) {
    left /= 1024;
    unit++;
  }
  return `${Number(fixed(left, left < 10 ? 2 : left < 100 ? 1 : 0))} ${UNITS[unit]}`;
}
