/**
 * The sources of a conversion, one after the other as if they were one disk.
 */

import type { BlockHost } from '../../disk-host.ts';
import { type ChainExtent, chainStatus } from '../chain.ts';
import type { BlockNode } from '../node.ts';

export class Sources {
  readonly length: number;
  private readonly starts: number[] = [];

  constructor(private readonly nodes: readonly BlockNode[]) {
    let at = 0;
    for (const node of nodes) {
      this.starts.push(at);
      at += node.length;
    }
    this.length = at;
  }

  private indexAt(offset: number): number {
    let index = this.nodes.length - 1;
    while (index > 0 && this.starts[index] > offset) index--;
    return index;
  }

  /** Does a name lead to one of the files that the sources are made of? */
  reads(path: string, host: BlockHost): boolean {
    return this.nodes.some(node => isMadeOf(node, path, host));
  }

  /** `topOnly`: what the image itself holds, whatever its backing file says. */
  async status(offset: number, length: number, topOnly: boolean): Promise<ChainExtent> {
    const index = this.indexAt(offset);
    const node = this.nodes[index];
    const at = offset - this.starts[index];
    const most = Math.min(length, node.length - at);
    return chainStatus(node, topOnly ? node.backing : undefined, at, most);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let done = 0; done < into.length; ) {
      const index = this.indexAt(offset + done);
      const node = this.nodes[index];
      const at = offset + done - this.starts[index];
      const part = Math.min(into.length - done, node.length - at);
      await node.read(at, into.subarray(done, done + part));
      done += part;
    }
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node.close();
  }
}

/** Does a name lead to a file of a node or of its backing files? */
export function isMadeOf(node: BlockNode, path: string, host: BlockHost): boolean {
  const { file, backing } = node;
  if (file === undefined && host.isSameFile(node.filename, path)) return true;
  return [file, backing].some(child => child !== undefined && isMadeOf(child, path, host));
}
