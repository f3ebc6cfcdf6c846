/**
 * 82077AA floppy disk controller in AT mode, with up to two drives: QEMU's `isa-fdc`.
 *
 * Data sheet: Intel 82077AA (290166). Like QEMU it begins with implied seeks enabled, says that it
 * is an 82078 when asked for its part, and does not wait for heads, motors and turning disks.
 * Not emulated: transfers without DMA (they end at once, as overruns), scans, sectors of other than
 * 512 bytes, deleted data marks, status register A, tape and power-down modes.
 *
 * Data go in one request to the backend; a reset meanwhile makes the answer void. State can be
 * saved while no request is under way.
 */

import type { BlockBackend } from '../../block/backend.ts';
import type { Inbox } from '../../inbox.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { array, bool, list, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';
import { diskTiming, FLOPPY } from '../disk-timing.ts';
import type { DmaChannel } from '../dma/i8237.ts';
import { type CommandName, type CommandRow, commandOf } from './commands.ts';
import { type FloppyFormat, formatOf, SECTOR } from './formats.ts';
import { ABNORMAL, END_OF_CYLINDER, INVALID, Outcome } from './outcome.ts';
import { afterLast, type Place, sectorAt } from './place.ts';

/** Ports, from 3F0h. */
const STATUS_B = 1;
const DIGITAL_OUTPUT = 2;
const TAPE_DRIVE = 3;
const MAIN_STATUS = 4;
const DATA = 5;
const DIGITAL_INPUT = 7;

const DOR_SELECT = 0x03;
const DOR_RUNNING = 0x04;
const DOR_DMA = 0x08;
const DOR_MOTOR = 0x10;
const DSR_RESET = 0x80;
const RATE_MASK = 0x03;

const MSR_REQUEST = 0x80;
const MSR_TO_HOST = 0x40;
const MSR_BUSY = 0x10;

const ST0_SEEK_END = 0x20;
const ST0_READY_CHANGED = 0xc0;
const ST0_EQUIPMENT = 0x10;
const ST3_ALWAYS = 0x28;
const ST3_TRACK_0 = 0x10;
const ST3_PROTECTED = 0x40;

const CONFIG_IMPLIED_SEEK = 0x40;
const CONFIG_EFIFO = 0x20;
const LOCK_BIT = 0x80;
const MULTI_TRACK = 0x80;
const SIZE_512 = 2;
const DRIVES = 4;
/** QEMU's answers to PART ID and VERSION. */
const PART_ID = 0x41;
const ENHANCED = 0x90;

const registers = state('fdc', 1, {
  output: u8(DOR_RUNNING | DOR_DMA),
  tape: u8(),
  rate: u8(),
  /** Bytes of the command so far. */
  command: list(16, u8()),
  /** A request to the backend is under way. */
  isExecuting: bool(),
  /** Bytes that the host has still to read. */
  result: list(16, u8()),
  isInterrupting: bool(),
  /** Of seeks: ST0, for SENSE INTERRUPT STATUS. */
  status0: u8(),
  hasStatus0: bool(),
  /** Drives that report after a reset. */
  resetReports: u8(),
  config: u8(CONFIG_IMPLIED_SEEK | CONFIG_EFIFO),
  precompensation: u8(),
  timer0: u8(),
  timer1: u8(),
  perpendicular: u8(),
  isLocked: bool(),
  lastSector: u8(),
  drives: array(DRIVES, struct({ track: u8(), head: u8(), isChanged: bool(true) })),
});

export interface I82077Options {
  readonly irq: Line;
  readonly dma: DmaChannel;
  readonly inbox: Inbox;
  /** Drives A and B; undefined is none. */
  readonly drives: readonly (BlockBackend | undefined)[];
}

/** A transfer that nothing stands against. */
interface TransferJob {
  readonly backend: BlockBackend;
  readonly outcome: Outcome;
  readonly format: FloppyFormat;
  readonly isBothSides: boolean;
}

/** A request to the backend. */
interface Waiting {
  readonly backend: BlockBackend;
  readonly what: 'read' | 'write';
  readonly work: Promise<void>;
  /** In bytes. */
  readonly length: number;
  readonly outcome: Outcome;
}

export class I82077 extends Device<StateOf<typeof registers>> {
  /** Eight ports at 3F0h; 3F6h belongs to the disk controller. */
  readonly ports: PortHandler = {
    read: offset => this.read(offset),
    write: (offset, _size, value) => {
      this.write(offset, value);
      this.settle();
    },
  };
  /** Grows with every reset: answers to earlier requests are void. */
  private epoch = 0;

