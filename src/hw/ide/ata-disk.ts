/**
 * An ATA hard disk: QEMU's `ide-hd`.
 *
 * Specification: ATA-7 (INCITS 397), volume 1. PIO, multiple, 48-bit and bus-master transfers,
 * power modes, SMART, TRIM.
 * Not emulated: security, host protected area beyond READ NATIVE MAX, queued commands, power-up in
 * standby, media that fail.
 *
 * Requests go to the backend and come back through the inbox; a soft reset meanwhile makes the
 * answer void. A request that waits while the state is saved is made again from the registers.
 */

import type { BlockBackend, DiskGeometry } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import type { Log } from '../../log.ts';
import type { Plain, StateOf } from '../../state.ts';
import { Device } from '../device.ts';
import { type DiskOperation, diskTiming, HARD_DISK } from '../disk-timing.ts';
import { sectorOf, setSector, trimRanges } from './address.ts';
import {
  HARMLESS_FEATURES,
  type Phase,
  POWER_COMMANDS,
  SMART_CONTROL,
  SMART_DISABLE,
  SMART_ENABLE,
  TRANSFERS,
  TRIM,
} from './ata-commands.ts';
import { registers } from './ata-registers.ts';
import { DISK_MODEL, FIRMWARE, identifyDisk, MAX_MULTIPLE, SECTOR, smartPage } from './identify.ts';
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
  READY,
  readTask,
  setSignature,
  type UnitHost,
  writeTask,
} from './unit.ts';

/** Sectors fetched at once for reads through the data port. */
const READ_AHEAD = 128;

/** A request to the backend. */
interface Job {
  readonly work: Promise<void>;
  /** In bytes. */
  readonly length: number;
  readonly transfer?: DmaTransfer;
}

export interface AtaDiskOptions {
  readonly backend: BlockBackend;
  readonly geometry: DiskGeometry;
  readonly serial: string;
  readonly model?: string;
  readonly host: UnitHost;
  readonly inbox: Inbox;
  readonly log: Log;
}

export class AtaDisk extends Device<StateOf<typeof registers>> implements IdeUnit {
  /** Grows at every reset: answers to earlier requests are void. */
  private epoch = 0;

  constructor(private readonly options: AtaDiskOptions) {
    super(registers);
    this.state.writeCached = options.backend.writeCache;
    this.powerOn();
  }

  get status(): number {
    return this.state.status;
  }

  /** Only a driver changes the write cache. */
  override reset(): void {
    this.epoch++;
    const { writeCached } = this.state;
    this.state = { ...this.table.initial(), writeCached };
    this.powerOn();
    this.settle();
  }

  override load(plain: Plain): void {
    this.epoch++;
    super.load(plain);
    if ((this.state.status & BSY) !== 0) this.repeat();
  }

  /** The state was saved while a request waited: it is made once more. */
  private repeat(): void {
    const { phase } = this.state;
    this.state.status = READY;
    if (phase === 'read') this.fetchMore();
    else if (phase === 'write') this.writeBlock();
    else if (phase === 'none') this.flush();
    else this.awaitDma();
  }

  softReset(): void {
    this.epoch++;
    const s = this.state;
    s.phase = 'none';
    s.status = READY;
    s.error = NO_ERROR_DIAGNOSTIC;
    s.multiple = MAX_MULTIPLE;
    s.hob = registers.initial().hob;
    setSignature(s, 0, 0);
  }

  readRegister(index: number, previous: boolean): number {
    return readTask(this.state, index, previous);
  }

  writeRegister(index: number, value: number): void {
    writeTask(this.state, index, value);
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
    if ((s.status & DRQ) === 0 || !s.isOutput || isDone(s)) return;
    giveData(s, size, value);
    if (isDone(s)) this.writeBlock();
  }

  command(code: number): void {
    const s = this.state;
    s.status = READY;
    s.error = 0;
    s.phase = 'none';
    if (!this.runTransfer(code) && !this.runControl(code)) this.abort();
  }

  /** A DMA command that waits for the bus master waits again after loading. */
  protected override settle(): void {
    this.options.backend.writeCache = this.state.writeCached;
    if (this.state.phase.startsWith('dma') && (this.state.status & DRQ) !== 0) this.awaitDma();
  }

  private get total(): number {
    return Math.floor(this.options.backend.length / SECTOR);
  }

  private powerOn(): void {
    const s = this.state;
    s.status = READY;
    s.currentHeads = this.options.geometry.heads;
    s.currentSectors = this.options.geometry.sectors;
    setSignature(s, 0, 0);
  }

  /** Commands that move sectors. False when it is none of them. */
  private runTransfer(code: number): boolean {
    const found = TRANSFERS.get(code);
    if (found === undefined) return false;
    const [phase, isExtended, isMultiple] = found;
    const { multiple, features } = this.state;
    if (isMultiple && multiple === 0) return false;
    if (phase === 'dma-trim' && (features & TRIM) === 0) return false;
    this.begin(phase, isExtended === 'ext', isMultiple ? multiple : 1);
    if (phase === 'read') this.fetchMore();
    else if (phase === 'write') this.askForBlock();
    else this.awaitDma();
    return true;
  }

