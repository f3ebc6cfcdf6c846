/**
 * The board as the monitor sees it: texts, keys, buttons.
 */

import { disassemblePiece } from './cpu/disassemble.ts';
import { MODEL_NAMES } from './cpu/models.ts';
import { UserError } from './error.ts';
import { MACHINE_TYPE, propertyType } from './hw/board/qom.ts';
import { CATALOG, propertiesOf } from './hw/catalog.ts';
import { ppm } from './hw/display/ppm.ts';
import { picture } from './hw/display/render.ts';
import { screenText } from './hw/display/text.ts';
import { isKeyName, KEY_NAMES, type KeyName, keyOfNumber } from './hw/input/keys.ts';
import type { Mouse } from './hw/input/router.ts';
import { bootOrderCmos } from './hw/timer/cmos.ts';
import type { Json } from './json.ts';
import type { PcMachine } from './machine-build.ts';
import type { InputEvent, Models, Panel, Topic } from './monitor/vm.ts';
import type { ObjectType } from './qom.ts';

export function pcPanel(machine: PcMachine): Panel {
  const { board } = machine;
  return {
    show: topic => show(machine, topic),
    keyNames: KEY_NAMES,
    pressKeys: (keys, holdMs) => {
      board.keys.send(keys.map(readKey).filter(isKnown), holdMs);
    },
    nmi: () => board.nmiButton.pulse(),
    disassemble: (address, count, physical) => {
      const { cpu, memory } = machine;
      const read = (at: number) => {
        const place = physical ? at : cpu.translate(at);
        return place === undefined ? undefined : memory.read(place, 1);
      };
      return disassemblePiece({ read, address, count, bits: cpu.codeSize });
    },
    // Interfaces have no index signature, but every member is a JSON value.
    queryPci: (): Json => [{ bus: 0, devices: board.texts.pciInfo() as unknown as Json }],
    queryMice: (): Json =>
      board.input.router.mice().map(({ index, name, isCurrent, isAbsolute }) => ({
        ...{ name, index },
        ...{ current: isCurrent, absolute: isAbsolute },
      })),
    chooseMouse: index => board.input.router.choose(index),
    screenText: () => (board.vga === undefined ? undefined : screenText(board.vga)),
    machineObject: () => board.texts.machineObject(),
    screenshot: () => (board.vga === undefined ? undefined : ppm(picture(board.vga))),
    input: events => {
      for (const event of events) input(machine, event);
    },
    models: MODELS,
    setBootOrder: bootOrder => board.rtc.setCmos(bootOrderCmos({ bootOrder })),
  };
}

const BUTTONS = ['Left', 'Right', 'Middle'];
const WHEEL: { readonly [button: string]: number } = { WheelUp: -1, WheelDown: 1 };

/** As a window would send it. */
function input({ board }: PcMachine, event: InputEvent): void {
  const { router } = board.input;
  switch (event.type) {
    case 'key': {
      const key = readKey(event.key);
      if (key !== undefined) router.key(key, event.down ? 'press' : 'release');
      return;
    }
    case 'btn': {
      const bit = 1 << BUTTONS.indexOf(event.button);
      if (Object.hasOwn(WHEEL, event.button)) {
        if (event.down) router.turnWheel(WHEEL[event.button]);
      } else router.button(bit, event.down);
      return;
    }
    case 'rel':
      if (event.axis === 'X') router.move(event.value, 0);
      else router.move(0, event.value);
      return;
    case 'abs':
      router.moveTo(event.axis === 'X' ? 'x' : 'y', event.value);
      return;
  }
}

/** What a device is, by the bus that it sits on. */
const PARENTS: { readonly [bus: string]: string } = {
  System: 'sys-bus-device',
  PCI: 'pci-device',
  ISA: 'isa-device',
  IDE: 'ide-device',
  'i2c-bus': 'i2c-slave',
  'icc-bus': 'icc-device',
  'usb-bus': 'usb-device',
  SCSI: 'scsi-device',
  'virtio-pci-bus': 'virtio-device',
};

function type(name: string, ...parents: string[]): ObjectType {
  return { name, parents: [...parents, 'object'] };
}

const MODELS: Models = {
  cpus: MODEL_NAMES,
  types: [
    ...CATALOG.map(model => ({
      ...type(model.name, PARENTS[model.bus], 'device'),
      properties: propertiesOf(model).map(property => ({
        name: property.name,
        type: propertyType(property),
        description: property.description,
      })),
    })),
    ...Object.keys(PARENTS).map(bus => type(bus, 'bus')),
    ...MODEL_NAMES.map(name => type(`${name}-x86_64-cpu`, 'x86_64-cpu', 'cpu', 'device')),
    type(MACHINE_TYPE, 'generic-pc-machine', 'machine'),
    type('container'),
  ],
};

function readKey(key: string | number): KeyName | undefined {
  if (typeof key === 'number') return keyOfNumber(key);
  if (!isKeyName(key)) throw new UserError(`Invalid parameter '${key}'`);
  return key;
}

function isKnown(key: KeyName | undefined): key is KeyName {
  return key !== undefined;
}

function miceText(mice: readonly Mouse[]): string {
  return mice
    .map(({ index, name, isCurrent, isAbsolute }) => {
      const end = isAbsolute ? ' (absolute)' : '';
      return `${isCurrent ? '*' : ' '} Mouse #${index}: ${name}${end}\n`;
    })
    .join('');
}

function show({ board, cpu }: PcMachine, topic: Topic): string | undefined {
  switch (topic) {
    case 'pic':
      return board.texts.picText();
    case 'pci':
      return board.texts.pciText();
    case 'qtree':
      return board.texts.qtreeText();
    case 'mtree':
      return board.texts.mtreeText();
    case 'roms':
      return board.texts.romsText();
    case 'tlb':
    case 'mem':
      return cpu.pagingText(topic);
    case 'irq':
      return 'irq statistic code not compiled.\n';
    case 'usb':
      return board.texts.usbText();
    case 'network':
      return '';
    case 'mice':
      return miceText(board.input.router.mice());
    default:
      return undefined;
  }
}
