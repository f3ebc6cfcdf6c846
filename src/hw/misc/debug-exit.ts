/**
 * isa-debug-exit: a write ends the emulator, so that test guests can report.
 */

import type { PortHandler } from '../../ports.ts';

export class DebugExit {
  /** `iosize` ports (2) at `iobase` (501h); up to 4 bytes wide. Reads give zero. */
  readonly ports: PortHandler = {
    read: () => 0,
    write: (_offset, _size, value) => this.exit(((value << 1) | 1) & 0xff),
  };

  /** `exit` gets the status: (value << 1) | 1, of which the host keeps eight bits. */
  constructor(private readonly exit: (status: number) => void) {}
}
