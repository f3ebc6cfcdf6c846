import { expect, test } from 'vitest';
import { coprocessorPort } from '../../../src/hw/misc/coprocessor-port.ts';
import { Line } from '../../../src/line.ts';

test('FERR# raises IRQ 13; port F0h takes it back and lets the x87 go on', () => {
  const [ferr, ignne, irq] = [new Line('ferr'), new Line('ignne'), new Line('irq13')];
  const port = coprocessorPort({ ferr, ignne, irq });
  const levels = (): boolean[] => [irq.level, ignne.level];
  port.write?.(0, 1, 0);
  expect(levels()).toEqual([false, false]);
  ferr.set(true);
  expect(levels()).toEqual([true, false]);
  port.write?.(0, 1, 0);
  expect(levels()).toEqual([false, true]);
  ferr.set(false);
  expect(levels()).toEqual([false, false]);
});