  /** Commands without sectors. False when the disk does not know or refuses it. */
  private runControl(code: number): boolean {
    const s = this.state;
    if (POWER_COMMANDS.has(code)) {
      s.status = DRDY;
      this.options.host.interrupt();
      return true;
    }
    switch (code) {
      case 0x10: // RECALIBRATE
      case 0x40:
      case 0x41:
      case 0x42: // READ VERIFY
      case 0x70: // SEEK
        return this.done();
      case 0x27:
      case 0xf8:
        return this.reportNativeMax(code === 0x27);
      case 0x91:
        return this.setParameters();
      case 0x98:
      case 0xe5: // CHECK POWER MODE: active
        s.count = 0xff;
        return this.done();
      case 0xb0:
        return this.smart();
      case 0xc6:
        return this.setMultiple();
      case 0xe7:
      case 0xea:
        return this.flush();
      case 0xec:
        return this.givePage(this.identify());
      case 0xef:
        return this.setFeatures();
      case 0xf5: // CFA WEAR LEVEL
        s.count = 0;
        return this.done();
      default:
        return false;
    }
  }

  private done(): true {
    this.state.phase = 'none';
    this.state.status = READY;
    this.options.host.interrupt();
    return true;
  }

  private abort(): void {
    const s = this.state;
    s.phase = 'none';
    s.status = DRDY | ERR;
    s.error = ABRT;
    this.options.host.interrupt();
  }

  private reportNativeMax(isExtended: boolean): true {
    this.state.isExtended = isExtended;
    setSector(this.state, this.total - 1);
    return this.done();
  }

  private setParameters(): true {
    const s = this.state;
    if (s.count > 0) {
      s.currentHeads = (s.device & 15) + 1;
      s.currentSectors = s.count;
    }
    return this.done();
  }

  private setMultiple(): boolean {
    const n = this.state.count;
    if (n > MAX_MULTIPLE || (n & (n - 1)) !== 0) return false;
    this.state.multiple = n;
    return this.done();
  }

  private setFeatures(): boolean {
    const s = this.state;
    switch (s.features) {
      case 0x02:
      case 0x82:
        s.writeCached = s.features === 0x02;
        this.options.backend.writeCache = s.writeCached;
        return s.writeCached ? this.done() : this.flush();
      case 0x03:
        return this.setTransferMode(s.count >> 3, s.count & 7);
      default:
        return HARMLESS_FEATURES.has(s.features) && this.done();
    }
  }

  private setTransferMode(kind: number, mode: number): boolean {
    const s = this.state;
    const selected = 1 << (mode + 8);
    if (kind > 1 && ![2, 4, 8].includes(kind)) return false;
    s.singleDma = kind < 2 ? 7 : kind === 2 ? 7 | selected : 7;
    s.multiDma = kind === 4 ? 7 | selected : 7;
    s.ultraDma = kind === 8 ? 0x3f | selected : 0x3f;
    return this.done();
  }

  private smart(): boolean {
    const s = this.state;
    if (s.lbaHigh !== 0xc2 || s.lbaMid !== 0x4f) return false;
    if (!s.smartEnabled && s.features !== SMART_ENABLE) return false;
    const page = smartPage(s.features, s.lbaLow);
    if (page !== undefined) return this.givePage(page);
    if (!SMART_CONTROL.has(s.features)) return false;
    if (s.features === SMART_ENABLE) s.smartEnabled = true;
    if (s.features === SMART_DISABLE) s.smartEnabled = false;
    return this.done();
  }

  private identify(): Uint8Array {
    const { geometry, serial, model } = this.options;
    return identifyDisk({
      ...this.state,
      ...geometry,
      serial,
      model: model ?? DISK_MODEL,
      firmware: FIRMWARE,
      total: this.total,
    });
  }

  /** One sector of the unit's own, through the data port. */
  private givePage(page: Uint8Array): true {
    Object.assign(this.state, { data: page, position: 0, end: page.length, isOutput: false });
    this.state.phase = 'data';
    this.state.status = READY | DRQ;
    this.options.host.interrupt();
    return true;
  }

  private flush(): true {
    const { backend } = this.options;
    this.request('flush', { work: backend.flush(), length: 0 }, () => this.done());
    return true;
  }

  /** Hands work to the backend; the unit is busy until the answer, which failure turns bad. */
  private request(what: DiskOperation, job: Job, then: () => void): void {
    const { epoch } = this;
    const timing = diskTiming(HARD_DISK, this.options.backend, what, job.length);
    this.state.status |= BSY;
    this.options.inbox.expect(
      { label: `ide ${what}`, promise: job.work, ...timing },
      () => {
        if (epoch !== this.epoch) return;
        then();
        job.transfer?.finish();
      },
      () => {
        if (epoch !== this.epoch) return;
        this.abort();
        job.transfer?.stop();
      },
    );
  }