  constructor(private readonly options: I82077Options) {
    super(registers);
    options.drives.forEach((backend, i) => {
      backend?.onMediaChange(() => {
        this.state.drives[i].isChanged = true;
      });
    });
  }

  /** Media and heads stay where they are. */
  override reset(): void {
    const { drives } = this.state;
    this.epoch++;
    this.state = this.table.initial();
    this.state.drives = drives.map(drive => ({ ...drive, track: 0, head: 0 }));
    this.settle();
  }

  protected override settle(): void {
    const { isInterrupting, output } = this.state;
    this.options.irq.set(isInterrupting && (output & DOR_DMA) !== 0);
  }

  private read(offset: number): number {
    const s = this.state;
    switch (offset) {
      case STATUS_B:
        return 0xc0 | ((s.output & 1) << 5) | ((s.output >> 4) & 3);
      case DIGITAL_OUTPUT:
        return s.output;
      case TAPE_DRIVE:
        return s.tape;
      case MAIN_STATUS:
        return this.mainStatus();
      case DATA:
        return this.readData();
      case DIGITAL_INPUT:
        return this.isDiskChanged() ? 0x80 : 0;
      default:
        return 0xff;
    }
  }

  private write(offset: number, value: number): void {
    switch (offset) {
      case DIGITAL_OUTPUT:
        this.writeOutput(value);
        break;
      case TAPE_DRIVE:
        this.state.tape = value & 3;
        break;
      case MAIN_STATUS:
        this.state.rate = value & RATE_MASK;
        if ((value & DSR_RESET) !== 0) this.softReset();
        break;
      case DATA:
        this.writeData(value);
        break;
      case DIGITAL_INPUT:
        this.state.rate = value & RATE_MASK;
        break;
      default:
        break;
    }
  }

  private mainStatus(): number {
    const s = this.state;
    if ((s.output & DOR_RUNNING) === 0) return 0;
    if (s.isExecuting) return MSR_BUSY;
    if (s.result.length > 0) return MSR_REQUEST | MSR_TO_HOST | MSR_BUSY;
    return MSR_REQUEST | (s.command.length > 0 ? MSR_BUSY : 0);
  }

  private writeOutput(value: number): void {
    const s = this.state;
    const wasRunning = (s.output & DOR_RUNNING) !== 0;
    s.output = value;
    const isRunning = (value & DOR_RUNNING) !== 0;
    if (wasRunning && !isRunning) this.abort();
    if (!wasRunning && isRunning) this.softReset();
  }

  private abort(): void {
    this.epoch++;
    Object.assign(this.state, { command: [], result: [], isExecuting: false });
    Object.assign(this.state, { isInterrupting: false, hasStatus0: false, resetReports: 0 });
  }

  /** Every drive reports that its line may have changed. */
  private softReset(): void {
    const s = this.state;
    this.abort();
    if (!s.isLocked) {
      s.config = CONFIG_IMPLIED_SEEK | CONFIG_EFIFO;
      s.precompensation = 0;
    }
    for (const drive of s.drives) drive.track = 0;
    s.resetReports = DRIVES;
    s.isInterrupting = true;
  }

  private isDiskChanged(): boolean {
    const { output, drives } = this.state;
    const selected = output & DOR_SELECT;
    if ((output & (DOR_MOTOR << selected)) === 0) return false;
    return this.backend(selected) !== undefined && drives[selected].isChanged;
  }

  private backend(drive: number): BlockBackend | undefined {
    return this.options.drives[drive];
  }

  private readData(): number {
    const s = this.state;
    const [value = 0, ...rest] = s.result;
    s.result = rest;
    s.isInterrupting = false;
    this.settle();
    return value;
  }

  private writeData(value: number): void {
    const s = this.state;
    if (s.isExecuting || s.result.length > 0 || (s.output & DOR_RUNNING) === 0) return;
    s.command.push(value);
    const row = commandOf(s.command[0]);
    if (row === undefined) this.answer([INVALID]);
    else if (s.command.length === row.length) this.execute(row);
  }

  /** The result phase; without an interrupt unless data moved. */
  private answer(result: readonly number[], hasInterrupt = false): void {
    const s = this.state;
    s.command = [];
    s.isExecuting = false;
    s.result = [...result];
    if (hasInterrupt) s.isInterrupting = true;
  }

