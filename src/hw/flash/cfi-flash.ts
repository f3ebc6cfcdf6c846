/**
 * Parallel NOR flash with the Intel command set (CFI set 0001h) on a byte-wide bus: QEMU's
 * `cfi.pflash01`.
 *
 * Data sheets: Intel StrataFlash J3 (28F128J3, 290667), Common Flash Memory Interface (JESD68).
 * Commands: read array, status, identifiers and query; program by byte or buffer; block erase;
 * locks are taken and forgotten. As in QEMU identifiers are zero, work is done at once, programming
 * can set bits, and a sequence that is broken off ends silently. Not emulated: suspend, lock bits,
 * the protection register, timing.
 *
 * While the array is read, its bytes are mapped from the arena and guests run out of them; any
 * other mode answers through a handler. Changes reach the drive in the background, whole sectors
 * in rising order, one request at a time.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import { type Memory, type MmioHandler, PAGE_BITS, PAGE_SIZE, type Region } from '../../memory.ts';
import type { AccessSize } from '../../ports.ts';
import { bytes, oneOf, type StateOf, state, u8, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import { diskTiming, HARD_DISK } from '../disk-timing.ts';
import { BUFFER, queryTable } from './query-table.ts';

/** Erased at once. */
export const BLOCK = 4096;
const SECTOR = 512;

/** First cycles. */
const PROGRAM = 0x40;
const PROGRAM_TOO = 0x10;
const ERASE = 0x20;
const CLEAR_STATUS = 0x50;
const LOCK = 0x60;
const READ_STATUS = 0x70;
const READ_IDENTIFIERS = 0x90;
const READ_QUERY = 0x98;
const PROGRAM_BUFFER = 0xe8;
const CONFIRM = 0xd0;
const LOCK_BLOCK = 0x01;

const READY = 0x80;
const ERASE_FAILED = 0x20;
const PROGRAM_FAILED = 0x10;

const registers = state('cfi.pflash01', 1, {
  /** What reads show. */
  shows: oneOf('array', 'status', 'identifiers', 'query'),
  /** What the next write is. */
  expects: oneOf('command', 'data', 'erase', 'lock', 'count', 'words', 'confirm'),
  status: u8(READY),
  /** Of the first cycle. */
  address: u32(),
  /** Bytes that the buffer still waits for. */
  missing: u16(),
  /** What the buffered bytes belong to, and what will be there. */
  window: u32(),
  buffer: bytes(BUFFER),
});

export interface CfiFlashOptions {
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly backend: BlockBackend;
  /** Its contents: as many as the backend has, a multiple of `BLOCK`. */
  readonly bytes: Uint8Array;
  readonly name: string;
  /** Guest-physical. */
  readonly base: number;
}

export class CfiFlash extends Device<StateOf<typeof registers>> {
  readonly arenaOffset: number;
  private readonly query: Uint8Array;
  private readonly dirty = new Set<number>();
  private isWriting = false;
  private lastWrite: Promise<void> = Promise.resolve();
  /** The bytes themselves, above the handler. */
  private readonly array: Region;

  constructor(readonly options: CfiFlashOptions) {
    super(registers);
    const { memory, name, base, bytes: contents } = options;
    const { length } = contents;
    this.query = queryTable(length, BLOCK);
    this.arenaOffset = memory.allocate(length, name);
    memory.u8.set(contents, this.arenaOffset);
    const backing: MmioHandler = {
      read: (offset, size) => this.read(offset, size),
      write: (offset, size, value) => {
        this.write(offset, size, value);
        this.settle();
      },
    };
    memory.map({ name, base, length, backing });
    this.array = memory.map({
      name,
      base,
      length,
      priority: 1,
      access: 'read',
      backing: { arenaOffset: this.arenaOffset },
    });
  }

  get length(): number {
    return this.options.bytes.length;
  }

  protected override settle(): void {
    this.options.memory.place(this.array, { enabled: this.state.shows === 'array' });
  }

  private read(offset: number, size: AccessSize): number {
    const { shows, status } = this.state;
    if (shows === 'status') return size === 4 ? status | (status << 16) : status;
    return shows === 'query' ? this.query[offset & 0xff] : 0;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    const s = this.state;
    const command = value & 0xff;
    switch (s.expects) {
      case 'command':
        this.begin(offset, command);
        break;
      case 'data':
        this.program(
          offset,
          Uint8Array.from({ length: size }, (_, i) => value >>> (8 * i)),
        );
        s.expects = 'command';
        break;
      case 'erase':
        if (command === CONFIRM) this.erase(s.address);
        else this.readArray();
        s.expects = 'command';
        break;
      case 'lock':
        if (command === CONFIRM || command === LOCK_BLOCK) this.showStatus('command', READY);
        else this.readArray();
        break;
      case 'count':
        s.missing = command + 1;
        s.expects = 'words';
        s.window = 0xffffffff;
        break;
      case 'words':
        this.fillBuffer(offset, size, value);
        break;
      case 'confirm':
        if (command === CONFIRM) this.program(s.window, s.buffer);
        else this.readArray();
        s.expects = 'command';
        break;
    }
  }

