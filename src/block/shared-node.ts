/**
 * Nodes with several owners: images that another image names as its `file` or `backing` child.
 *
 * The first owner is whoever opened the node. Every other one holds a `SharedNode`; the node is
 * closed by the last owner that lets go.
 */

import type { BlockNode, DebugEvent, Encryption, Extent, ImageDetails } from './node.ts';

/** How many owners a node has beside its first one. */
const others = new WeakMap<BlockNode, number>();

/** Closes a node unless somebody else still owns it. */
export async function letGo(node: BlockNode): Promise<void> {
  const count = others.get(node) ?? 0;
  if (count === 0) return node.close();
  others.set(node, count - 1);
}

export class SharedNode implements BlockNode {
  backing: BlockNode | undefined;

  constructor(private readonly inner: BlockNode) {
    others.set(inner, (others.get(inner) ?? 0) + 1);
    this.backing = inner.backing;
  }

  get driver(): string {
    return this.inner.driver;
  }

  get filename(): string {
    return this.inner.filename;
  }

  get readOnly(): boolean {
    return this.inner.readOnly;
  }

  get length(): number {
    return this.inner.length;
  }

  get file(): BlockNode | undefined {
    return this.inner.file;
  }

  get encryption(): Encryption | undefined {
    return this.inner.encryption;
  }

  read(offset: number, into: Uint8Array): Promise<void> {
    return this.inner.read(offset, into);
  }

  write(offset: number, from: Uint8Array): Promise<void> {
    return this.inner.write(offset, from);
  }

  writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    return this.inner.writeZeroes(offset, length, allowUnmap);
  }

  discard(offset: number, length: number): Promise<void> {
    return this.inner.discard(offset, length);
  }

  flush(): Promise<void> {
    return this.inner.flush();
  }

  /** Bytes lie at their offsets of the shared node: where that has them is its own affair. */
  async status(offset: number, length: number): Promise<Extent> {
    const extent = await this.inner.status(offset, length);
    return { ...extent, allocated: true, zero: extent.allocated && extent.zero, offset: undefined };
  }

  truncate(length: number): Promise<void> {
    return this.inner.truncate(length);
  }

  close(): Promise<void> {
    return letGo(this.inner);
  }

  details(): ImageDetails {
    return this.inner.details();
  }

  async debugEvent(event: DebugEvent): Promise<void> {
    await this.inner.debugEvent?.(event);
  }
}
