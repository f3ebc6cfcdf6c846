/**
 * The board as the monitor sees it: texts, keys, buttons.
 */

import { disassembleLines } from './cpu/disassemble.ts';
import { MODEL_NAMES } from './cpu/models.ts';
import { UserError } from './error.ts';
import { MACHINE_TYPE, propertyType } from './hw/board/qom.ts';
import { CATALOG, propertiesOf } from './hw/catalog.ts';
import { ppm } from './hw/display/ppm.ts';
import { picture } from './hw/display/render.ts';
import { screenText } from './hw/display/text.ts';
import { isKeyName, KEY_NAMES, type KeyName, keyOfNumber } from './hw/input/keys.ts';
import { bootOrderCmos } from './hw/timer/cmos.ts';
import { POINTERS, type UsbPointer } from './hw/usb/hid.ts';
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
      return disassembleLines({ read, address, count, bits: cpu.codeSize });
    },
    // Interfaces have no index signature, but every member is a JSON value.
    queryPci: (): Json => [{ bus: 0, devices: board.texts.pciInfo() as unknown as Json }],
    queryMice: (): Json => mice(machine),
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

type WithBoard = Pick<PcMachine, 'board'>;

/** USB pointers that the guest has set up, the newest first. */
function activePointers({ board }: WithBoard): readonly UsbPointer[] {
  const all = (board.usb?.pointers ?? []).map(({ pointer }) => pointer);
  return all.filter(({ isActive }) => isActive).reverse();
}

/** All pointers; the first gets what moves. */
function mice(machine: WithBoard) {
  const active = activePointers(machine);
  const all = (machine.board.usb?.pointers ?? []).map(({ pointer }) => pointer);
  const waiting = all.filter(pointer => !active.includes(pointer));
  const ps2 = { name: 'QEMU PS/2 Mouse', index: 2, absolute: false };
  const described = (pointer: UsbPointer) => {
    const { mouseName: name, isAbsolute: absolute } = POINTERS[pointer.kind];
    return { name, index: 3 + all.indexOf(pointer), absolute };
  };
  const list = [...active.map(described), ps2, ...waiting.map(described)];
  return list.map((item, i) => ({ ...item, current: i === 0 }));
}

/** As a window would send it: to the newest pointer that the guest knows, or to the PS/2 mouse. */
function input(machine: PcMachine, event: InputEvent): void {
  const { board } = machine;
  const active = activePointers(machine);
  switch (event.type) {
    case 'key': {
      const key = readKey(event.key);
      if (key !== undefined) board.keyboard.key(key, event.down ? 'press' : 'release');
      return;
    }
    case 'btn': {
      const mouse = active[0] ?? board.mouse;
      const bit = 1 << BUTTONS.indexOf(event.button);
      if (Object.hasOwn(WHEEL, event.button)) {
        if (event.down) mouse.move(0, 0, WHEEL[event.button]);
      } else mouse.setButtons(event.down ? mouse.buttons | bit : mouse.buttons & ~bit);
      return;
    }
    case 'rel': {
      const mouse = active.find(({ kind }) => kind === 'usb-mouse') ?? board.mouse;
      if (event.axis === 'X') mouse.move(event.value, 0);
      else mouse.move(0, event.value);
      return;
    }
    default: {
      const tablet = active.find(({ kind }) => kind === 'usb-tablet');
      if (tablet === undefined) {
        throw new UserError('Input handler not found for event type abs');
      }
      const { x, y } = tablet.place;
      if (event.axis === 'X') tablet.moveTo(event.value, y);
      else tablet.moveTo(x, event.value);
    }
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
      return mice({ board })
        .map(({ name, index, current, absolute }) => {
          const kind = absolute ? ' (absolute)' : '';
          return `${current ? '*' : ' '} Mouse #${index}: ${name}${kind}\n`;
        })
        .join('');
    default:
      return undefined;
  }
}
