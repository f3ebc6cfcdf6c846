/**
 * A parallel SCSI bus as its only initiator sees it: who is selected, which phase the target asks
 * for, and who comes back later.
 *
 * Specification: SPI-3, chapter 10 (phases), SCSI-2, section 6.6 (messages), SAM-3 (queues).
 * A target that may disconnect does so when its medium is at work before any data has moved, or
 * when it has to finish another command first: it runs one at a time, in order. Once data move it
 * stays. Transfers can be agreed to be synchronous, which changes nothing here. Not emulated: wide
 * transfers, parity, units other than 0 (targets say that there are none).
 */

import type { ScsiTarget } from './bus.ts';

export const DATA_OUT = 0;
export const DATA_IN = 1;
export const COMMAND = 2;
export const STATUS = 3;
export const MESSAGE_OUT = 6;
export const MESSAGE_IN = 7;
export type BusPhase =
  | typeof DATA_OUT
  | typeof DATA_IN
  | typeof COMMAND
  | typeof STATUS
  | typeof MESSAGE_OUT
  | typeof MESSAGE_IN;

const COMMAND_COMPLETE = 0x00;
const EXTENDED = 0x01;
const DISCONNECT = 0x04;
const ABORT = 0x06;
const REJECT = 0x07;
const NO_OPERATION = 0x08;
const DEVICE_RESET = 0x0c;
const ABORT_TAG = 0x0d;
const CLEAR_QUEUE = 0x0e;
const SIMPLE_TAG = 0x20;
const TAGS = [SIMPLE_TAG, 0x21, 0x22];
const IDENTIFY = 0x80;
const MAY_DISCONNECT = 0x40;

/** Extended messages by their type. */
const SYNCHRONOUS = 1;
const WIDE = 3;
/** What targets agree to: 25 ns, 31 transfers ahead. */
const SHORTEST_PERIOD = 10;
const GREATEST_OFFSET = 31;

const BUSY = 0x08;

/** Bytes given to a target at once: it drops what its command does not need. */
const BLOCK = 512;
const PIECE = 0x10000;
export const LONGEST_COMMAND = 16;
/** Instead of a tag. */
export const UNTAGGED = 256;

/** A command, from its first message to its last. */
export interface Nexus {
  id: number;
  lun: number;
  tag: number;
  mayDisconnect: boolean;
  command: Uint8Array;
  /** The target runs it; otherwise it waits for its turn. */
  isStarted: boolean;
}

export interface BusState {
  stage: 'free' | 'selecting' | 'command' | 'run' | 'refused' | 'complete' | 'leaving';
  /** Who has the bus. */
  nexus: Nexus;
  /** Who has left it and will come back, the oldest first. */
  away: Nexus[];
  replies: number[];
}

export interface ParallelBusOptions {
  readonly state: () => BusState;
  readonly hasAttention: () => boolean;
  readonly dropAttention: () => void;
}

export class ParallelBus {
  /** By number on the bus. */
  readonly targets = new Map<number, ScsiTarget>();

  constructor(private readonly options: ParallelBusOptions) {}

  /** Undefined: the bus is free, or the target has not made up its mind yet. */
  get phase(): BusPhase | undefined {
    const { stage, replies } = this.options.state();
    if (stage === 'free' || stage === 'selecting') return undefined;
    if (this.options.hasAttention()) return MESSAGE_OUT;
    if (replies.length > 0 || stage === 'complete') return MESSAGE_IN;
    if (stage === 'command') return COMMAND;
    if (stage === 'refused') return STATUS;
    switch (this.target?.phase) {
      case 'in':
        return DATA_IN;
      case 'out':
        return DATA_OUT;
      case 'busy':
        return undefined;
      default:
        return STATUS;
    }
  }

  get isFree(): boolean {
    return this.options.state().stage === 'free';
  }

  /** A target answers the initiator. */
  get isConnected(): boolean {
    return !this.isFree && this.options.state().stage !== 'selecting';
  }

  /** False when nobody answers; the bus is not free until the initiator gives up. */
  select(id: number): boolean {
    const s = this.options.state();
    const command = new Uint8Array(LONGEST_COMMAND);
    s.nexus = { id, lun: 0, tag: UNTAGGED, mayDisconnect: false, command, isStarted: false };
    s.replies = [];
    s.stage = this.targets.has(id) ? 'command' : 'selecting';
    return s.stage === 'command';
  }

  /** The first target that has something to say takes the bus. Undefined when none has. */
  reselect(): number | undefined {
    const s = this.options.state();
    if (s.stage !== 'free') return undefined;
    this.startNext();
    const at = s.away.findIndex(
      ({ id, isStarted }) => isStarted && this.targets.get(id)?.phase !== 'busy',
    );
    if (at < 0) return undefined;
    [s.nexus] = s.away.splice(at, 1);
    const { lun, tag, id } = s.nexus;
    s.stage = 'run';
    s.replies = [IDENTIFY | lun, ...(tag === UNTAGGED ? [] : [SIMPLE_TAG, tag])];
    return id;
  }

  /** The target leaves the bus, whatever it did. */
  release(): void {
    const s = this.options.state();
    if (s.stage === 'run') this.target?.cancel();
    s.stage = 'free';
    s.replies = [];
  }

