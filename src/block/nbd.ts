/**
 * The server's side of a connection by the Network Block Device protocol: negotiation of an export
 * by name, then requests.
 *
 * Source: "The NBD protocol" of the nbd project, fixed newstyle negotiation and simple replies.
 * Not there: structured replies, TLS, block status; clients fall back.
 */

import { BlockError } from './backend.ts';

/** What can be exported: a drive. */
export interface NbdDisk {
  readonly length: number;
  readonly inserted: boolean;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, from: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  discard(offset: number, length: number): Promise<void>;
}

export interface NbdExport {
  readonly name: string;
  readonly disk: NbdDisk;
  readonly isWritable: boolean;
}

export interface NbdPeer {
  send(bytes: Uint8Array): void;
  /** No more is to be said. */
  end(): void;
}

const MAGIC = 0x4e42444d41474943n;
const OPTION_MAGIC = 0x49484156454f5054n;
const OPTION_REPLY_MAGIC = 0x0003e889045565a9n;
const REQUEST_MAGIC = 0x25609513;
const REPLY_MAGIC = 0x67446698;

const FIXED_NEWSTYLE = 1;
const OPTION_EXPORT_NAME = 1;
const OPTION_ABORT = 2;
const OPTION_LIST = 3;
const REPLY_ACK = 1;
const REPLY_SERVER = 2;
const REPLY_UNSUPPORTED = 0x80000001;

const HAS_FLAGS = 1;
const IS_READ_ONLY = 2;
const SENDS_FLUSH = 4;
const SENDS_FUA = 8;
const SENDS_TRIM = 32;

const READ = 0;
const WRITE = 1;
const DISCONNECT = 2;
const FLUSH = 3;
const TRIM = 4;
const FUA = 1;

const EPERM = 1;
const EIO = 5;
const EINVAL = 22;
const ENOSPC = 28;
const SECTOR = 512;
const MAX_REQUEST = 32 * 1024 * 1024;
const MAX_OPTION = 64 * 1024;

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly handle: bigint;
  readonly offset: number;
  readonly length: number;
}

export class NbdConnection {
  private pending = new Uint8Array(0);
  private stage: 'flags' | 'options' | 'requests' | 'over' = 'flags';
  private chosen: NbdExport | undefined;
  /** Replies leave in the order of their requests. */
  private last: Promise<void> = Promise.resolve();

  constructor(
    private readonly exports: () => readonly NbdExport[],
    private readonly peer: NbdPeer,
  ) {
    const greeting = new DataView(new ArrayBuffer(18));
    greeting.setBigUint64(0, MAGIC);
    greeting.setBigUint64(8, OPTION_MAGIC);
    greeting.setUint16(16, FIXED_NEWSTYLE);
    this.send(greeting);
  }

  /** Of which export the client is; undefined while it has none. */
  get export(): NbdExport | undefined {
    return this.chosen;
  }

  feed(bytes: Uint8Array): void {
    const joined = new Uint8Array(this.pending.length + bytes.length);
    joined.set(this.pending);
    joined.set(bytes, this.pending.length);
    this.pending = joined;
    while (this.stage !== 'over' && this.step());
  }

  /** The export is gone, or the server. */
  close(): void {
    this.stage = 'over';
    this.peer.end();
  }

