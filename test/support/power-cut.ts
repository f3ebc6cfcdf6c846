/**
 * A disk that forgets: what is not flushed may be lost, in any order and in part, when the power
 * goes. Sectors of 512 bytes are written whole or not at all; the file's length counts as data.
 */
import type { HostFile, OpenMode } from '../../src/disk-host.ts';
import { MemoryFile, MemoryHost } from './memory-host.ts';
import type { Random } from './random.ts';

const SECTOR = 512;

interface Pending {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Thrown by the write or flush at which the power goes. */
export class PowerCut extends Error {
  override readonly name = 'PowerCut';
}

/** Counts down events (writes, flushes, truncations) to the cut. */
export class Fuse {
  constructor(public eventsLeft: number) {}

  /** Throws when the power has gone before. */
  check(): void {
    if (this.eventsLeft < 0) throw new PowerCut();
  }

  burn(): void {
    if (this.eventsLeft-- <= 0) throw new PowerCut();
  }
}

export class ForgetfulFile extends MemoryFile implements HostFile {
  private durable = new Uint8Array(0);
  private pending: Pending[] = [];
  private lengths: number[] = [];
  /** How often everything was made durable. */
  flushes = 0;

  constructor(
    private readonly fuse: Fuse,
    contents: Uint8Array,
  ) {
    super();
    super.write(0, contents);
    this.durable = this.contents() as Uint8Array<ArrayBuffer>;
  }

  override write(offset: number, from: Uint8Array): undefined {
    this.fuse.check();
    this.pending.push({ offset, bytes: from.slice() });
    this.lengths.push(Math.max(this.size, offset + from.length));
    this.fuse.burn();
    return super.write(offset, from);
  }

  override truncate(length: number): void {
    this.fuse.burn();
    // Cutting a file short is ordered by the file system's journal: taken as durable at once.
    if (length < this.size) {
      this.durable = this.durable.slice(0, length);
      this.pending = this.pending
        .filter(({ offset }) => offset < length)
        .map(({ offset, bytes }) => ({ offset, bytes: bytes.subarray(0, length - offset) }));
      this.lengths = this.lengths.map(one => Math.min(one, length));
    }
    this.lengths.push(length);
    super.truncate(length);
  }

  override async flush(): Promise<void> {
    this.fuse.burn();
    this.settle();
    this.flushes++;
  }

  private settle(): void {
    this.durable = this.contents() as Uint8Array<ArrayBuffer>;
    this.pending = [];
    this.lengths = [];
  }

  /** What is on the disk after the power came back. */
  survivors(random: Random): Uint8Array {
    const last = this.lengths.at(-1) ?? this.durable.length;
    const length = Math.max(
      this.durable.length,
      random.pick([this.durable.length, last, ...this.lengths]),
    );
    const disk = new Uint8Array(length);
    disk.set(this.durable);
    const keep = random.pick([0, 1, 2, 3]);
    for (const { offset, bytes } of this.shuffled(random)) {
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + SECTOR - ((offset + at) % SECTOR));
        if (random.below(4) < keep && offset + next <= length) {
          disk.set(bytes.subarray(at, next), offset + at);
        }
        at = next;
      }
    }
    return disk;
  }

  /** Different sectors reach the disk in any order; of one sector the later write wins. */
  private shuffled(random: Random): readonly Pending[] {
    const cut = random.below(this.pending.length + 1);
    return random.below(2) === 0 ? this.pending : this.pending.slice(cut);
  }
}

/** A host whose one image file is forgetful. */
export class ForgetfulHost extends MemoryHost {
  constructor(
    readonly path: string,
    readonly file: ForgetfulFile,
  ) {
    super();
    this.files.set(path, file);
  }
}

/** Every file forgets, new ones as well. */
export class ForgetfulDisk extends MemoryHost {
  readonly all = new Map<string, ForgetfulFile>();

  constructor(
    private readonly fuse: Fuse,
    files: ReadonlyMap<string, Uint8Array>,
  ) {
    super();
    for (const [path, bytes] of files) this.add(path, bytes);
  }

  override open(path: string, mode: OpenMode): HostFile {
    if (mode === 'create' && !this.all.has(path)) this.add(path, new Uint8Array(0));
    return super.open(path, mode);
  }

  private add(path: string, bytes: Uint8Array): void {
    const file = new ForgetfulFile(this.fuse, bytes);
    this.all.set(path, file);
    this.files.set(path, file);
  }
}
