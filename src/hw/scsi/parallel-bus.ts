/**
 * A parallel SCSI bus as its only initiator sees it: who is selected, and which phase the target
 * asks for.
 *
 * Specification: SPI-3, chapter 10 (phases), SCSI-2, section 6.6 (messages).
 * Targets stay on the bus from selection to the end of their command: they never disconnect, so
 * nothing is ever reselected. Tags are taken and mean nothing. Not emulated: synchronous and wide
 * transfers (negotiation is rejected), parity, units other than 0 (CHECK CONDITION).
 */

import { CHECK_CONDITION, type ScsiTarget } from './bus.ts';

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
const ABORT = 0x06;
const REJECT = 0x07;
const NO_OPERATION = 0x08;
const ABORT_TAG = 0x0d;
const DEVICE_RESET = 0x0c;
const TAGS = [0x20, 0x21, 0x22];
const IDENTIFY = 0x80;

/** Bytes given to a target at once: it drops what its command does not need. */
const BLOCK = 512;
const PIECE = 0x10000;
const LONGEST_COMMAND = 16;

export interface BusState {
  stage: 'free' | 'command' | 'run' | 'complete';
  lun: number;
  replies: number[];
}

export interface ParallelBusOptions {
  readonly state: () => BusState;
  /** The number on the bus of the selected target. */
  readonly selected: () => number;
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
    if (stage === 'free') return undefined;
    if (this.options.hasAttention()) return MESSAGE_OUT;
    if (replies.length > 0 || stage === 'complete') return MESSAGE_IN;
    if (stage === 'command') return COMMAND;
    if (this.isForeignUnit) return STATUS;
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

  /** False when nobody answers. */
  select(id: number): boolean {
    if (!this.targets.has(id)) return false;
    const s = this.options.state();
    s.stage = 'command';
    s.lun = 0;
    s.replies = [];
    return true;
  }

  /** The target leaves the bus, whatever it did. */
  release(): void {
    const s = this.options.state();
    if (s.stage === 'run') this.target?.cancel();
    s.stage = 'free';
    s.replies = [];
  }

  /** The RST wire. */
  reset(): void {
    this.release();
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
      case STATUS:
        this.options.state().stage = 'complete';
        return Uint8Array.of(this.isForeignUnit ? CHECK_CONDITION : (this.target?.status ?? 0));
      case MESSAGE_IN:
        return Uint8Array.of(this.message());
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
      case COMMAND: {
        const command = new Uint8Array(LONGEST_COMMAND);
        command.set(bytes.subarray(0, LONGEST_COMMAND));
        this.options.state().stage = 'run';
        if (!this.isForeignUnit) this.target?.execute(command);
        break;
      }
      default:
        break;
    }
  }

  private get target(): ScsiTarget | undefined {
    return this.targets.get(this.options.selected());
  }

  private get isForeignUnit(): boolean {
    return this.options.state().lun !== 0;
  }

  private message(): number {
    const s = this.options.state();
    const reply = s.replies.shift();
    if (reply !== undefined) return reply;
    s.stage = 'free';
    return COMMAND_COMPLETE;
  }

  private takeMessages(bytes: Uint8Array): void {
    const s = this.options.state();
    for (let at = 0; at < bytes.length && s.stage !== 'free'; ) {
      const code = bytes[at++];
      if ((code & IDENTIFY) !== 0) s.lun = code & 7;
      else if (TAGS.includes(code)) at++;
      else if (code === EXTENDED) {
        at += 1 + bytes[at];
        s.replies = [REJECT];
      } else if (code === ABORT || code === ABORT_TAG) this.release();
      else if (code === DEVICE_RESET) {
        const { target } = this;
        this.release();
        target?.reset();
      } else if (code !== NO_OPERATION && code !== REJECT) s.replies = [REJECT];
    }
  }
}
