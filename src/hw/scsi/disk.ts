/**
 * A SCSI hard disk or CD-ROM drive: QEMU's `scsi-hd`, `scsi-cd`, and `scsi-disk`, which is either.
 *
 * Specification: SPC-3 and SBC-2. INQUIRY with vital product data, READ and WRITE (6, 10, 12, 16),
 * VERIFY without comparison, SYNCHRONIZE CACHE, READ CAPACITY, MODE SENSE, MODE SELECT of the write
 * cache, UNMAP and WRITE SAME (SBC-3), REPORT LUNS, sense data.
 * Of a CD-ROM drive, MMC-3: also tray, table of contents, configuration, events; see ../ide/mmc.ts.
 * Not emulated: reservations, comparing VERIFY, removable disks.
 *
 * Requests go to the backend in pieces and come back through the inbox; a reset or a new command
 * meanwhile makes the answer void. A request that waits while the
 * state is saved is made again.
 */

import { type BlockBackend, BlockError, type Tray } from '../../block/backend.ts';
import { assert } from '../../error.ts';
import type { Inbox } from '../../inbox.ts';
import type { Plain, StateOf } from '../../state.ts';
import { Device } from '../device.ts';
import { diskTiming, HARD_DISK, OPTICAL } from '../disk-timing.ts';
import * as mmc from '../ide/mmc.ts';
import {
  CHECK_CONDITION,
  EMPTY_TRAY_LOCKED,
  GOOD,
  INCOMPATIBLE_FORMAT,
  INVALID_FIELD,
  INVALID_OPCODE,
  LBA_OUT_OF_RANGE,
  MEDIUM_CHANGED,
  MEDIUM_REMOVED,
  NO_MEDIUM,
  NO_SENSE,
  NO_SPACE,
  POWER_ON,
  READ_FAILED,
  REMOVAL_PREVENTED,
  SAVING_NOT_SUPPORTED,
  type ScsiPhase,
  type ScsiTarget,
  type Sense,
  UNIT_NOT_SUPPORTED,
  WRITE_PROTECTED,
} from './bus.ts';
import {
  ASKED_OPTICAL,
  addressOf,
  CALM,
  get16,
  get32,
  HARMLESS,
  NEEDS_MEDIUM,
  TRANSFERS,
  type Transfer,
} from './cdb.ts';
import { PIECE, PIECE_LIMIT, registers } from './disk-registers.ts';
import { type Job, startList } from './list-commands.ts';
import {
  BLOCK,
  capacity10,
  capacity16,
  type DiskFacts,
  modeSense,
  reportLuns,
  senseData,
  standardInquiry,
  vitalPage,
} from './pages.ts';
import { checkListCommand, listLength, ParameterError } from './parameters.ts';

/** Commands that a pending unit attention does not stop. */
const INQUIRY = 0x12;
const REQUEST_SENSE = 0x03;
const REPORT_LUNS = 0xa0;

/** Peripheral qualifier and type. */
const NO_UNIT = 0x7f;

/** Media events as GET EVENT STATUS NOTIFICATION reports them. */
const NO_EVENT = 0;
const EJECT_REQUEST = 1;
const NEW_MEDIA = 2;

export interface ScsiDiskOptions {
  readonly media: 'disk' | 'cdrom';
  readonly backend: BlockBackend;
  readonly serial: string;
  /** The transport knows tags. */
  readonly hasQueue?: boolean;
  readonly inbox: Inbox;
  /** The phase was `busy` and is something else. */
  readonly onReady?: () => void;
}

export class ScsiDisk extends Device<StateOf<typeof registers>> implements ScsiTarget, Tray {
  onMove: (isOpen: boolean) => void = () => {};
  /** Grows with every command: answers to earlier ones are void. */
  private epoch = 0;
  private readonly isCd: boolean;
  private readonly blockLength: number;

  constructor(private readonly options: ScsiDiskOptions) {
    super(registers);
    this.isCd = options.media === 'cdrom';
    this.blockLength = this.isCd ? mmc.CD_SECTOR : BLOCK;
    if (this.isCd) options.backend.connectTray(this);
    options.backend.onMediaChange(() => this.mediaChanged());
  }

  get isOpen(): boolean {
    return this.state.isOpen;
  }

  get isLocked(): boolean {
    return this.state.isLocked;
  }

  requestEject(force: boolean): void {
    this.state.event = EJECT_REQUEST;
    if (force) this.state.isLocked = false;
  }

