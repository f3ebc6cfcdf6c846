/**
 * What the block layer asks of the host: files by name, a cipher, a compressor, time for dates.
 *
 * The layer itself is pure; `src/host-*.ts` implements this for Node, tests implement it in
 * memory. Small transfers may complete at once (a page-cache hit costs 1 µs that way and 35 µs
 * through a callback), so reads and writes may return a value instead of a promise.
 */

/** A failed host call: `code` as POSIX names it, `message` as strerror says it. */
export class HostError extends Error {
  override readonly name = 'HostError';
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

export interface HostFile {
  /** In bytes, now. */
  length(): number;
  /** Bytes that the file occupies on the host's disk. */
  allocated(): number;
  /**
   * Whether bytes are stored at `offset`, or a hole reads as zeros there, and how far that holds.
   * Bytes that were written, by whomever here, are never a hole. Absent where the host cannot tell.
   */
  stored?(offset: number): { readonly data: boolean; readonly end: number };
  /** Fills as much of `into` as the file has at `offset`; resolves with the number of bytes. */
  read(offset: number, into: Uint8Array): number | Promise<number>;
  /** Writes all of `from`, growing the file when needed. */
  write(offset: number, from: Uint8Array): undefined | Promise<void>;
  /** Makes what was written survive a power cut. */
  flush(): Promise<void>;
  truncate(length: number): void;
  close(): void;
}

export type OpenMode = 'read' | 'write' | 'create';

/** AES with one key, one 16-byte block at a time, any number of blocks per call, no chaining. */
export interface BlockCipher {
  encrypt(blocks: Uint8Array): Uint8Array;
  decrypt(blocks: Uint8Array): Uint8Array;
}

export interface HostDate {
  readonly seconds: number;
  readonly nanoseconds: number;
}

export interface BlockHost {
  /** Throws HostError. `write` opens an existing file, `create` truncates or makes one. */
  open(path: string, mode: OpenMode): HostFile;
  exists(path: string): boolean;
  /** Do both names lead to one file? */
  isSameFile(a: string, b: string): boolean;
  /** An empty file that nobody else sees, gone when closed. */
  temporary(): { readonly path: string; readonly file: HostFile };
  /** `key` is 16 bytes. */
  aes128(key: Uint8Array): BlockCipher;
  /** True when all bytes from `start` to `end` are zero; faster than a loop. */
  isZero(bytes: Uint8Array, start: number, end: number): boolean;
  /** True when both hold the same bytes; faster than a loop. */
  isEqual(a: Uint8Array, b: Uint8Array): boolean;
  /** Raw deflate with a 4 KiB window. */
  deflate(bytes: Uint8Array): Uint8Array;
  /** Inverse of `deflate`; throws when the data is no deflate stream or not `length` bytes. */
  inflate(bytes: Uint8Array, length: number): Uint8Array;
  now(): HostDate;
  /** Seconds of a clock that only moves forward. */
  elapsed(): number;
  /** Seconds that local time is ahead of UTC at a moment, itself in seconds since 1970. */
  localOffset(epochSeconds: number): number;
  sleep(milliseconds: number): Promise<void>;
}
