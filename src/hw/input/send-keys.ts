/**
 * Types chords on the keyboard, at the pace of QEMU's sendkey: the keys go down one after the
 * other, each held for the hold time, then up in reverse order.
 */

import type { Clock, Timer } from '../../clock.ts';
import { bool, list, ns, type StateOf, state, struct, text } from '../../state.ts';
import { Device } from '../device.ts';
import { isKeyName, type KeyName } from './keys.ts';
import type { InputRouter } from './router.ts';

export const DEFAULT_HOLD_MS = 100;
/** Steps that may wait; chords beyond are dropped. */
const LIMIT = 1024;

const registers = state('send-keys', 1, {
  steps: list(LIMIT, struct({ key: text(), down: bool(), holdNs: ns() })),
  /** When the first step is due. */
  dueNs: ns(),
});

export class KeySender extends Device<StateOf<typeof registers>> {
  private readonly timer: Timer;

  constructor(
    private readonly clock: Clock,
    private readonly input: Pick<InputRouter, 'key'>,
  ) {
    super(registers);
    this.timer = clock.timer('send-keys', () => this.onDue());
  }

  /** `keys` in the order they go down. Called through the inbox only. */
  send(keys: readonly KeyName[], holdMs = DEFAULT_HOLD_MS): void {
    const { steps } = this.state;
    if (steps.length + keys.length * 2 > LIMIT) return;
    const holdNs = Math.max(0, holdMs) * 1_000_000;
    if (steps.length === 0) this.state.dueNs = Math.max(this.state.dueNs, this.clock.nowNs);
    for (const key of keys) steps.push({ key, down: true, holdNs });
    for (const key of [...keys].reverse()) steps.push({ key, down: false, holdNs });
    this.onDue();
  }

  protected override settle(): void {
    if (this.state.steps.length === 0) this.timer.disarm();
    else this.timer.arm(this.state.dueNs);
  }

  private onDue(): void {
    const s = this.state;
    while (s.steps.length > 0 && s.dueNs <= this.clock.nowNs) {
      const { key, down, holdNs } = s.steps[0];
      s.steps.shift();
      s.dueNs += holdNs;
      if (isKeyName(key)) this.input.key(key, down ? 'press' : 'release');
    }
    this.settle();
  }
}