  private begin(phase: Phase, isExtended: boolean, block: number): void {
    const s = this.state;
    s.phase = phase;
    s.isExtended = isExtended;
    s.block = block;
    const count = isExtended ? s.hob.count * 256 + s.count : s.count;
    s.remaining = count > 0 ? count : isExtended ? 65536 : 256;
  }

  /** Reads what the next data blocks need, a good deal at once. */
  private fetchMore(): void {
    const s = this.state;
    const sectors = Math.min(s.remaining, Math.max(READ_AHEAD, s.block));
    const available = Math.min(sectors, this.total - sectorOf(this.state));
    if (sectorOf(this.state) < 0 || available < Math.min(s.block, s.remaining)) {
      this.abort();
      return;
    }
    const into = new Uint8Array(available * SECTOR);
    const work = this.options.backend.read(sectorOf(this.state) * SECTOR, into);
    this.request('read', { work, length: into.length }, () => {
      Object.assign(s, { data: into, position: 0, end: 0, isOutput: false });
      this.presentBlock();
    });
  }

  private presentBlock(): void {
    const s = this.state;
    const left = (s.data.length - s.position) / SECTOR;
    const sectors = Math.min(s.block, s.remaining, left);
    s.end = s.position + sectors * SECTOR;
    this.advance(sectors);
    s.status = READY | DRQ;
    this.options.host.interrupt();
  }

  /** The guest took the last byte of a block. */
  private blockRead(): void {
    const s = this.state;
    s.status = READY;
    if (s.phase !== 'read' || s.remaining === 0) {
      s.phase = 'none';
      return;
    }
    const left = (s.data.length - s.position) / SECTOR;
    if (left >= Math.min(s.block, s.remaining)) this.presentBlock();
    else this.fetchMore();
  }

  private askForBlock(): void {
    const s = this.state;
    const length = Math.min(s.block, s.remaining) * SECTOR;
    Object.assign(s, { data: new Uint8Array(length), position: 0, end: length, isOutput: true });
    s.status = READY | DRQ;
  }

  /** The guest gave the last byte of a block. */
  private writeBlock(): void {
    const s = this.state;
    s.status = READY;
    const sectors = s.data.length / SECTOR;
    if (!this.isInside(sectors)) {
      this.abort();
      return;
    }
    const work = this.options.backend.write(sectorOf(s) * SECTOR, s.data);
    this.request('write', { work, length: s.data.length }, () => {
      this.advance(sectors);
      s.status = READY;
      if (s.remaining > 0) this.askForBlock();
      else s.phase = 'none';
      this.options.host.interrupt();
    });
  }

  private awaitDma(): void {
    const { phase, remaining } = this.state;
    Object.assign(this.state, { status: READY | DRQ, position: 0, end: 0 });
    this.options.host.requestDma({
      length: remaining * SECTOR,
      start: transfer => {
        if (phase === 'dma-trim') this.trim(transfer);
        else this.moveByDma(transfer, phase === 'dma-read');
      },
    });
  }

  private moveByDma(transfer: DmaTransfer, isRead: boolean): void {
    const s = this.state;
    const length = s.remaining * SECTOR;
    if (!this.isInside(s.remaining)) {
      this.abort();
      transfer.stop();
      return;
    }
    if (transfer.capacity < length) {
      s.phase = 'none';
      s.status = READY;
      transfer.finish();
      return;
    }
    const bytes = new Uint8Array(length);
    if (!isRead) transfer.fetch(bytes);
    const { backend } = this.options;
    const at = sectorOf(s) * SECTOR;
    const work = isRead ? backend.read(at, bytes) : backend.write(at, bytes);
    this.request(isRead ? 'read' : 'write', { length, work, transfer }, () => {
      if (isRead) transfer.store(bytes);
      this.advance(s.remaining);
      this.done();
    });
  }

  /** DATA SET MANAGEMENT: pairs of 48-bit address and 16-bit count. */
  private trim(transfer: DmaTransfer): void {
    const list = new Uint8Array(Math.min(this.state.remaining * SECTOR, transfer.capacity));
    transfer.fetch(list);
    const ranges = trimRanges(list, this.total);
    const discard = async (): Promise<void> => {
      for (const [sector, count] of ranges) {
        await this.options.backend.discard(sector * SECTOR, count * SECTOR);
      }
    };
    this.request('trim', { length: list.length, work: discard(), transfer }, () => this.done());
  }

  private isInside(sectors: number): boolean {
    return sectorOf(this.state) >= 0 && sectorOf(this.state) + sectors <= this.total;
  }

  private advance(sectors: number): void {
    const s = this.state;
    setSector(this.state, sectorOf(this.state) + sectors);
    s.remaining -= sectors;
    s.count = s.remaining & 0xff;
    s.hob.count = (s.remaining >> 8) & 0xff;
  }
}
