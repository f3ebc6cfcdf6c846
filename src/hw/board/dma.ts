/**
 * The two DMA controllers of the AT: byte channels 0 to 3, word channels 4 to 7.
 */

import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import { I8237 } from '../dma/i8237.ts';
import type { Wiring } from './wiring.ts';

export class BoardDma {
  readonly low: I8237;
  readonly high: I8237;

  constructor({ memory, log }: { memory: Memory; log: Log }, wiring: Wiring) {
    const low = new I8237({ memory, log, width: 'byte' });
    const high = new I8237({ memory, log, width: 'word' });
    wiring.ports({ name: 'dma-chan', base: 0x00, length: 8 }, low.channelPorts);
    wiring.ports({ name: 'dma-cont', base: 0x08, length: 8 }, low.controlPorts);
    wiring.ports({ name: 'dma-page', base: 0x81, length: 3 }, low.pagePorts);
    wiring.ports({ name: 'dma-page', base: 0x87, length: 1 }, low.page0Port);
    wiring.ports({ name: 'dma-chan', base: 0xc0, length: 16 }, high.channelPorts);
    wiring.ports({ name: 'dma-cont', base: 0xd0, length: 16 }, high.controlPorts);
    wiring.ports({ name: 'dma-page', base: 0x89, length: 3 }, high.pagePorts);
    wiring.ports({ name: 'dma-page', base: 0x8f, length: 1 }, high.page0Port);
    this.low = low;
    this.high = high;
  }
}