  private begin(offset: number, command: number): void {
    const s = this.state;
    s.address = offset;
    switch (command) {
      case PROGRAM:
      case PROGRAM_TOO:
        this.showStatus('data');
        break;
      case ERASE:
        this.showStatus('erase');
        break;
      case PROGRAM_BUFFER:
        this.showStatus('count', READY);
        break;
      case LOCK:
        this.showStatus('lock');
        break;
      case CLEAR_STATUS:
        s.status = READY;
        this.readArray();
        break;
      case READ_STATUS:
        s.shows = 'status';
        break;
      case READ_IDENTIFIERS:
        s.shows = 'identifiers';
        break;
      case READ_QUERY:
        s.shows = 'query';
        break;
      default:
        this.readArray();
    }
  }

  private readArray(): void {
    this.state.shows = 'array';
    this.state.expects = 'command';
  }

  private showStatus(expects: StateOf<typeof registers>['expects'], more = 0): void {
    const s = this.state;
    s.shows = 'status';
    s.expects = expects;
    s.status |= more;
  }

  /** All of a buffer goes to one window of the array; the first byte says which. */
  private fillBuffer(offset: number, size: AccessSize, value: number): void {
    const s = this.state;
    const window = offset - (offset % BUFFER);
    if (s.window === 0xffffffff) {
      s.window = window;
      const from = this.arenaOffset + window;
      s.buffer.set(this.options.memory.u8.subarray(from, from + BUFFER));
    }
    if (window !== s.window || (offset % BUFFER) + size > BUFFER) {
      s.status |= PROGRAM_FAILED | ERASE_FAILED;
      this.showStatus('command');
      return;
    }
    for (let i = 0; i < size; i++) s.buffer[(offset % BUFFER) + i] = value >>> (8 * i);
    s.missing = Math.max(0, s.missing - size);
    if (s.missing === 0) s.expects = 'confirm';
  }

  private program(offset: number, data: Uint8Array): void {
    this.change(offset, data, PROGRAM_FAILED);
  }

  private erase(address: number): void {
    this.change(address - (address % BLOCK), new Uint8Array(BLOCK).fill(0xff), ERASE_FAILED);
  }

  private change(offset: number, data: Uint8Array, failure: number): void {
    const s = this.state;
    s.status |= READY;
    if (this.options.backend.readOnly) {
      s.status |= failure;
      return;
    }
    const { memory } = this.options;
    const at = this.arenaOffset + offset;
    const end = at + Math.min(data.length, this.length - offset);
    for (let page = at - (at % PAGE_SIZE); page < end; page += PAGE_SIZE) {
      if (memory.codePages[page >>> PAGE_BITS] === 0) continue;
      const from = Math.max(page, at);
      memory.onCodeWrite(from, Math.min(page + PAGE_SIZE, end) - from);
    }
    memory.u8.set(data.subarray(0, end - at), at);
    const last = offset + (end - at);
    for (let sector = offset - (offset % SECTOR); sector < last; sector += SECTOR) {
      this.dirty.add(sector);
    }
    this.writeBack();
  }

  /** The machine is over: writes what has not yet been written. */
  async finish(): Promise<void> {
    await this.lastWrite.catch(() => {});
    for (let run = this.nextRun(); run !== undefined; run = this.nextRun()) {
      await this.options.backend.write(run.offset, run.data);
    }
  }

  /** Takes the first sectors that are to be written. */
  private nextRun(): { readonly offset: number; readonly data: Uint8Array } | undefined {
    const [offset] = [...this.dirty].sort((a, b) => a - b);
    if (offset === undefined) return undefined;
    let end = offset;
    for (; this.dirty.delete(end); end += SECTOR);
    const from = this.arenaOffset;
    return { offset, data: this.options.memory.u8.slice(from + offset, from + end) };
  }

  private writeBack(): void {
    if (this.isWriting) return;
    const { backend, inbox } = this.options;
    const run = this.nextRun();
    if (run === undefined) return;
    const done = (): void => {
      this.isWriting = false;
      this.writeBack();
    };
    this.isWriting = true;
    const promise = backend.write(run.offset, run.data);
    this.lastWrite = promise;
    const timing = diskTiming(HARD_DISK, backend, 'write', run.data.length);
    // Who could be told has long gone on; the drive's own policy has reported it.
    inbox.expect({ label: this.options.name, promise, ...timing }, done, done);
  }
}
