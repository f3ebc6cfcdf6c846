/**
 * IN and OUT: the accumulator and a port.
 */

import type { Context, Size } from '../context.ts';
import { portIn, portOut } from '../io.ts';
import { EAX } from '../registers.ts';

export const portHelpers = {
  portIn(c: Context, port: number, size: number): void {
    const value = portIn(c, port & 0xffff, size as Size);
    const mask = size === 4 ? -1 : size === 2 ? 0xffff : 0xff;
    c.s[EAX] = (c.s[EAX] & ~mask) | (value & mask);
  },
  portOut: (c: Context, port: number, size: number): void =>
    portOut(c, port & 0xffff, size as Size, c.s[EAX]),
};
