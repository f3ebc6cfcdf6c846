/**
 * An internal snapshot as the tools and the monitor list it.
 */

export interface SnapshotInfo {
  readonly id: string;
  readonly name: string;
  /** Bytes of machine state stored with it; 0 for a snapshot of the disk alone. */
  readonly vmStateSize: number;
  readonly dateSeconds: number;
  readonly dateNanoseconds: number;
  /** Virtual time of the machine. */
  readonly vmClockNs: number;
}

/** The snapshots of an image, oldest first, read from it one after the other. */
export interface SnapshotList extends AsyncIterable<SnapshotInfo> {
  readonly count: number;
}

export const NO_SNAPSHOTS: SnapshotList = { count: 0, async *[Symbol.asyncIterator]() {} };

/** The first that fits. */
export async function findSnapshot<S extends SnapshotInfo>(
  list: AsyncIterable<S>,
  fits: (snapshot: S) => boolean,
): Promise<S | undefined> {
  for await (const snapshot of list) if (fits(snapshot)) return snapshot;
  return undefined;
}

/** By id first, then by name, as QEMU's tools look snapshots up. */
export async function findByIdOrName<S extends SnapshotInfo>(
  list: AsyncIterable<S>,
  key: string,
): Promise<S | undefined> {
  let named: S | undefined;
  for await (const snapshot of list) {
    if (snapshot.id === key) return snapshot;
    if (snapshot.name === key) named ??= snapshot;
  }
  return named;
}
