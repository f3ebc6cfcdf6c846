/**
 * The board as the monitor sees it: texts, keys, buttons.
 */

import { disassembleLines } from './cpu/disassemble.ts';
import { UserError } from './error.ts';
import { screenText } from './hw/display/text.ts';
import { isKeyName, KEY_NAMES, type KeyName, keyOfNumber } from './hw/input/keys.ts';
import { bootOrderCmos } from './hw/timer/cmos.ts';
import type { Json } from './json.ts';
import type { PcMachine } from './machine-build.ts';
import type { Panel, Topic } from './monitor/vm.ts';

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
    queryMice: (): Json => [{ name: 'QEMU PS/2 Mouse', index: 2, current: true, absolute: false }],
    screenText: () => (board.vga === undefined ? undefined : screenText(board.vga)),
    setBootOrder: bootOrder => board.rtc.setCmos(bootOrderCmos({ bootOrder })),
  };
}

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
      return '* Mouse #2: QEMU PS/2 Mouse\n';
    default:
      return undefined;
  }
}
