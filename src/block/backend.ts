/**
 * What a drive is to the device it is plugged into: a named hole that holds a medium, or none.
 *
 * Devices see only this file of the block layer. Offsets and lengths are bytes, multiples of 512.
 * Every request ends in a promise; devices hand it to the machine's inbox, so completions reach
 * them between instructions.
 */

/** A failed request, as a guest-visible status needs it. */
export class BlockError extends Error {
  override readonly name = 'BlockError';
  /** POSIX name: `EIO`, `ENOSPC`, `EROFS`, `ENOMEDIUM`. */
  constructor(
    readonly code: string,
    message: string = code,
  ) {
    super(message);
  }
}

/** What the host says of EIO. */
export const IO_ERROR = 'Input/output error';

/** Cylinders, heads, sectors per track, and how the firmware shall translate them. */
export interface DiskGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  readonly translation: 'none' | 'lba' | 'large' | 'auto';
}

/** The tray of a device: its state is the device's own. */
export interface Tray {
  readonly isOpen: boolean;
  /** The guest has forbidden to open it. */
  readonly isLocked: boolean;
  /** The user wants the medium: the guest is told. With `force` the lock is opened. */
  requestEject(force: boolean): void;
  /** The guest moved it. */
  onMove: (isOpen: boolean) => void;
}

export interface BlockBackend {
  /** The drive's id, as `info block` shows it. */
  readonly name: string;
  /** False while the tray is empty. */
  readonly inserted: boolean;
  readonly readOnly: boolean;
  /** In bytes; 0 without a medium. */
  readonly length: number;
  /** A geometry that the user asked for. */
  readonly geometry: DiskGeometry | undefined;
  /** `serial=` of -drive; undefined when not given. */
  readonly serial: string | undefined;
  /**
   * Finished writes may still be on their way to the medium; otherwise each is flushed. The
   * device's driver may choose.
   */
  writeCache: boolean;
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, from: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  discard(offset: number, length: number): Promise<void>;
  /** Called by a device that has a tray. */
  connectTray(tray: Tray): void;
  /** How long a request took, for statistics; from its start to its end, in virtual time. */
  account?(operation: 'read' | 'write' | 'flush', elapsedNs: number): void;
  /** Medium inserted or removed. */
  onMediaChange(listener: () => void): void;
}
