/**
 * `-device` for what this board can have: disks, serial ports, debug ports. From option lists to
 * the board's own options, with QEMU's messages.
 */

import type { Char } from './char.ts';
import { UserError } from './error.ts';
import type { DriveOptions } from './hw/board/options.ts';
import type { HidKind } from './hw/usb/hid.ts';
import type { ListRequest } from './main-config.ts';
import { ADAPTER, fitAdapter, fitScsiDisk } from './main-devices-scsi.ts';
import { fitUsbHid, fitUsbStorage } from './main-devices-usb.ts';
import { fitVirtioBlk } from './main-devices-virtio.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import { type Fittings, findDrive, initFailed, type Place } from './main-fittings.ts';
import { CommandLineError, type OptionList } from './options.ts';

/** In the order of the list. */
const CATEGORIES = ['USB', 'Storage', 'Input', 'Misc'] as const;

interface Model {
  readonly properties: { readonly [name: string]: string };
  readonly bus: 'IDE' | 'ISA' | 'PCI' | 'SCSI' | 'usb-bus';
  readonly alias?: string;
  readonly description: string;
  readonly category: (typeof CATEGORIES)[number];
  fit(place: Place): void;
}

type Surroundings = Omit<Place, 'driver' | 'list' | 'path'>;

const IDE_BUSES = ['ide.0', 'ide.1'];
const ISA_SERIAL_BASES = [0x3f8, 0x2f8, 0x3e8, 0x2e8];

/** Names and types, as `-device DRIVER,help` lists them. */
const DISK_PROPERTIES = {
  bootindex: 'int32',
  serial: 'str',
  unit: 'uint32',
  drive: 'str (ID of a drive to use as a backend)',
};

const SCSI_PROPERTIES = {
  bootindex: 'int32',
  channel: 'uint32',
  drive: 'str (ID of a drive to use as a backend)',
  lun: 'uint32',
  'scsi-id': 'uint32',
  serial: 'str',
};

const MODELS: { readonly [driver: string]: Model } = {
  'ide-hd': {
    properties: DISK_PROPERTIES,
    bus: 'IDE',
    description: 'virtual IDE disk',
    category: 'Storage',
    fit: place => fitDisk(place, 'disk'),
  },
  'ide-cd': {
    properties: DISK_PROPERTIES,
    bus: 'IDE',
    description: 'virtual IDE CD-ROM',
    category: 'Storage',
    fit: place => fitDisk(place, 'cdrom'),
  },
  'ide-drive': {
    properties: DISK_PROPERTIES,
    bus: 'IDE',
    description: 'virtual IDE disk or CD-ROM (legacy)',
    category: 'Storage',
    fit: place => fitDisk(place, undefined),
  },
  'isa-serial': {
    properties: {
      chardev: 'str (ID of a chardev to use as a backend)',
      iobase: 'uint32',
      index: 'uint32',
    },
    bus: 'ISA',
    description: '',
    category: 'Input',
    fit: fitSerial,
  },
  'isa-debugcon': {
    properties: {
      readback: 'uint32',
      chardev: 'str (ID of a chardev to use as a backend)',
      iobase: 'uint32',
    },
    bus: 'ISA',
    description: '',
    category: 'Misc',
    fit: fitDebugcon,
  },
  'isa-debug-exit': {
    properties: { iosize: 'uint32', iobase: 'uint32' },
    bus: 'ISA',
    description: '',
    category: 'Misc',
    fit: fitDebugExit,
  },
  'piix3-usb-uhci': {
    properties: { addr: 'int32 (Slot and optional function number, example: 06.0 or 06)' },
    bus: 'PCI',
    description: '',
    category: 'USB',
    fit: fitUhci,
  },
  'usb-storage': {
    properties: {
      bootindex: 'int32',
      serial: 'str',
      port: 'str',
      drive: 'str (ID of a drive to use as a backend)',
    },
    bus: 'usb-bus',
    description: '',
    category: 'Storage',
    fit: fitUsbStorage,
  },
  'virtio-blk-pci': {
    properties: {
      addr: 'int32 (Slot and optional function number, example: 06.0 or 06)',
      bootindex: 'int32',
      drive: 'str (ID of a drive to use as a backend)',
      serial: 'str',
      vectors: 'uint32',
    },
    bus: 'PCI',
    alias: 'virtio-blk',
    description: '',
    category: 'Storage',
    fit: fitVirtioBlk,
  },
  [ADAPTER]: {
    properties: { addr: 'int32 (Slot and optional function number, example: 06.0 or 06)' },
    bus: 'PCI',
    alias: 'lsi',
    description: '',
    category: 'Storage',
    fit: fitAdapter,
  },
  'scsi-hd': {
    properties: SCSI_PROPERTIES,
    bus: 'SCSI',
    description: 'virtual SCSI disk',
    category: 'Storage',
    fit: place => fitScsiDisk('scsi-hd', place),
  },
  'scsi-cd': {
    properties: SCSI_PROPERTIES,
    bus: 'SCSI',
    description: 'virtual SCSI CD-ROM',
    category: 'Storage',
    fit: place => fitScsiDisk('scsi-cd', place),
  },
  'scsi-disk': {
    properties: SCSI_PROPERTIES,
    bus: 'SCSI',
    description: 'virtual SCSI disk or CD-ROM (legacy)',
    category: 'Storage',
    fit: place => fitScsiDisk('scsi-disk', place),
  },
  'usb-mouse': hidModel('mouse'),
  'usb-tablet': hidModel('tablet'),
  'usb-kbd': hidModel('keyboard'),
};