  private execute(row: CommandRow): void {
    const result = this.setting(row.name);
    if (result !== undefined) this.answer(result);
    else if (/seek|recalibrate/.test(row.name)) this.startSeek(row.name);
    else if (row.name === 'read-id') this.readId(this.state.command[1]);
    else if (row.name === 'format') this.format(this.state.command[1]);
    else this.transfer(row.name);
  }

  /** Commands that neither step nor touch data: their results. */
  private setting(name: CommandName): readonly number[] | undefined {
    const s = this.state;
    const [first, second = 0, third = 0, fourth = 0] = s.command;
    switch (name) {
      case 'specify':
        Object.assign(s, { timer0: second, timer1: third });
        return [];
      case 'configure':
        Object.assign(s, { config: third, precompensation: fourth });
        return [];
      case 'perpendicular':
        s.perpendicular = second;
        return [];
      case 'lock':
        s.isLocked = (first & LOCK_BIT) !== 0;
        return [s.isLocked ? 0x10 : 0];
      case 'version':
        return [ENHANCED];
      case 'part-id':
        return [PART_ID];
      case 'dump':
        return this.dump();
      case 'sense-interrupt':
        return this.senseInterrupt();
      case 'sense-drive':
        return [this.status3(second)];
      default:
        return undefined;
    }
  }

  private dump(): number[] {
    const s = this.state;
    const tracks = s.drives.map(({ track }) => track);
    const lock = (s.isLocked ? 0x80 : 0) | (s.perpendicular & 0x7f);
    return [...tracks, s.timer0, s.timer1, s.lastSector, lock, s.config, s.precompensation];
  }

  private status3(select: number): number {
    const drive = this.state.drives[select & 3];
    drive.head = (select >> 2) & 1;
    const isProtected = this.backend(select & 3)?.readOnly === true;
    const bits = (drive.track === 0 ? ST3_TRACK_0 : 0) | (isProtected ? ST3_PROTECTED : 0);
    return ST3_ALWAYS | bits | (select & 7);
  }

  private senseInterrupt(): readonly number[] {
    const s = this.state;
    s.isInterrupting = false;
    if (s.resetReports > 0) {
      const drive = DRIVES - s.resetReports--;
      return [ST0_READY_CHANGED | drive, s.drives[drive].track];
    }
    if (!s.hasStatus0) return [INVALID];
    s.hasStatus0 = false;
    return [s.status0, s.drives[s.status0 & 3].track];
  }

  private startSeek(name: CommandName): void {
    const [first, second, third = 0] = this.state.command;
    const { track } = this.state.drives[second & 3];
    const step = (first & 0x40) !== 0 ? third : -third;
    if (name === 'recalibrate') this.seek(second & 3, 0);
    else if (name === 'seek') this.seek(second & 7, third);
    else this.seek(second & 7, Math.max(0, Math.min(255, track + step)));
  }

  /** Steps tell the drive that whoever changed its disk was noticed. */
  private seek(select: number, track: number): void {
    const s = this.state;
    const backend = this.backend(select & 3);
    s.drives[select & 3].head = (select >> 2) & 1;
    this.moveTo(select & 3, track);
    const isMissing = backend === undefined && track === 0;
    s.status0 = ST0_SEEK_END | (select & 7) | (isMissing ? ABNORMAL | ST0_EQUIPMENT : 0);
    s.hasStatus0 = true;
    s.isInterrupting = true;
    this.answer([]);
  }

  private moveTo(drive: number, track: number): void {
    const place = this.state.drives[drive];
    if (place.track === track) return;
    place.track = track;
    if (this.backend(drive)?.inserted === true) place.isChanged = false;
  }

  private readId(select: number): void {
    const drive = this.state.drives[select & 3];
    drive.head = (select >> 2) & 1;
    const place = { track: drive.track, head: drive.head, sector: 1 };
    const outcome = new Outcome(select & 7, place);
    this.check(select & 3, place, outcome);
    this.end(outcome);
  }

  /** Whether there is such a sector under the head: notes what is wrong. */
  private check(drive: number, place: Place, outcome: Outcome): FloppyFormat | undefined {
    const backend = this.backend(drive);
    if (backend?.inserted !== true) return outcome.fail('missing-mark');
    const format = formatOf(backend.length);
    if ((this.state.rate & RATE_MASK) !== format.rate) return outcome.fail('missing-mark');
    if (place.track >= format.tracks || place.head >= format.heads) return outcome.fail('no-data');
    if (place.sector < 1 || place.sector > format.sectors) return outcome.fail('no-data');
    return format;
  }

  private end(outcome: Outcome): void {
    this.answer(outcome.result, true);
    this.settle();
  }

