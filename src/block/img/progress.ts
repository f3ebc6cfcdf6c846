/**
 * `-p`: how far a command is, in per cent; without it, on SIGUSR1.
 *
 * QEMU's tools reckon in single precision and show a new figure only when it differs by more than
 * a step from the last one, so their sums are repeated here to the last bit.
 */

import { fixed } from '../../fixed.ts';
import type { ToolHost } from '../../tool-host.ts';

/** What QEMU's commands read at once: figures change after so many bytes. */
export const STEP_BYTES = 2 * 1024 * 1024;

const { fround } = Math;

export class Progress {
  private last = 0;
  private current = 0;
  private readonly stop: () => void;
  private ended = false;

  constructor(
    private readonly host: ToolHost,
    private readonly visible: boolean,
    /** Changes of less are not shown. */
    private readonly step = 1,
  ) {
    this.stop = visible ? () => {} : host.onProgressAsked(() => host.err(`${this.text()}\n`));
    this.show(0);
  }

  /** `done` of `total`, whatever the unit. */
  reached(done: number, total: number): void {
    this.show(fround((100 * done) / total));
  }

  /** So much more, as a fraction of the whole. */
  add(part: number): void {
    const percent = fround(fround(part) * 100);
    this.show(fround(this.current + fround(fround(percent * 100) / 100)));
  }

  finish(): void {
    this.show(100);
  }

  end(): void {
    this.stop();
    if (this.visible && !this.ended) this.host.out('\n');
    this.ended = true;
  }

  private show(percent: number): void {
    const { last, step } = this;
    this.current = Math.min(100, percent);
    const { current } = this;
    const differs = current > fround(last + step) || current < fround(last - step);
    if (!this.visible || !(differs || current === 0 || current === 100)) return;
    this.last = current;
    this.host.out(`${this.text()}\r`);
  }

  private text(): string {
    return `    (${fixed(this.current, 2)}/100%)`;
  }
}

/** Bytes of one extent after the other, told on in the pieces that QEMU would have read. */
export class Steps {
  private pending = 0;

  constructor(
    private readonly tell: (bytes: number) => void,
    private readonly size = STEP_BYTES,
  ) {}

  add(bytes: number): void {
    this.pending += bytes;
    for (; this.pending >= this.size; this.pending -= this.size) this.tell(this.size);
  }

  endExtent(): void {
    if (this.pending > 0) this.tell(this.pending);
    this.pending = 0;
  }
}