  private mediaChanged(): void {
    const s = this.state;
    if (!this.isCd) {
      s.attention = 'medium-changed';
      return;
    }
    s.attention = 'medium-removed';
    s.isOpen = !this.options.backend.inserted;
    if (!s.isOpen) s.event = NEW_MEDIA;
  }

  get phase(): ScsiPhase {
    return this.state.phase;
  }

  get direction(): 'none' | 'in' | 'out' {
    return this.state.direction;
  }

  get status(): number {
    return this.state.status;
  }

  /** The tray stays where it is. */
  override reset(): void {
    this.epoch++;
    const { isOpen } = this.state;
    this.state = { ...this.table.initial(), isOpen };
    this.settle();
  }

  override load(plain: Plain): void {
    this.epoch++;
    super.load(plain);
    if (this.state.phase === 'busy') this.repeat();
  }

  /** The state was saved while a request waited: it is made once more. */
  private repeat(): void {
    const { direction } = this.state;
    if (this.state.listLength > 0) this.obey(this.state.list, this.state.data);
    else if (direction === 'in') this.readPiece();
    else if (direction === 'out') this.writePiece();
    else this.flush();
  }

  private flush(): void {
    const work = this.options.backend.flush();
    this.request({ what: 'flush', length: 0, work }, () => this.finish());
  }

  cancel(): void {
    this.epoch++;
    this.state.data = new Uint8Array(0);
    this.state.remaining = 0;
    this.state.listLength = 0;
    this.state.phase = 'done';
  }

  execute(cdb: Uint8Array, lun = 0): void {
    this.cancel();
    const code = cdb[0];
    this.state.direction = 'none';
    this.state.status = GOOD;
    if (lun !== 0) {
      this.answerForNobody(code, cdb);
      return;
    }
    if (code === REQUEST_SENSE) {
      this.answer(senseData(this.takeSense()), cdb[4]);
      return;
    }
    this.setSense(NO_SENSE);
    if (code === INQUIRY) this.inquiry(cdb);
    else if (code === REPORT_LUNS) this.answer(reportLuns(), get32(cdb, 6));
    else if (this.state.attention !== 'none' && !(this.isCd && CALM.includes(code))) {
      this.fail(this.takeAttention());
    } else if (!(this.isCd && this.runOptical(code, cdb))) this.run(code, cdb);
  }

  take(into: Uint8Array): number {
    const s = this.state;
    const length = Math.min(into.length, s.data.length - s.position);
    into.set(s.data.subarray(s.position, s.position + length));
    s.position += length;
    if (s.position === s.data.length) this.next();
    return length;
  }

  give(from: Uint8Array): void {
    const s = this.state;
    const total = s.position + from.length;
    assert(total <= s.data.length, 'packets are smaller than the slack of a piece');
    s.data.set(from, s.position);
    s.position = total;
    if (s.listLength > 0) {
      if (total >= s.listLength) this.obey(s.list, s.data.slice(0, s.listLength));
    } else if (total >= Math.min(PIECE, s.remaining * this.blockLength)) this.writePiece();
  }

  private run(code: number, cdb: Uint8Array): void {
    if (!this.hasMedium && NEEDS_MEDIUM.includes(code)) {
      this.fail(NO_MEDIUM);
      return;
    }
    const transfer = TRANSFERS[code];
    const length = listLength(cdb, this.blockLength);
    if (transfer !== undefined) this.startTransfer(transfer, cdb);
    else if (length !== undefined) this.refusing(() => this.expectList(cdb, length));
    else if (HARMLESS.includes(code)) this.finish();
    else if (code === 0x1a || code === 0x5a) this.mode(code === 0x5a, cdb);
    else if (code === 0x25) this.answer(capacity10(this.facts), 8);
    else if (code === 0x9e && (cdb[1] & 31) === 0x10) {
      this.answer(capacity16(this.facts), get32(cdb, 10));
    } else if (code === 0x1e) {
      this.state.isLocked = (cdb[4] & 1) !== 0;
      this.finish();
    } else if (code === 0x35 || code === 0x91) this.flush();
    else this.fail(code === 0x9e ? INVALID_FIELD : INVALID_OPCODE);
  }

  private get hasMedium(): boolean {
    return this.options.backend.inserted && !this.state.isOpen;
  }

