/**
 * 82371SB (PIIX3), function 1: the IDE interface with two channels and their bus masters.
 *
 * Data sheet: Intel 82371SB (290550), section 2.3.
 * Not emulated: timing registers (storage only), decode enables: both channels always answer.
 */

import type { Line } from '../../line.ts';
import type { Memory } from '../../memory.ts';
import { PciFunction } from '../pci/config.ts';
import { BusMaster } from './bus-master.ts';
import { IdeChannel } from './channel.ts';

export interface Piix3IdeOptions {
  readonly memory: Memory;
  /** IRQ14 and IRQ15. */
  readonly irqs: readonly [Line, Line];
  /** Puts the sixteen bus-master ports where BAR 4 says. */
  readonly place: (base: number, enabled: boolean) => void;
}

export class Piix3Ide {
  readonly pci: PciFunction;
  readonly busMasters: readonly [BusMaster, BusMaster];
  readonly channels: readonly [IdeChannel, IdeChannel];

  constructor(options: Piix3IdeOptions) {
    this.busMasters = [new BusMaster(options.memory), new BusMaster(options.memory)];
    this.channels = [
      new IdeChannel({ irq: options.irqs[0], busMaster: this.busMasters[0] }),
      new IdeChannel({ irq: options.irqs[1], busMaster: this.busMasters[1] }),
    ];
    this.pci = new PciFunction({
      name: 'piix3-ide',
      vendor: 0x8086,
      device: 0x7010,
      revision: 0,
      classCode: 0x010180,
      initial: [
        [0x06, 0x80],
        [0x07, 0x02],
      ],
      bars: [{ index: 4, kind: 'io', size: 16, place: options.place }],
    });
  }
}