function hidModel(kind: HidKind): Model {
  const extra: { readonly [kind in HidKind]: { readonly [name: string]: string } } = {
    mouse: {},
    tablet: { head: 'uint32', display: 'str' },
    keyboard: { display: 'str' },
  };
  return {
    properties: { ...extra[kind], usb_version: 'uint32', port: 'str', serial: 'str' },
    bus: 'usb-bus',
    description: '',
    category: 'Input',
    fit: place => fitUsbHid(kind, place),
  };
}

/** In PCI slots of their own. */
const SLOT_DRIVERS = ['virtio-blk-pci', ADAPTER];

/** It comes and goes while there is a machine. */
export function isHotPluggable(driver: string): boolean {
  if (!Object.hasOwn(MODELS, driver)) return false;
  const { bus } = MODELS[driver];
  return bus === 'usb-bus' || bus === 'SCSI' || SLOT_DRIVERS.includes(driver);
}

/** What `-device help` prints. */
export function deviceHelp(): string {
  const lists = CATEGORIES.map(category => {
    const names = Object.keys(MODELS).filter(name => MODELS[name].category === category);
    return `${category} devices:\n${names.sort().map(modelLine).join('')}`;
  });
  return lists.join('\n');
}

function modelLine(name: string): string {
  const { bus, alias, description } = MODELS[name];
  const also = alias === undefined ? '' : `, alias "${alias}"`;
  const what = description === '' ? '' : `, desc "${description}"`;
  return `name "${name}", bus ${bus}${also}${what}\n`;
}

/** What `-device DRIVER,help` prints; undefined when there is no such driver. */
export function propertyHelp(name: string): string | undefined {
  const driver = unaliased(name) ?? name;
  if (!Object.hasOwn(MODELS, driver)) return undefined;
  return Object.entries(MODELS[driver].properties)
    .map(([name, type]) => `${driver}.${name}=${type}\n`)
    .join('');
}

/** Adds one device. Throws CommandLineError. */
export function addDevice(request: ListRequest, place: Surroundings): void {
  const { list, location } = request;
  try {
    fitDevice(list, place);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new CommandLineError(error.message, location, error.hint);
  }
}

/** The model that a name stands for. */
export function unaliased(driver: string | undefined): string | undefined {
  if (driver === undefined) return undefined;
  return Object.keys(MODELS).find(name => MODELS[name].alias === driver) ?? driver;
}