  /** READ, WRITE, VERIFY, READ TRACK. */
  private transfer(name: CommandName): void {
    const s = this.state;
    const [first, select, track, head, sector, size, last] = s.command;
    const drive = select & 3;
    const place = { track, head: head & 1, sector: name === 'read-track' ? 1 : sector };
    const outcome = new Outcome(select & 7, place);
    s.lastSector = last;
    s.drives[drive].head = place.head;
    const isElsewhere = track !== s.drives[drive].track;
    if (isElsewhere && (s.config & CONFIG_IMPLIED_SEEK) === 0) outcome.fail('wrong-cylinder');
    else {
      this.moveTo(drive, track);
      const format = this.check(drive, place, outcome);
      const backend = this.backend(drive);
      if (format === undefined || backend === undefined) outcome.stop();
      else if (size !== SIZE_512) outcome.fail('no-data');
      else if (name === 'write' && backend.readOnly) outcome.fail('protected');
      else if (name !== 'verify' && this.isWithoutDma()) outcome.fail('overrun');
      else {
        const isBothSides = (first & MULTI_TRACK) !== 0;
        this.move(name, { backend, outcome, format, isBothSides });
        return;
      }
    }
    this.end(outcome);
  }

  private isWithoutDma(): boolean {
    const { timer1, output } = this.state;
    const isOff = (timer1 & 1) !== 0 || (output & DOR_DMA) === 0;
    return isOff || this.options.dma.remaining === 0;
  }

  private move(name: CommandName, { backend, outcome, format, isBothSides }: TransferJob): void {
    const { dma } = this.options;
    const { place } = outcome;
    const asked = dma.remaining;
    const last = Math.min(this.state.lastSector, format.sectors);
    const here = Math.max(1, last - place.sector + 1);
    const sides = isBothSides && place.head === 0 && format.heads > 1 ? last : 0;
    // What the head passes: the rest of the track, and the other side's.
    const passed = (here + sides) * SECTOR;
    const isVerify = name === 'verify';
    const wanted = isVerify ? passed : Math.min(passed, asked);
    const sectors = Math.ceil(wanted / SECTOR);
    const offset = sectorAt(place, format) * SECTOR;
    const bytes = new Uint8Array(sectors * SECTOR);
    const finish = (): void => {
      if (name === 'read' || name === 'read-track') dma.writeMemory(bytes);
      outcome.place = afterLast(place, { sectors, last, isBothSides });
      // The controller was told to end there, not the DMA controller.
      if (!isVerify && asked > passed) outcome.addError(END_OF_CYLINDER);
      this.end(outcome);
    };
    const isWrite = name === 'write';
    if (isWrite) dma.readMemory(bytes.subarray(0, wanted));
    const work = isWrite ? backend.write(offset, bytes) : backend.read(offset, bytes);
    const { length } = bytes;
    this.wait({ backend, what: isWrite ? 'write' : 'read', work, length, outcome }, finish);
  }

  /** The guest gives the identifiers of all sectors; they get the filler byte. */
  private format(select: number): void {
    const { dma } = this.options;
    const [, , , count, , filler] = this.state.command;
    const { track } = this.state.drives[select & 3];
    const outcome = new Outcome(select & 7, { track, head: (select >> 2) & 1, sector: 1 });
    const format = this.check(select & 3, outcome.place, outcome);
    const backend = this.backend(select & 3);
    if (format === undefined || backend === undefined) outcome.stop();
    else if (backend.readOnly) outcome.fail('protected');
    else if (this.isWithoutDma()) outcome.fail('overrun');
    else {
      dma.readMemory(new Uint8Array(4 * count));
      const bytes = new Uint8Array(Math.min(count, format.sectors) * SECTOR).fill(filler);
      const offset = sectorAt(outcome.place, format) * SECTOR;
      const work = backend.write(offset, bytes);
      const { length } = bytes;
      this.wait({ backend, what: 'write', work, length, outcome }, () => this.end(outcome));
      return;
    }
    this.end(outcome);
  }

  private wait({ backend, what, work, length, outcome }: Waiting, done: () => void): void {
    const { epoch } = this;
    this.state.isExecuting = true;
    this.options.inbox.expect(
      {
        label: `${backend.name} ${what}`,
        promise: work,
        ...diskTiming(FLOPPY, backend, what, length),
      },
      () => {
        if (epoch === this.epoch) done();
      },
      () => {
        if (epoch !== this.epoch) return;
        outcome.fail('data-error');
        this.end(outcome);
      },
    );
  }
}