  /** The target is taken off the bus. */
  remove(id: number): void {
    const s = this.options.state();
    if (s.nexus.id === id && this.isConnected) this.release();
    s.away = s.away.filter(nexus => nexus.id !== id);
    this.targets.get(id)?.cancel();
    this.targets.delete(id);
  }

  /** The RST wire. */
  reset(): void {
    this.release();
    this.options.state().away = [];
    for (const target of this.targets.values()) target.reset();
  }

  /**
   * Moves bytes from the target, in its phase; undefined when that is not a phase of input. Fewer
   * than there is room for: the phase has ended, or the target waits for its medium.
   */
  input(room: number): Uint8Array | undefined {
    switch (this.phase) {
      case DATA_IN: {
        const bytes = new Uint8Array(Math.min(room, PIECE));
        return bytes.subarray(0, this.target?.take(bytes) ?? 0);
      }
      case STATUS: {
        const s = this.options.state();
        const status = s.stage === 'refused' ? BUSY : (this.target?.status ?? 0);
        s.stage = 'complete';
        return Uint8Array.of(status);
      }
      case MESSAGE_IN:
        return this.message(room);
      default:
        return undefined;
    }
  }

  /** How many of `length` bytes the target takes at once in its phase. */
  outputLength(length: number): number {
    return this.phase === DATA_OUT ? Math.min(length, BLOCK) : length;
  }

  output(bytes: Uint8Array): void {
    switch (this.phase) {
      case DATA_OUT:
        this.target?.give(bytes);
        break;
      case MESSAGE_OUT:
        this.options.dropAttention();
        this.takeMessages(bytes);
        break;
      case COMMAND:
        this.takeCommand(bytes);
        break;
      default:
        break;
    }
  }

  private get target(): ScsiTarget | undefined {
    return this.targets.get(this.options.state().nexus.id);
  }

  private takeCommand(bytes: Uint8Array): void {
    const s = this.options.state();
    const { nexus } = s;
    nexus.command.set(bytes.subarray(0, LONGEST_COMMAND));
    const hasOther = s.away.some(({ id }) => id === nexus.id);
    if (hasOther && !nexus.mayDisconnect) {
      s.stage = 'refused';
      return;
    }
    s.stage = 'run';
    if (!hasOther) this.start(nexus);
    if (!nexus.mayDisconnect || (!hasOther && this.target?.phase !== 'busy')) return;
    s.away.push(nexus);
    s.stage = 'leaving';
    s.replies = [DISCONNECT];
  }

  private start(nexus: Nexus): void {
    nexus.isStarted = true;
    this.targets.get(nexus.id)?.execute(nexus.command, nexus.lun);
  }

  /** Targets that are idle begin with what they have been given meanwhile. */
  private startNext(): void {
    const seen = new Set<number>();
    for (const nexus of this.options.state().away) {
      if (!nexus.isStarted && !seen.has(nexus.id)) this.start(nexus);
      seen.add(nexus.id);
    }
  }

  private message(room: number): Uint8Array {
    const s = this.options.state();
    const bytes = Uint8Array.from(s.replies.splice(0, room));
    if (s.stage === 'leaving' && s.replies.length === 0) s.stage = 'free';
    if (bytes.length > 0) return bytes;
    s.stage = 'free';
    this.startNext();
    return Uint8Array.of(COMMAND_COMPLETE);
  }

  private takeMessages(bytes: Uint8Array): void {
    const s = this.options.state();
    for (let at = 0; at < bytes.length && s.stage !== 'free'; ) {
      const code = bytes[at++];
      if ((code & IDENTIFY) !== 0) {
        s.nexus.lun = code & 7;
        s.nexus.mayDisconnect = (code & MAY_DISCONNECT) !== 0;
      } else if (TAGS.includes(code)) s.nexus.tag = bytes[at++] ?? UNTAGGED;
      else if (code === EXTENDED) {
        s.replies = negotiate(bytes.subarray(at + 1));
        at += 1 + bytes[at];
      } else if (ABORTS.includes(code)) this.abort(code);
      else if (code !== NO_OPERATION && code !== REJECT) s.replies = [REJECT];
    }
  }

  /** The target forgets one command, those of a unit, or everything. */
  private abort(code: number): void {
    const s = this.options.state();
    const { id, lun, tag } = s.nexus;
    this.release();
    const isMeant = (nexus: Nexus): boolean =>
      nexus.id === id &&
      (code === DEVICE_RESET || (nexus.lun === lun && (code !== ABORT_TAG || nexus.tag === tag)));
    const hasStarted = s.away.some(nexus => isMeant(nexus) && nexus.isStarted);
    s.away = s.away.filter(nexus => !isMeant(nexus));
    if (code === DEVICE_RESET) this.targets.get(id)?.reset();
    else if (hasStarted) this.targets.get(id)?.cancel();
    this.startNext();
  }
}

const ABORTS = [ABORT, ABORT_TAG, CLEAR_QUEUE, DEVICE_RESET];

/** The answer to an extended message, from its type on. */
function negotiate([type, period, offset]: Uint8Array): number[] {
  switch (type) {
    case SYNCHRONOUS: {
      const agreed = [Math.max(period, SHORTEST_PERIOD), Math.min(offset, GREATEST_OFFSET)];
      return [EXTENDED, 3, SYNCHRONOUS, ...agreed];
    }
    case WIDE:
      return [EXTENDED, 2, WIDE, 0];
    default:
      return [REJECT];
  }
}