  /** What only CD-ROM drives know, or know otherwise. False for the rest. */
  private runOptical(code: number, cdb: Uint8Array): boolean {
    const s = this.state;
    if (mmc.NEED_MEDIUM.has(code) && !this.hasMedium) this.fail(NO_MEDIUM);
    else if (code === 0x1b) this.startStop(cdb);
    else if (code === 0xbb) this.finish();
    else if (code === 0xad) this.fail(INCOMPATIBLE_FORMAT);
    else if (!ASKED_OPTICAL.includes(code)) return false;
    else {
      const total = this.hasMedium ? this.facts.blocks : 0;
      const found = mmc.answer(cdb, { ...s, total, serial: this.options.serial });
      if (mmc.takesEvent(cdb)) s.event = NO_EVENT;
      if (found?.bytes === undefined) this.fail(INVALID_FIELD);
      else this.answer(Uint8Array.from(found.bytes), found.room);
    }
    return true;
  }

  private startStop(cdb: Uint8Array): void {
    const s = this.state;
    const isLoadEject = (cdb[4] & 2) !== 0;
    const isStart = (cdb[4] & 1) !== 0;
    if (isLoadEject && !isStart && !s.isOpen && s.isLocked) {
      this.fail(this.options.backend.inserted ? REMOVAL_PREVENTED : EMPTY_TRAY_LOCKED);
      return;
    }
    if (isLoadEject && s.isOpen === isStart) {
      s.isOpen = !isStart;
      this.onMove(s.isOpen);
    }
    this.finish();
  }

  /** There is no such unit behind this target. */
  private answerForNobody(code: number, cdb: Uint8Array): void {
    if (code === REQUEST_SENSE) this.answer(senseData(UNIT_NOT_SUPPORTED), cdb[4]);
    else if (code === REPORT_LUNS) this.answer(reportLuns(), get32(cdb, 6));
    else if (code === INQUIRY) {
      const page = standardInquiry(this.facts);
      page[0] = NO_UNIT;
      this.answer(page, get16(cdb, 3));
    } else this.fail(UNIT_NOT_SUPPORTED);
  }

  private inquiry(cdb: Uint8Array): void {
    const length = get16(cdb, 3);
    const hasPage = (cdb[1] & 1) !== 0;
    const page = hasPage ? vitalPage(cdb[2], this.facts) : standardInquiry(this.facts);
    if (page === undefined || (!hasPage && cdb[2] !== 0)) this.fail(INVALID_FIELD);
    else this.answer(page, length);
  }

  private mode(isLong: boolean, cdb: Uint8Array): void {
    const control = cdb[2] >> 6;
    const hasDescriptor = (cdb[1] & 8) === 0;
    const page = cdb[2] & 0x3f;
    const isMask = control === 1;
    const data = modeSense({ isLong, page, hasDescriptor, isMask }, this.facts);
    if (control === 3) this.fail(SAVING_NOT_SUPPORTED);
    else if (data === undefined) this.fail(INVALID_FIELD);
    else this.answer(data, isLong ? get16(cdb, 7) : cdb[4]);
  }