/** Throws UserError. */
export function fitDevice(list: OptionList, place: Surroundings): void {
  const driver = unaliased(list.get('driver'));
  if (driver === undefined) throw new UserError("Parameter 'driver' is missing");
  const model = Object.hasOwn(MODELS, driver) ? MODELS[driver] : undefined;
  if (model === undefined) throw new UserError(`'${driver}' is not a valid device model name`);
  checkBus(list, model, { driver, fittings: place.fittings });
  if (place.isHot) checkHot(driver, model, list.get('bus'));
  const path =
    list.id === undefined
      ? `/machine/peripheral-anon/device[${place.fittings.anonymous++}]`
      : `/machine/peripheral/${list.id}`;
  for (const { key } of list.pairs) {
    const known = ['driver', 'id', 'bus'].includes(key) || Object.hasOwn(model.properties, key);
    if (!known) throw new UserError(`Property '.${key}' not found`);
  }
  model.fit({ driver, list, path, ...place });
}

/** Throws when such a device cannot come or go while there is a machine. */
export function checkHot(driver: string, model = MODELS[driver], bus?: string): void {
  if (isHotPluggable(driver)) return;
  switch (model.bus) {
    case 'PCI':
      throw new UserError(`Device '${driver}' does not support hotplugging`);
    default: {
      const name = bus ?? (model.bus === 'IDE' ? 'ide.1' : 'isa.0');
      throw new UserError(`Bus '${name}' does not support hotplugging`);
    }
  }
}

function checkBus(
  list: OptionList,
  model: Model,
  { driver, fittings }: Pick<Place, 'driver' | 'fittings'>,
): void {
  const bus = list.get('bus');
  if (bus === undefined) {
    const isMissing =
      (model.bus === 'usb-bus' && !fittings.usb) ||
      (model.bus === 'SCSI' && fittings.scsi.length === 0);
    if (!isMissing) return;
    throw new UserError(`No '${model.bus}' bus found for device '${driver}'`);
  }
  const types: { readonly [name: string]: string } = {
    'ide.0': 'IDE',
    'ide.1': 'IDE',
    'isa.0': 'ISA',
    'pci.0': 'PCI',
    ...(fittings.usb ? { 'usb-bus.0': 'usb-bus' } : {}),
    ...Object.fromEntries(fittings.scsi.map(({ busName }) => [busName, 'SCSI'])),
  };
  const type = Object.hasOwn(types, bus) ? types[bus] : undefined;
  if (type === undefined) throw new UserError(`Bus '${bus}' not found`);
  if (type !== model.bus) {
    throw new UserError(`Device '${driver}' can't go on a ${type} bus`);
  }
}

function fitDisk(place: Place, media: 'disk' | 'cdrom' | undefined): void {
  const { driver, list, fittings } = place;
  const drive = findDrive(place);
  const isCd = (media ?? drive?.spec.media) === 'cdrom';
  const slot = ideSlot(list, fittings.drives, driver);
  if (drive === undefined) throw initFailed(driver, 'No drive specified', '.');
  if (!isCd) checkDisk(drive, why => initFailed(driver, why, '.'));
  drive.isClaimed = true;
  fittings.drives.push({
    ...slot,
    media: isCd ? 'cdrom' : 'disk',
    backend: drive.backend,
    geometry: drive.geometry,
    id: list.id,
    serial: list.get('serial'),
    bootIndex: list.number('bootindex'),
  });
}

function checkDisk(drive: OpenDrive, fail: (why: string) => Error): void {
  if (!drive.backend.inserted) throw fail('Device needs media, but drive is empty');
  if (drive.backend.readOnly) throw fail("Can't use a read-only drive");
}

function ideSlot(
  list: OptionList,
  used: readonly DriveOptions[],
  driver: string,
): { bus: 0 | 1; unit: 0 | 1 } {
  const isFree = (bus: number, unit: number): boolean =>
    !used.some(drive => drive.bus === bus && drive.unit === unit);
  const wanted = list.get('bus');
  const unit = list.number('unit');
  const buses = wanted === undefined ? [0, 1] : [IDE_BUSES.indexOf(wanted)];
  const bus = buses.find(b => isFree(b, 0) || isFree(b, 1));
  if (bus === undefined) throw new UserError(`No 'IDE' bus found for device '${driver}'`);
  const free = unit ?? (isFree(bus, 0) ? 0 : 1);
  if (free > 1 || free < 0) {
    throw initFailed(driver, `Can't create IDE unit ${free}, bus supports only 2 units`, '.');
  }
  if (!isFree(bus, free)) throw initFailed(driver, `IDE unit ${free} is in use`, '.');
  return { bus: bus === 0 ? 0 : 1, unit: free === 0 ? 0 : 1 };
}

