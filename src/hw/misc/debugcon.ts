/**
 * isa-debugcon: a port whose bytes go to a character device, as Bochs has it at E9h.
 */

import type { Char } from '../../char.ts';
import type { PortHandler } from '../../ports.ts';

export interface DebugConOptions {
  readonly char: Char;
  /** What a read answers; guests test for it. */
  readonly readback?: number;
}

export class DebugCon {
  /** One port: E9h. */
  readonly ports: PortHandler = {
    read: () => this.options.readback ?? 0xe9,
    write: (_offset, _size, value) => this.options.char.write(Uint8Array.of(value)),
  };

  constructor(private readonly options: DebugConOptions) {}
}
