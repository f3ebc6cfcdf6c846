/**
 * Zero clusters of snapshots, turned into what version 2 of the format can say.
 *
 * Tables of snapshots are never changed in place: copies are made, and one write of the header
 * switches to them (rebuild.ts). A power cut before leaves clusters that nobody refers to.
 */

import { entryOffset, kindOf, setEntry } from './entry.ts';
import { set64, view } from './layout.ts';
import type { Table } from './metadata.ts';
import type { Qcow2Node } from './node.ts';
import { switchTo } from './rebuild.ts';
import { l1Length, readSnapshotL1 } from './references.ts';
import type { Snapshot } from './snapshots.ts';

/** Under the lock. */
export async function expandInactive(node: Qcow2Node): Promise<void> {
  const expansion = new Expansion(node);
  const snapshots: (Snapshot & { l1?: DataView })[] = [];
  for (const snapshot of node.snapshots) {
    const l1 = await expansion.newL1(snapshot);
    snapshots.push(l1 === undefined ? snapshot : { ...snapshot, l1 });
  }
  if (snapshots.every(({ l1 }) => l1 === undefined)) return;
  const { l1, header } = node.metadata;
  const active = new Uint8Array(l1.buffer, l1.byteOffset, l1.byteLength).slice();
  await switchTo(node, { l1: view(active), size: header.size, snapshots });
}

class Expansion {
  /** Tables by their old places; where they need no change, the old place. */
  private readonly places = new Map<number, number>();

  constructor(private readonly node: Qcow2Node) {}

  /** Undefined when the snapshot holds no zero clusters. */
  async newL1(snapshot: Snapshot): Promise<DataView | undefined> {
    const bytes = new Uint8Array(l1Length(this.node, snapshot) ?? 0);
    await readSnapshotL1(this.node, snapshot, bytes);
    const copy = view(bytes);
    let changed = false;
    for (let at = 0; at < copy.byteLength; at += 8) {
      const old = entryOffset(copy.getUint32(at), copy.getUint32(at + 4));
      if (old === 0) continue;
      const place = this.places.get(old) ?? (await this.expanded(old, at / 8));
      this.places.set(old, place);
      if (place === old) continue;
      set64(copy, at, place);
      changed = true;
    }
    return changed ? copy : undefined;
  }

  /** A table without zero clusters; resolves with its place. */
  private async expanded(old: number, index: number): Promise<number> {
    const { metadata, refcounts } = this.node;
    const table = await metadata.table(old);
    if (!hasZeroes(table)) return old;
    const bytes = table.bytes.slice();
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

function hasZeroes({ data }: Table): boolean {
  for (let i = 0; i < data.byteLength; i += 8) {
    if (kindOf(data.getUint32(i), data.getUint32(i + 4)) === 'zero') return true;
  }
  return false;
}