  /** Does what may be refused. */
  private refusing(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof ParameterError)) throw error;
      this.fail(error.sense);
    }
  }

  private expectList(cdb: Uint8Array, length: number): void {
    const s = this.state;
    checkListCommand(cdb, this.facts);
    s.list = cdb.slice(0, 16);
    s.listLength = length;
    s.direction = length > 0 ? 'out' : 'none';
    if (length > 0) this.expectPiece(new Uint8Array(0));
  }

  /** Does what a list of parameters says. */
  private obey(cdb: Uint8Array, list: Uint8Array): void {
    this.state.data = list;
    this.refusing(() => {
      const job = startList(cdb, list, this.facts, this.options.backend);
      if (job === undefined) this.finish();
      else this.request(job, () => this.finish());
    });
  }

  private startTransfer({ kind, size }: Transfer, cdb: Uint8Array): void {
    const s = this.state;
    const { lba, blocks } = addressOf(cdb, size);
    if (lba + blocks > this.facts.blocks) this.fail(LBA_OUT_OF_RANGE);
    else if (kind === 'verify') {
      if ((cdb[1] & 2) === 0) this.finish();
      else this.fail(INVALID_FIELD);
    } else if (kind === 'write' && this.isProtected) this.fail(WRITE_PROTECTED);
    else if (blocks > 0) {
      s.lba = lba;
      s.remaining = blocks;
      s.direction = kind === 'read' ? 'in' : 'out';
      if (kind === 'read') this.readPiece();
      else this.expectPiece(new Uint8Array(0));
    }
  }

  private get isProtected(): boolean {
    return this.isCd || this.options.backend.readOnly;
  }

  /** The guest has taken all that was there. */
  private next(): void {
    if (this.state.remaining > 0) this.readPiece();
    else this.finish();
  }

  private readPiece(): void {
    const s = this.state;
    const piece = new Uint8Array(Math.min(PIECE, s.remaining * this.blockLength));
    const work = this.options.backend.read(s.lba * this.blockLength, piece);
    this.request({ what: 'read', length: piece.length, work }, () => {
      s.lba += piece.length / this.blockLength;
      s.remaining -= piece.length / this.blockLength;
      this.offer(piece);
    });
  }

  /** `rest`: what the guest has already sent of the piece. */
  private expectPiece(rest: Uint8Array): void {
    const s = this.state;
    s.data = new Uint8Array(PIECE_LIMIT);
    s.data.set(rest);
    s.position = rest.length;
    s.phase = 'out';
  }

  private writePiece(): void {
    const s = this.state;
    const length = Math.min(PIECE, s.remaining * this.blockLength);
    const piece = s.data.slice(0, length);
    const rest = s.data.slice(length, s.position);
    const work = this.options.backend.write(s.lba * this.blockLength, piece);
    this.request({ what: 'write', length, work }, () => {
      s.lba += length / this.blockLength;
      s.remaining -= length / this.blockLength;
      if (s.remaining === 0) this.finish();
      else this.expectPiece(rest);
    });
  }

  private request(job: Job, then: () => void): void {
    const epoch = ++this.epoch;
    const cost = this.isCd ? OPTICAL : HARD_DISK;
    const timing = diskTiming(cost, this.options.backend, job.what, job.length);
    this.state.phase = 'busy';
    this.options.inbox.expect(
      { label: 'scsi', promise: job.work, ...timing },
      () => this.ready(epoch, then),
      error => this.ready(epoch, () => this.fail(senseOf(error))),
    );
  }

  private ready(epoch: number, then: () => void): void {
    if (epoch !== this.epoch) return;
    then();
    if (this.state.phase !== 'busy') this.options.onReady?.();
  }

  private answer(data: Uint8Array, limit: number): void {
    if (limit === 0) {
      this.finish();
      return;
    }
    this.state.direction = 'in';
    this.offer(data.slice(0, limit));
  }

  private offer(data: Uint8Array): void {
    this.state.data = data;
    this.state.position = 0;
    this.state.phase = 'in';
  }

  private finish(): void {
    this.state.data = new Uint8Array(0);
    this.state.listLength = 0;
    this.state.position = 0;
    this.state.phase = 'done';
  }

  private fail(sense: Sense): void {
    this.setSense(sense);
    this.state.status = CHECK_CONDITION;
    this.state.remaining = 0;
    this.finish();
  }

  private setSense([key, code, qualifier]: Sense): void {
    this.state.senseKey = key;
    this.state.senseCode = code;
    this.state.senseQualifier = qualifier;
  }

  private takeSense(): Sense {
    const { senseKey, senseCode, senseQualifier } = this.state;
    const sense: Sense = [senseKey, senseCode, senseQualifier];
    this.setSense(NO_SENSE);
    return senseKey === 0 && this.state.attention !== 'none' ? this.takeAttention() : sense;
  }

  private takeAttention(): Sense {
    const { attention } = this.state;
    // A medium that is gone comes first; if there is another one, that is told next.
    const hasMore = attention === 'medium-removed' && this.hasMedium;
    this.state.attention = hasMore ? 'medium-changed' : 'none';
    if (attention === 'medium-removed') return MEDIUM_REMOVED;
    return attention === 'power-on' ? POWER_ON : MEDIUM_CHANGED;
  }

  private get facts(): DiskFacts {
    const { backend, serial, hasQueue = false } = this.options;
    const { readOnly, name, length, writeCache } = backend;
    const { isCd, blockLength } = this;
    const { isLocked } = this.state;
    const blocks = Math.floor(length / blockLength);
    const medium = { blocks, blockLength, readOnly, writeCache };
    return { isCd, ...medium, isLocked, hasQueue, serial, name };
  }
}

function senseOf(error: unknown): Sense {
  if (!(error instanceof BlockError)) return READ_FAILED;
  if (error.code === 'ENOMEDIUM') return NO_MEDIUM;
  return error.code === 'ENOSPC' ? NO_SPACE : READ_FAILED;
}