  private send(view: DataView): void {
    this.peer.send(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  private take(length: number): DataView {
    const bytes = this.pending.slice(0, length);
    this.pending = this.pending.subarray(length);
    return new DataView(bytes.buffer);
  }

  private peek(): DataView {
    return new DataView(this.pending.buffer, this.pending.byteOffset, this.pending.byteLength);
  }

  /** False while more bytes are needed. */
  private step(): boolean {
    switch (this.stage) {
      case 'flags':
        if (this.pending.length < 4) return false;
        this.take(4);
        this.stage = 'options';
        return true;
      case 'options':
        return this.option();
      default:
        return this.request();
    }
  }

  private option(): boolean {
    if (this.pending.length < 16) return false;
    const head = this.peek();
    const option = head.getUint32(8);
    const length = head.getUint32(12);
    if (head.getBigUint64(0) !== OPTION_MAGIC || length > MAX_OPTION) {
      this.close();
      return false;
    }
    if (this.pending.length < 16 + length) return false;
    this.take(16);
    const data = new Uint8Array(this.take(length).buffer);
    this.answerOption(option, data);
    return true;
  }

  private answerOption(option: number, data: Uint8Array): void {
    switch (option) {
      case OPTION_EXPORT_NAME:
        this.choose(new TextDecoder().decode(data));
        return;
      case OPTION_ABORT:
        this.replyOption(option, REPLY_ACK);
        this.close();
        return;
      case OPTION_LIST:
        for (const { name } of this.exports()) {
          const text = new TextEncoder().encode(name);
          const entry = new Uint8Array(4 + text.length);
          new DataView(entry.buffer).setUint32(0, text.length);
          entry.set(text, 4);
          this.replyOption(option, REPLY_SERVER, entry);
        }
        this.replyOption(option, REPLY_ACK);
        return;
      default:
        this.replyOption(option, REPLY_UNSUPPORTED);
    }
  }

  private replyOption(option: number, type: number, data = new Uint8Array(0)): void {
    const reply = new DataView(new ArrayBuffer(20 + data.length));
    reply.setBigUint64(0, OPTION_REPLY_MAGIC);
    reply.setUint32(8, option);
    reply.setUint32(12, type);
    reply.setUint32(16, data.length);
    new Uint8Array(reply.buffer).set(data, 20);
    this.send(reply);
  }

  private choose(name: string): void {
    const found = this.exports().find(item => item.name === name);
    if (found === undefined) {
      this.close();
      return;
    }
    this.chosen = found;
    const reply = new DataView(new ArrayBuffer(8 + 2 + 124));
    const readOnly = found.isWritable && !found.disk.readOnly ? 0 : IS_READ_ONLY;
    reply.setBigUint64(0, BigInt(found.disk.length));
    reply.setUint16(8, HAS_FLAGS | SENDS_FLUSH | SENDS_FUA | SENDS_TRIM | readOnly);
    this.send(reply);
    this.stage = 'requests';
  }

  private request(): boolean {
    if (this.pending.length < 28) return false;
    const head = this.peek();
    const request: Request = {
      flags: head.getUint16(4),
      type: head.getUint16(6),
      handle: head.getBigUint64(8),
      offset: Number(head.getBigUint64(16)),
      length: head.getUint32(24),
    };
    const isTooLong = request.length > MAX_REQUEST && request.type !== TRIM;
    if (head.getUint32(0) !== REQUEST_MAGIC || isTooLong) {
      this.close();
      return false;
    }
    const dataLength = request.type === WRITE ? request.length : 0;
    if (this.pending.length < 28 + dataLength) return false;
    this.take(28);
    const data = new Uint8Array(this.take(dataLength).buffer);
    if (request.type === DISCONNECT) {
      this.stage = 'over';
      void this.last.then(() => this.peer.end());
      return false;
    }
    this.last = this.last.then(() => this.serve(request, data));
    return true;
  }

  private async serve(request: Request, data: Uint8Array): Promise<void> {
    const into = request.type === READ ? new Uint8Array(request.length) : new Uint8Array(0);
    const error = await this.perform(request, request.type === READ ? into : data);
    const sent = error === 0 ? into : new Uint8Array(0);
    const reply = new DataView(new ArrayBuffer(16 + sent.length));
    reply.setUint32(0, REPLY_MAGIC);
    reply.setUint32(4, error);
    reply.setBigUint64(8, request.handle);
    new Uint8Array(reply.buffer).set(sent, 16);
    this.send(reply);
  }

  /** Returns the number of the error, 0 for none. */
  private async perform(request: Request, bytes: Uint8Array): Promise<number> {
    const { chosen } = this;
    if (chosen === undefined) return EINVAL;
    const { disk, isWritable } = chosen;
    const { type, offset, length } = request;
    if (!disk.inserted) return EIO;
    if (type !== FLUSH && !isInside(request, disk)) return type === WRITE ? ENOSPC : EINVAL;
    const changes = type === WRITE || type === TRIM;
    if (changes && (!isWritable || disk.readOnly)) return EPERM;
    try {
      if (type === READ) await disk.read(offset, bytes);
      else if (type === WRITE) await disk.write(offset, bytes);
      else if (type === TRIM) await disk.discard(offset, length);
      else if (type !== FLUSH) return EINVAL;
      if (type === FLUSH || (changes && (request.flags & FUA) !== 0)) await disk.flush();
      return 0;
    } catch (error) {
      if (!(error instanceof BlockError)) throw error;
      return { ENOSPC, EPERM, EROFS: EPERM, EINVAL }[error.code] ?? EIO;
    }
  }
}

function isInside({ offset, length }: Request, disk: NbdDisk): boolean {
  return offset % SECTOR === 0 && length % SECTOR === 0 && offset + length <= disk.length;
}
