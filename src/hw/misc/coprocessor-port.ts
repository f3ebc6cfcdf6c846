/**
 * Port F0h and the PC's way to report x87 errors: FERR# makes IRQ 13; a write to the port takes it
 * back and asserts IGNNE#, so that the handler can use the x87, until FERR# falls.
 *
 * Source: Intel SDM volume 1, 8.7 (MS-DOS compatibility sub-mode); the PIIX3 data sheet, FERR# and
 * IGNNE#, port F0h. Not emulated: port F1h, the reset of a 287.
 */

import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { stubPort } from './stub-port.ts';

export interface CoprocessorLines {
  readonly ferr: Line;
  readonly ignne: Line;
  readonly irq: { set(level: boolean): void };
}

export function coprocessorPort({ ferr, ignne, irq }: CoprocessorLines): PortHandler {
  ferr.connect(level => {
    irq.set(level);
    if (!level) ignne.set(false);
  });
  return stubPort(() => {
    irq.set(false);
    if (ferr.level) ignne.set(true);
  });
}
