/**
 * A disk for guests that know they are guests: QEMU's `virtio-blk-pci`.
 *
 * Specification: Virtio PCI Card Specification 0.9.5, section 2.2 (transport), appendix D (block).
 * Not emulated: SCSI passthrough (answered as unsupported, as for every disk that is a file).
 *
 * Requests that are under way when the guest resets the device are void. Those that
 * wait while the state is saved are made again from their descriptors.
 */

import type { BlockBackend } from '../../block/backend.ts';
import { assert } from '../../error.ts';
import type { Inbox } from '../../inbox.ts';
import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import type { AccessSize, PortHandler } from '../../ports.ts';
import { bool, list, type Plain, type StateOf, state, struct, u8, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import { type DiskOperation, diskTiming, HARD_DISK } from '../disk-timing.ts';
import { type BarOptions, PciFunction } from '../pci/config.ts';
import type { MsiX } from '../pci/msix.ts';
import { type Chain, QUEUE_SIZE, queueFields, type Segment, Virtqueue } from './virtqueue.ts';

/** Registers of BAR 0. */
const HOST_FEATURES = 0;
const GUEST_FEATURES = 4;
const QUEUE_PFN = 8;
const QUEUE_NUM = 12;
const QUEUE_SELECT = 14;
const QUEUE_NOTIFY = 16;
const STATUS = 18;
const ISR = 19;
/** While there are messages instead of interrupts, two registers are before the configuration. */
const CONFIG_VECTOR = 20;
const QUEUE_VECTOR = 22;
const CONFIG = 20;
const CONFIG_WITH_VECTORS = 24;
const NO_VECTOR = 0xffff;
const BAR_SIZE = 64;
const ISR_QUEUE = 1;

/** Feature bits. */
const SEG_MAX = 2;
const GEOMETRY = 4;
const READ_ONLY = 5;
const BLOCK_SIZE = 6;
const SCSI = 7;
const FLUSH = 9;
const TOPOLOGY = 10;
const CONFIG_WCE = 11;
const NOTIFY_ON_EMPTY = 24;
const INDIRECT = 28;
const EVENT_INDEX = 29;
/** Guests that take this one take whatever is offered without looking. */
const BAD_FEATURE = 30;
const ALWAYS = [SEG_MAX, GEOMETRY, BLOCK_SIZE, SCSI, FLUSH, TOPOLOGY, CONFIG_WCE].concat(
  NOTIFY_ON_EMPTY,
  INDIRECT,
  EVENT_INDEX,
  BAD_FEATURE,
);

/** Requests and their results. */
const TYPE_IN = 0;
const TYPE_OUT = 1;
const TYPE_SCSI = 2;
const TYPE_FLUSH = 4;
const TYPE_GET_ID = 8;
const HEADER_LENGTH = 16;
const OK = 0;
const IO_ERROR = 1;
const UNSUPPORTED = 2;
const ID_LENGTH = 20;
const SECTOR = 512;
/** Data of one request, at most. */
const LIMIT = 1 << 26;

const WCE_OFFSET = 32;
const DRIVER_OK = 4;

const registers = state('virtio-blk', 2, {
  guestFeatures: u32(),
  select: u16(),
  status: u8(),
  isr: u8(),
  writeCache: bool(true),
  configVector: u16(NO_VECTOR),
  queueVector: u16(NO_VECTOR),
  queue: struct(queueFields),
  /** First descriptors of the requests that are under way. */
  started: list(QUEUE_SIZE, u16()),
});

export interface VirtioBlkOptions {
  readonly backend: BlockBackend;
  readonly serial: string;
  readonly geometry: () => { cylinders: number; heads: number; sectors: number };
  readonly memory: Memory;
  readonly inbox: Inbox;
  readonly log: Log;
  readonly place: (base: number, enabled: boolean) => void;
  /** Interrupts as messages, if it has them, and the place of their table. */
  readonly messages?: { readonly msix: MsiX; readonly place: BarOptions['place'] };
}

export class VirtioBlk extends Device<StateOf<typeof registers>> {
  readonly pci: PciFunction;
  readonly ports: PortHandler = {
    read: (offset, size) => this.read(offset, size),
    write: (offset, size, value) => {
      this.write(offset, size, value);
      this.settle();
    },
  };
  private readonly queue: Virtqueue;
  /** Grows with every reset: answers to earlier requests are void. */
  private epoch = 0;
  /** The user's choice, which holds until a driver makes its own. */
  private readonly hasWriteCache: boolean;

  constructor(private readonly options: VirtioBlkOptions) {
    super(registers);
    this.hasWriteCache = options.backend.writeCache;
    this.state.writeCache = this.hasWriteCache;
    const { memory, log, place, messages } = options;
    const described = messages?.msix.describe(messages.place);
    this.pci = new PciFunction({
      ...described?.space,
      name: 'virtio-blk-pci',
      vendor: 0x1af4,
      device: 0x1001,
      revision: 0,
      classCode: 0x010000,
      interruptPin: 1,
      subsystem: 0x00021af4,
      bars: [
        { index: 0, kind: 'io', size: BAR_SIZE, place },
        ...(described === undefined ? [] : [described.bar]),
      ],
    });
    if (messages !== undefined) messages.msix.pci = this.pci;
    this.queue = new Virtqueue({
      memory,
      state: () => this.state.queue,
      hasEventIndex: () => this.has(EVENT_INDEX),
      guestError: why => log.guestError('virtio-blk', why),
    });
  }

  override reset(): void {
    this.epoch++;
    this.state = { ...this.table.initial(), writeCache: this.hasWriteCache };
    this.settle();
  }

  /** Requests that waited while the state was saved are made once more. */
  override load(plain: Plain): void {
    this.epoch++;
    super.load(plain);
    for (const head of this.state.started.splice(0)) {
      const chain = this.queue.chain(head);
      if (chain !== undefined) this.start(chain);
    }
  }

  protected override settle(): void {
    this.options.backend.writeCache = this.state.writeCache;
    this.pci.interrupt(this.state.isr !== 0 && !this.hasMessages);
  }

  private get hasMessages(): boolean {
    return this.options.messages?.msix.enabled ?? false;
  }

  private get config(): number {
    return this.hasMessages ? CONFIG_WITH_VECTORS : CONFIG;
  }

  private has(feature: number): boolean {
    return ((this.state.guestFeatures >>> feature) & 1) !== 0;
  }

  private get hostFeatures(): number {
    const features = this.options.backend.readOnly ? [...ALWAYS, READ_ONLY] : ALWAYS;
    return features.reduce((sum, bit) => sum | (1 << bit), 0) >>> 0;
  }

  private read(offset: number, size: AccessSize): number {
    const s = this.state;
    const isSelected = s.select === 0;
    switch (offset) {
      case HOST_FEATURES:
        return this.hostFeatures;
      case GUEST_FEATURES:
        return s.guestFeatures;
      case QUEUE_PFN:
        return isSelected ? s.queue.pfn : 0;
      case QUEUE_NUM:
        return isSelected ? QUEUE_SIZE : 0;
      case QUEUE_SELECT:
        return s.select;
      case STATUS:
        return s.status;
      case ISR: {
        const { isr } = s;
        s.isr = 0;
        this.settle();
        return isr;
      }
      default:
        if (offset >= this.config) return this.readConfig(offset - this.config, size);
        if (offset === CONFIG_VECTOR) return s.configVector;
        return offset === QUEUE_VECTOR && isSelected ? s.queueVector : 0xffffffff;
    }
  }

  /** Appendix D, struct virtio_blk_config; nothing behind its end. */
  private readConfig(offset: number, size: AccessSize): number {
    const { length } = this.options.backend;
    const { cylinders, heads, sectors } = this.options.geometry();
    const view = new DataView(new ArrayBuffer(BAR_SIZE));
    for (let at = WCE_OFFSET + 4; at < BAR_SIZE; at++) view.setUint8(at, 0xff);
    view.setBigUint64(0, BigInt(Math.floor(length / SECTOR)), true);
    view.setUint32(12, QUEUE_SIZE - 2, true);
    view.setUint16(16, cylinders, true);
    view.setUint8(18, heads);
    view.setUint8(19, sectors);
    view.setUint32(20, SECTOR, true);
    view.setUint8(WCE_OFFSET, this.state.writeCache ? 1 : 0);
    if (size === 1) return view.getUint8(offset);
    return size === 2 ? view.getUint16(offset, true) : view.getUint32(offset, true);
  }

  private write(offset: number, size: AccessSize, value: number): void {
    const s = this.state;
    switch (offset) {
      case GUEST_FEATURES:
        s.guestFeatures = (value & this.hostFeatures & ~(1 << BAD_FEATURE)) >>> 0;
        break;
      case QUEUE_PFN:
        if (value === 0) this.reset();
        else if (s.select === 0) s.queue.pfn = value & 0xfffff;
        break;
      case QUEUE_SELECT:
        s.select = value & 0xffff;
        break;
      case QUEUE_NOTIFY:
        if ((value & 0xffff) === 0) this.serve();
        break;
      case STATUS:
        this.setStatus(value & 0xff);
        break;
      default:
        if (offset === this.config + WCE_OFFSET && size === 1) s.writeCache = (value & 1) !== 0;
        else if (offset < this.config) this.writeVector(offset, value & 0xffff);
    }
  }

  /** Reads as none when there is no such message. */
  private writeVector(offset: number, value: number): void {
    const vector = value < (this.options.messages?.msix.vectors ?? 0) ? value : NO_VECTOR;
    if (offset === CONFIG_VECTOR) this.state.configVector = vector;
    else if (offset === QUEUE_VECTOR && this.state.select === 0) this.state.queueVector = vector;
  }

  /** A driver that neither flushes nor sets the cache itself wants each write on the disk. */
  private setStatus(status: number): void {
    if (status === 0) this.reset();
    this.state.status = status;
    if ((status & DRIVER_OK) !== 0 && !this.has(CONFIG_WCE)) {
      this.state.writeCache = this.has(FLUSH);
    }
  }

  /** Takes all requests that wait. */
  private serve(): void {
    for (;;) {
      const chain = this.queue.pop();
      if (chain === undefined) return;
      this.start(chain);
    }
  }

  private start(chain: Chain): void {
    const out = total(chain.out);
    const into = total(chain.into);
    if (out < HEADER_LENGTH || into < 1 || out > LIMIT || into > LIMIT) {
      this.options.log.guestError('virtio-blk', 'request without header, or too long');
      this.state.queue.isBroken = true;
      return;
    }
    const sent = this.gather(chain.out, out);
    const view = new DataView(sent.buffer);
    const type = view.getUint32(0, true);
    const offset = Number(view.getBigUint64(8, true)) * SECTOR;
    const data = sent.subarray(HEADER_LENGTH);
    switch (type) {
      case TYPE_IN:
        this.readDisk(chain, offset, into - 1);
        break;
      case TYPE_OUT:
        this.writeDisk(chain, offset, data);
        break;
      case TYPE_FLUSH:
        this.wait(chain, 'flush', 0, this.options.backend.flush());
        break;
      case TYPE_GET_ID:
        this.tellId(chain, into - 1);
        break;
      case TYPE_SCSI:
        // Its errors come before the status: 255 is none that any disk has.
        if (into >= 17) this.scatter(chain.into, into - 17, Uint8Array.of(255, 0, 0, 0));
        this.finish(chain, UNSUPPORTED, 0);
        break;
      default:
        this.finish(chain, UNSUPPORTED, 0);
    }
  }

  private readDisk(chain: Chain, offset: number, length: number): void {
    if (!this.isInside(offset, length)) {
      this.finish(chain, IO_ERROR, 0);
      return;
    }
    const bytes = new Uint8Array(length);
    this.wait(chain, 'read', length, this.options.backend.read(offset, bytes), () => {
      this.scatter(chain.into, 0, bytes);
    });
  }

  private writeDisk(chain: Chain, offset: number, data: Uint8Array): void {
    const { backend } = this.options;
    if (backend.readOnly || !this.isInside(offset, data.length)) {
      this.finish(chain, IO_ERROR, 0);
      return;
    }
    this.wait(chain, 'write', data.length, backend.write(offset, data.slice()));
  }

  private tellId(chain: Chain, room: number): void {
    const id = new Uint8Array(Math.min(room, ID_LENGTH));
    const text = new TextEncoder().encode(this.options.serial);
    id.set(text.subarray(0, id.length));
    this.scatter(chain.into, 0, id);
    this.finish(chain, OK, id.length);
  }

  private isInside(offset: number, length: number): boolean {
    const { backend } = this.options;
    return length % SECTOR === 0 && offset + length <= backend.length;
  }

  private wait(
    chain: Chain,
    what: DiskOperation,
    length: number,
    promise: Promise<void>,
    then: () => void = () => {},
  ): void {
    const { epoch } = this;
    const { backend, inbox } = this.options;
    this.state.started.push(chain.head);
    const end = (status: number): void => {
      if (epoch !== this.epoch) return;
      this.state.started.splice(this.state.started.indexOf(chain.head), 1);
      if (status === OK) then();
      this.finish(chain, status, what === 'read' && status === OK ? length : 0);
    };
    inbox.expect(
      {
        label: `${backend.name} ${what}`,
        promise,
        ...diskTiming(HARD_DISK, backend, what, length),
      },
      () => end(OK),
      () => end(IO_ERROR),
    );
  }

  /** Puts the status behind the data and tells the guest. */
  private finish(chain: Chain, status: number, written: number): void {
    this.scatter(chain.into, total(chain.into) - 1, Uint8Array.of(status));
    this.queue.push(chain, written + 1);
    if (this.queue.wantsInterrupt(this.has(NOTIFY_ON_EMPTY))) {
      this.state.isr |= ISR_QUEUE;
      this.options.messages?.msix.notify(this.state.queueVector);
    }
    this.settle();
  }

  private gather(segments: readonly Segment[], length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const segment of segments) {
      this.options.memory.readBytes(segment.address, bytes.subarray(at, at + segment.length));
      at += segment.length;
    }
    return bytes;
  }

  /** Writes bytes so far into what the guest gave room for. */
  private scatter(segments: readonly Segment[], offset: number, bytes: Uint8Array): void {
    let skip = offset;
    let at = 0;
    for (const { address, length } of segments) {
      const from = Math.min(skip, length);
      skip -= from;
      const part = Math.min(length - from, bytes.length - at);
      if (part > 0) this.options.memory.writeBytes(address + from, bytes.subarray(at, at + part));
      at += Math.max(part, 0);
    }
    assert(at === bytes.length, 'there is room for what is written');
  }
}

function total(segments: readonly Segment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0);
}
