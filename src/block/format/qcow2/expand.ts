/**
 * Zero clusters of snapshots, turned into what version 2 of the format can say.
 *
 * Tables of snapshots are never changed in place: copies are made, and one write of the header
 * switches to them (rebuild.ts). A power cut before leaves clusters that nobody refers to. All
 * snapshots go through their L1 tables together, a piece at a time: what they share at one place is
 * copied once, and nothing has to be remembered for longer.
 */

import { PAGE_BYTES } from '../paged-table.ts';
import { entryOffset, kindOf, setEntry } from './entry.ts';
import { l1Length, requireL1, storedL1, tableL1 } from './l1-source.ts';
import { set64, view } from './layout.ts';
import type { Qcow2Node } from './node.ts';
import { switchTo } from './rebuild.ts';
import type { L1Place } from './snapshots.ts';

/** Under the lock. Tells of each entry of the tables. */
export async function expandInactive(node: Qcow2Node, visited: () => void): Promise<void> {
  const expansion = new Expansion(node, visited);
  await expansion.run();
  if (!expansion.isNeeded) return;
  const { header, l1 } = node.metadata;
  const snapshots = { moved: expansion.l1Places };
  await switchTo(node, { l1: tableL1(l1), size: header.size, snapshots });
}

class Expansion {
  /** New places of L1 tables, by the old ones. */
  readonly l1Places = new Map<number, number>();
  /** L2 tables by their old places; where they need no change, the old place. */
  private readonly places = new Map<number, number>();

  constructor(
    private readonly node: Qcow2Node,
    private readonly visited: () => void,
  ) {}

  get isNeeded(): boolean {
    return this.l1Places.size > 0;
  }

  async run(): Promise<void> {
    const { snapshots, metadata } = this.node;
    // Tables with one place are one table, as long as the longest says.
    const tables = new Map<number, L1Place>();
    let longest = 0;
    for (const snapshot of snapshots.l1Places()) {
      requireL1(this.node, snapshot);
      longest = Math.max(longest, l1Length(this.node, snapshot));
      const known = tables.get(snapshot.l1Offset);
      if (known === undefined || known.l1Size < snapshot.l1Size) {
        tables.set(snapshot.l1Offset, snapshot);
      }
    }
    for (let at = 0; at < longest; at += PAGE_BYTES) {
      this.places.clear();
      for (const snapshot of tables.values()) {
        await this.expandPiece(snapshot, at);
        if (metadata.isFull) await metadata.makeRoom();
      }
    }
  }

  private async expandPiece(snapshot: L1Place, start: number): Promise<void> {
    const table = storedL1(this.node, snapshot);
    if (start >= table.length) return;
    const piece = await table.piece(start);
    let changed = false;
    for (let at = 0; at < piece.byteLength; at += 8) {
      this.visited();
      const old = entryOffset(piece.getUint32(at), piece.getUint32(at + 4));
      if (old === 0) continue;
      const place = this.places.get(old) ?? (await this.expanded(old, (start + at) / 8));
      this.places.set(old, place);
      if (place === old) continue;
      set64(piece, at, place);
      changed = true;
    }
    if (!changed) return;
    const place = this.l1Places.get(snapshot.l1Offset) ?? (await this.copyOf(snapshot));
    await this.node.metadata.writeAt(place + start, new Uint8Array(piece.buffer));
  }

  /** A snapshot's L1 table again, in clusters of its own. */
  private async copyOf(snapshot: L1Place): Promise<number> {
    const { metadata, refcounts } = this.node;
    const table = storedL1(this.node, snapshot);
    const place = await refcounts.allocate(Math.ceil(table.length / metadata.clusterSize));
    for (let at = 0; at < table.length; at += PAGE_BYTES) {
      const { buffer } = await table.piece(at);
      await metadata.writeAt(place + at, new Uint8Array(buffer));
    }
    this.l1Places.set(snapshot.l1Offset, place);
    return place;
  }

  /** A table without zero clusters; resolves with its place. */
  private async expanded(old: number, index: number): Promise<number> {
    const { metadata, refcounts } = this.node;
    const found = await metadata.glance(old);
    if (!hasZeroes(found.data)) return old;
    const bytes = found.bytes.slice();
    const data = view(bytes);
    for (let i = 0; i < metadata.l2Entries; i++) {
      if (kindOf(data.getUint32(i * 8), data.getUint32(i * 8 + 4)) !== 'zero') continue;
      set64(data, i * 8, 0);
      const offset = index * metadata.l2Coverage + i * metadata.clusterSize;
      if (this.node.backing !== undefined) setEntry(data, i, await this.zeros(offset), 0);
    }
    const place = await refcounts.allocate(1);
    await metadata.writeAt(place, bytes);
    return place;
  }

  /** A cluster full of zeros, as `offset` of the disk stores them. */
  private async zeros(offset: number): Promise<number> {
    const { metadata, refcounts, encryption } = this.node;
    const place = await refcounts.allocate(1);
    const bytes = new Uint8Array(metadata.clusterSize);
    await metadata.writeAt(place, encryption?.encrypt(offset, bytes) ?? bytes);
    return place;
  }
}

function hasZeroes(data: DataView): boolean {
  for (let i = 0; i < data.byteLength; i += 8) {
    if (kindOf(data.getUint32(i), data.getUint32(i + 4)) === 'zero') return true;
  }
  return false;
}
