/**
 * Wires whose level no chip can tell from its registers, because several drive them or because
 * whoever does only ever moves them: A20, FERR#, the interrupt behind it, IGNNE#. Kept as a chip of
 * its own, so that saved states have them. Reset is the business of those who drive them.
 */

import type { Line } from '../../line.ts';
import { array, bool, type StateOf, state } from '../../state.ts';
import { Device } from '../device.ts';

const MAX_WIRES = 4;

const registers = state('wires', 1, { levels: array(MAX_WIRES, bool()) });

export class WireLevels extends Device<StateOf<typeof registers>> {
  /** In an order in which setting one does not move another that was set before. */
  constructor(private readonly lines: readonly Line[]) {
    super(registers);
  }

  override reset(): void {}

  override save() {
    for (const [i, line] of this.lines.entries()) this.state.levels[i] = line.level;
    return super.save();
  }

  protected override settle(): void {
    for (const [i, line] of this.lines.entries()) line.set(this.state.levels[i]);
  }
}
