/**
 * The board as the monitor sees it: texts, keys, buttons.
 */

import type { Json } from './json.ts';
import type { PcMachine } from './machine-build.ts';
import type { Panel, Topic } from './monitor/vm.ts';

export function pcPanel(machine: PcMachine): Panel {
  const { board } = machine;
  return {
    show: topic => show(machine, topic),
    keyNames: [],
    pressKeys: () => {},
    nmi: () => board.nmi.pulse(),
    disassemble: () => [],
    queryPci: (): Json => [],
    queryMice: (): Json => [{ name: 'QEMU PS/2 Mouse', index: 2, current: true, absolute: false }],
    screenText: () => undefined,
    setBootOrder: () => {},
  };
}

function show({ board }: PcMachine, topic: Topic): string | undefined {
  switch (topic) {
    case 'pic':
      return board.pics.map((pic, i) => pic.infoText(`pic${i}`)).join('');
    case 'irq':
      return 'irq statistic code not compiled.\n';
    case 'usb':
      return 'USB support not enabled\n';
    case 'network':
      return '';
    case 'mice':
      return '* Mouse #2: QEMU PS/2 Mouse\n';
    default:
      return undefined;
  }
}
