/**
 * `null-co` and `null-aio`: take everything, remember nothing.
 */

import { type BlockNode, type Extent, type ImageDetails, PLAIN_DETAILS } from '../node.ts';

export class NullNode implements BlockNode {
  readonly readOnly = false;
  readonly file = undefined;
  backing: BlockNode | undefined = undefined;

  constructor(
    readonly driver: 'null-co' | 'null-aio',
    readonly filename: string,
    readonly length: number,
  ) {}

  async read(): Promise<void> {}
  async write(): Promise<void> {}
  async writeZeroes(): Promise<void> {}
  async discard(): Promise<void> {}
  async flush(): Promise<void> {}
  async truncate(): Promise<void> {}
  async close(): Promise<void> {}

  async status(offset: number, length: number): Promise<Extent> {
    return { length, allocated: true, zero: false, offset };
  }

  details(): ImageDetails {
    return PLAIN_DETAILS;
  }
}
