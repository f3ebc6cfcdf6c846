/**
 * An ATAPI CD/DVD drive: QEMU's `ide-cd`.
 *
 * Specification: ATA-7 volume 1 (PACKET), INF-8020i revision 2.6, MMC-3.
 * Not emulated: overlapped commands, audio, recording, DVD structures; see mmc.ts.
 */

import type { BlockBackend, Tray } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import { bool, bytes, oneOf, type Plain, type StateOf, state, u8, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import { diskTiming, OPTICAL } from '../disk-timing.ts';
import * as mmc from './mmc.ts';
import { giveData, isDone, takeData } from './pio.ts';
import {
  ABRT,
  BSY,
  type DmaTransfer,
  DRDY,
  DRQ,
  ERR,
  type IdeUnit,
  NO_ERROR_DIAGNOSTIC,
  pioFields,
  READY,
  readTask,
  setSignature,
  taskFile,
  type UnitHost,
  writeTask,
} from './unit.ts';

const PACKET_LENGTH = 12;
/** Sectors asked from the backend at once. */
const READ_AHEAD = 32;

/** Interrupt reason, in the count register. */
const REASON_COMMAND = 1;
const REASON_TO_HOST = 2;
const REASON_DONE = 3;

/** Media events as GET EVENT STATUS NOTIFICATION reports them. */
const NO_EVENT = 0;
const EJECT_REQUEST = 1;
const NEW_MEDIA = 2;

const registers = state('atapi-cd', 1, {
  ...taskFile,
  ...pioFields,
  phase: oneOf('none', 'page', 'packet', 'reply', 'dma'),
  packet: bytes(PACKET_LENGTH),
  /** The most bytes that the host takes at once. */
  limit: u16(),
  useDma: bool(),
  /** Next block of a read, how many are left, and how long each is in the reply. */
  lba: u32(),
  blocks: u32(),
  blockLength: u16(mmc.CD_SECTOR),
  senseKey: u8(),
  senseCode: u8(),
  multiDma: u16(7),
  ultraDma: u16(0x203f),
  isOpen: bool(),
  isLocked: bool(),
  /** After a change of media: first "no medium", then "may have changed". */
  change: oneOf('none', 'removed', 'inserted'),
  event: u8(),
});

export interface AtapiCdOptions {
  readonly backend: BlockBackend;
  readonly serial: string;
  readonly host: UnitHost;
  readonly inbox: Inbox;
}

export class AtapiCd extends Device<StateOf<typeof registers>> implements IdeUnit, Tray {
  onMove: (isOpen: boolean) => void = () => {};
  private epoch = 0;

  constructor(private readonly options: AtapiCdOptions) {
    super(registers);
    this.signature();
    options.backend.connectTray(this);
    options.backend.onMediaChange(() => this.mediaChanged());
  }

  get status(): number {
    return this.state.status;
  }

  get isOpen(): boolean {
    return this.state.isOpen;
  }

  get isLocked(): boolean {
    return this.state.isLocked;
  }

  override reset(): void {
    this.epoch++;
    const { isOpen } = this.state;
    this.state = { ...this.table.initial(), isOpen };
    this.signature();
    this.state.status = READY;
  }

  override load(plain: Plain): void {
    this.epoch++;
    super.load(plain);
  }

  softReset(): void {
    this.epoch++;
    const s = this.state;
    this.signature();
    s.phase = 'none';
    s.status = 0;
    s.error = NO_ERROR_DIAGNOSTIC;
  }

  readRegister(index: number, previous: boolean): number {
    return readTask(this.state, index, previous);
  }

  writeRegister(index: number, value: number): void {
    writeTask(this.state, index, value);
  }

  command(code: number): void {
    const s = this.state;
    s.error = 0;
    switch (code) {
      case 0x08: // DEVICE RESET
        this.softReset();
        s.error = 0;
        break;
      case 0xa0:
        this.startPacket();
        break;
      case 0xa1:
        this.give(mmc.identifyPacket({ ...s, serial: this.options.serial }), 'page');
        break;
      case 0xef:
        this.setFeatures();
        break;
      case 0xe7: // FLUSH CACHE
        if (this.total > 0) this.ready();
        else this.abort();
        break;
      case 0xec: // IDENTIFY DEVICE: the signature says what this is
        this.signature();
        this.abort();
        break;
      default:
        this.abort();
    }
  }

  readData(size: number): number {
    const s = this.state;
    if ((s.status & DRQ) === 0 || s.isOutput || isDone(s)) return 0;
    const value = takeData(s, size);
    if (isDone(s)) this.blockRead();
    return value;
  }

  writeData(size: number, value: number): void {
    const s = this.state;
    if ((s.status & DRQ) === 0 || s.phase !== 'packet') return;
    giveData(s, size, value);
    if (!isDone(s)) return;
    s.packet.set(s.data.subarray(0, PACKET_LENGTH));
    s.status = READY;
    s.phase = 'none';
    this.execute(s.packet);
  }

  private get total(): number {
    const { backend } = this.options;
    return backend.inserted && !this.state.isOpen ? Math.floor(backend.length / mmc.CD_SECTOR) : 0;
  }

  private signature(): void {
    setSignature(this.state, 0x14, 0xeb);
    if (this.state.status === 0) this.state.status = READY;
  }

  requestEject(force: boolean): void {
    this.state.event = EJECT_REQUEST;
    if (force) this.state.isLocked = false;
  }

  private mediaChanged(): void {
    const isOpen = !this.options.backend.inserted;
    Object.assign(this.state, { change: 'removed', isOpen });
    if (!isOpen) this.state.event = NEW_MEDIA;
  }

  private abort(): void {
    this.state.status = DRDY | ERR;
    this.state.error = ABRT;
    this.options.host.interrupt();
  }

  private setFeatures(): void {
    const s = this.state;
    const selected = 1 << ((s.count & 7) + 8);
    if (s.features === 3) {
      s.multiDma = s.count >> 3 === 4 ? 7 | selected : 7;
      s.ultraDma = s.count >> 3 === 8 ? 0x3f | selected : 0x3f;
    }
    this.ready();
  }

  private ready(): void {
    this.state.status = READY;
    this.options.host.interrupt();
  }

  private startPacket(): void {
    const s = this.state;
    s.limit = s.lbaMid | (s.lbaHigh << 8);
    s.useDma = (s.features & 1) !== 0;
    s.count = REASON_COMMAND;
    const data = new Uint8Array(PACKET_LENGTH);
    Object.assign(s, { data, position: 0, end: PACKET_LENGTH, isOutput: true, phase: 'packet' });
    s.status = READY | DRQ;
  }

  private execute(packet: Uint8Array): void {
    const s = this.state;
    if (!mmc.ALLOWED_WITH_ATTENTION.has(packet[0])) {
      if (s.senseKey === mmc.UNIT_ATTENTION) {
        this.fail(s.senseKey, s.senseCode);
        return;
      }
      if (s.change !== 'none' && this.total > 0) {
        const first = s.change === 'removed';
        s.change = first ? 'inserted' : 'none';
        if (first) this.fail(mmc.NOT_READY, mmc.MEDIUM_NOT_PRESENT);
        else this.fail(mmc.UNIT_ATTENTION, mmc.MEDIUM_MAY_HAVE_CHANGED);
        return;
      }
    }
    if (mmc.NEED_MEDIUM.has(packet[0]) && this.total === 0) {
      this.fail(mmc.NOT_READY, mmc.MEDIUM_NOT_PRESENT);
      return;
    }
    if (!this.executeRead(packet)) this.executeControl(packet);
  }

  /** READ (10), READ (12), READ CD. False when it is none of them. */
  private executeRead(packet: Uint8Array): boolean {
    const lba = mmc.get32(packet, 2);
    switch (packet[0]) {
      case 0x28:
        this.startRead(lba, mmc.get16(packet, 7), mmc.CD_SECTOR);
        return true;
      case 0xa8:
        this.startRead(lba, mmc.get32(packet, 6), mmc.CD_SECTOR);
        return true;
      case 0xbe: {
        const blocks = (packet[6] << 16) | mmc.get16(packet, 7);
        const wanted = packet[9] & 0xf8;
        if (blocks === 0 || wanted === 0) this.succeed();
        else if (wanted === 0x10) this.startRead(lba, blocks, mmc.CD_SECTOR);
        else if (wanted === 0xf8) this.startRead(lba, blocks, mmc.RAW_SECTOR);
        else this.fail(mmc.ILLEGAL_REQUEST, mmc.INVALID_FIELD);
        return true;
      }
      default:
        return false;
    }
  }

  private executeControl(packet: Uint8Array): void {
    const s = this.state;
    switch (packet[0]) {
      case 0x00: // TEST UNIT READY
      case 0xbb: // SET CD SPEED
        this.succeed();
        break;
      case 0x03:
        this.reply(mmc.requestSense(s.senseKey, s.senseCode), packet[4]);
        if (s.senseKey === mmc.UNIT_ATTENTION) s.senseKey = 0;
        break;
      case 0x1b:
        this.startStop(packet);
        break;
      case 0x1e:
        s.isLocked = (packet[4] & 1) !== 0;
        this.succeed();
        break;
      case 0x2b: // SEEK
        if (mmc.get32(packet, 2) < this.total) this.succeed();
        else this.fail(mmc.ILLEGAL_REQUEST, mmc.LBA_OUT_OF_RANGE);
        break;
      case 0xad:
        this.fail(mmc.ILLEGAL_REQUEST, mmc.INCOMPATIBLE_FORMAT);
        break;
      default:
        this.executeInquiries(packet);
    }
  }

  /** Commands that only ask. */
  private executeInquiries(packet: Uint8Array): void {
    const s = this.state;
    const drive = { ...s, total: this.total, serial: this.options.serial };
    const found = mmc.answer(packet, drive);
    if (found === undefined) {
      this.fail(mmc.ILLEGAL_REQUEST, mmc.INVALID_OPCODE);
      return;
    }
    if (mmc.takesEvent(packet)) s.event = NO_EVENT;
    this.reply(found.bytes, found.room);
  }

  private startStop(packet: Uint8Array): void {
    const s = this.state;
    const isLoadEject = (packet[4] & 2) !== 0;
    const isStart = (packet[4] & 1) !== 0;
    if (isLoadEject && !isStart && !s.isOpen && s.isLocked) {
      const { inserted } = this.options.backend;
      this.fail(inserted ? mmc.NOT_READY : mmc.ILLEGAL_REQUEST, mmc.REMOVAL_PREVENTED);
      return;
    }
    if (isLoadEject && s.isOpen === isStart) {
      s.isOpen = !isStart;
      this.onMove(s.isOpen);
    }
    this.succeed();
  }

  private succeed(): void {
    const s = this.state;
    s.phase = 'none';
    s.error = 0;
    s.status = READY;
    s.count = REASON_DONE;
    this.options.host.interrupt();
  }

  private fail(key: number, code: number): void {
    const s = this.state;
    s.phase = 'none';
    s.senseKey = key;
    s.senseCode = code;
    s.error = key << 4;
    s.status = DRDY | ERR;
    s.count = REASON_DONE;
    this.options.host.interrupt();
  }

  /** Up to `room` bytes; undefined is an invalid field in the packet. */
  private reply(answer: readonly number[] | undefined, room: number): void {
    if (answer === undefined) {
      this.fail(mmc.ILLEGAL_REQUEST, mmc.INVALID_FIELD);
      return;
    }
    const data = Uint8Array.from(answer.slice(0, room));
    this.state.blocks = 0;
    if (data.length === 0) this.succeed();
    else if (this.state.useDma) this.replyByDma(data);
    else this.give(data, 'reply');
  }

  private startRead(lba: number, blocks: number, blockLength: number): void {
    const s = this.state;
    if (blocks === 0) {
      this.succeed();
      return;
    }
    if (lba + blocks > this.total) {
      this.fail(mmc.ILLEGAL_REQUEST, mmc.LBA_OUT_OF_RANGE);
      return;
    }
    Object.assign(s, { lba, blocks, blockLength });
    if (s.useDma) this.replyByDma(new Uint8Array(0));
    else this.readMore();
  }

  /** The next `count` blocks, as the reply has them. */
  private async fetch(count: number): Promise<Uint8Array> {
    const { lba, blockLength } = this.state;
    const cooked = new Uint8Array(count * mmc.CD_SECTOR);
    await this.options.backend.read(lba * mmc.CD_SECTOR, cooked);
    if (blockLength === mmc.CD_SECTOR) return cooked;
    const raw = new Uint8Array(count * blockLength);
    for (let i = 0; i < count; i++) {
      const data = cooked.subarray(i * mmc.CD_SECTOR, (i + 1) * mmc.CD_SECTOR);
      raw.set(mmc.rawSector(lba + i, data), i * blockLength);
    }
    return raw;
  }

  private readMore(): void {
    const s = this.state;
    const count = Math.min(s.blocks, READ_AHEAD);
    s.status = READY | BSY;
    this.await({ work: this.fetch(count), length: count * s.blockLength }, data => {
      s.lba += count;
      s.blocks -= count;
      this.give(data, 'reply');
    });
  }

  private await(
    job: { readonly work: Promise<Uint8Array>; readonly length: number },
    then: (data: Uint8Array) => void,
    failed: () => void = () => {},
  ): void {
    const { epoch } = this;
    const timing = diskTiming(OPTICAL, this.options.backend, 'read', job.length);
    this.options.inbox.expect(
      { label: 'ide cd', promise: job.work, ...timing },
      data => {
        if (epoch === this.epoch) then(data);
      },
      () => {
        if (epoch !== this.epoch) return;
        this.fail(mmc.ILLEGAL_REQUEST, mmc.LBA_OUT_OF_RANGE);
        failed();
      },
    );
  }

  /** Through the data port, block by block. */
  private give(data: Uint8Array, phase: 'page' | 'reply'): void {
    Object.assign(this.state, { data, position: 0, end: 0, isOutput: false, phase });
    this.presentBlock();
  }

  private presentBlock(): void {
    const s = this.state;
    const left = s.data.length - s.position;
    if (s.phase === 'page') {
      s.end = s.data.length;
    } else {
      const limit = s.limit === 0xffff || s.limit === 0 ? 0xfffe : s.limit;
      // Only the last block of a transfer may have an odd length.
      const size = left > limit ? limit & ~1 : left;
      s.end = s.position + size;
      s.lbaMid = size & 0xff;
      s.lbaHigh = size >> 8;
      s.count = REASON_TO_HOST;
    }
    s.status = READY | DRQ;
    this.options.host.interrupt();
  }

  private blockRead(): void {
    const s = this.state;
    if (s.phase === 'page') {
      s.phase = 'none';
      s.status = READY;
    } else if (s.position < s.data.length) this.presentBlock();
    else if (s.blocks > 0) this.readMore();
    else this.succeed();
  }

  /** `data`, or the blocks that a read named. */
  private replyByDma(data: Uint8Array): void {
    const status = READY | DRQ | BSY;
    Object.assign(this.state, { data, phase: 'dma', status, position: 0, end: 0 });
    this.settle();
  }

  /** A transfer that waits for the bus master waits again after loading. */
  protected override settle(): void {
    const { phase, data, blocks, blockLength } = this.state;
    if (phase !== 'dma') return;
    const length = blocks > 0 ? blocks * blockLength : data.length;
    this.options.host.requestDma({
      length,
      start: transfer => this.moveByDma(transfer, length),
    });
  }

  private moveByDma(transfer: DmaTransfer, length: number): void {
    if (transfer.capacity < length) {
      transfer.finish();
      return;
    }
    const { blocks, data } = this.state;
    const work = blocks > 0 ? this.fetch(blocks) : Promise.resolve(data);
    this.await(
      { work, length },
      bytes => {
        transfer.store(bytes);
        this.succeed();
        transfer.stop();
      },
      () => transfer.stop(),
    );
  }
}