function findChar({ driver, list, chars }: Place): Char {
  const name = list.get('chardev');
  if (name === undefined) {
    throw initFailed(driver, "Can't create serial device, empty char device");
  }
  try {
    const char = chars.frontend(name);
    if (char !== undefined) return char;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`Property '${driver}.chardev' can't take value '${name}', it's in use`);
  }
  throw new UserError(`Property '${driver}.chardev' can't find value '${name}'`);
}

function fitSerial(place: Place): void {
  const { fittings, list } = place;
  const base = list.number('iobase');
  const byBase = base === undefined ? -1 : ISA_SERIAL_BASES.indexOf(base);
  if (base !== undefined && byBase < 0) {
    throw new UserError(`Property 'isa-serial.iobase' doesn't take value '${base}'`);
  }
  let index = list.number('index') ?? (byBase >= 0 ? byBase : undefined);
  if (index === undefined) {
    index = 0;
    while (fittings.serials[index] !== undefined) index++;
  }
  if (index >= ISA_SERIAL_BASES.length) {
    throw initFailed(place.driver, 'Max. supported number of ISA serial ports is 4.');
  }
  fittings.serials[index] = findChar(place);
}

function fitDebugcon(place: Place): void {
  const { list, fittings } = place;
  const readback = list.number('readback');
  const port = list.number('iobase') ?? 0xe9;
  fittings.debugcons.push({ port, char: findChar(place), readback, id: list.id });
}

function fitDebugExit({ list, fittings }: Place): void {
  const port = list.number('iobase') ?? 0x501;
  fittings.debugExits.push({ port, size: list.number('iosize') ?? 2, id: list.id });
}

/** It has its place in the chip set, whatever else is free. */
function fitUhci({ driver, list, fittings }: Place): void {
  const addr = list.get('addr');
  if (addr !== undefined && !/^(0x)?0*1\.(0x)?2$/i.test(addr)) {
    throw new UserError(`Property '${driver}.addr' doesn't take value '${addr}'`);
  }
  if (fittings.usb) {
    const why = `PCI: slot 1 function 2 not available for ${driver}, in use by ${driver}`;
    throw initFailed(driver, why);
  }
  fittings.usb = true;
}

/** Drives with `if=ide` plug themselves in. */
export function fitIdeDrives(drives: DriveTable, fittings: Fittings): void {
  for (const drive of drives.drives) {
    const { spec } = drive;
    if (spec.interface !== 'ide') continue;
    if (spec.bus > 1) {
      throw new CommandLineError(`Too many IDE buses defined (${spec.bus + 1} > 2)`, undefined);
    }
    if (spec.media === 'disk') {
      checkDisk(
        drive,
        why =>
          new CommandLineError(
            `${why}\nInitialization of device ide-hd failed: Device initialization failed.`,
            undefined,
          ),
      );
    }
    drive.isClaimed = true;
    fittings.drives.push({
      bus: spec.bus === 0 ? 0 : 1,
      unit: spec.unit === 0 ? 0 : 1,
      media: spec.media,
      backend: drive.backend,
      geometry: drive.geometry,
      serial: spec.serial,
    });
  }
}

/** So do those with `if=floppy`, the default one among them. */
export function fitFloppies(drives: DriveTable, { floppies }: Fittings): void {
  for (const drive of drives.drives) {
    const { spec, backend } = drive;
    if (spec.interface !== 'floppy' || spec.bus > 0 || spec.unit > 1) continue;
    drive.isClaimed = true;
    floppies[spec.unit] = backend;
  }
}
