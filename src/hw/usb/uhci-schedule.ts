/**
 * How a UHCI controller executes its schedule: one frame list entry per millisecond, with the queue
 * heads and transfer descriptors that hang from it.
 *
 * Specification: Intel UHCI 1.1 design guide, chapter 3.
 * A frame has room for 1280 bytes of data; a loop of queues in which nothing moves ends it early.
 * Not emulated: single-step debugging, data toggle checks.
 */

import type { Memory } from '../../memory.ts';
import { NAK, STALL, type UsbDevice } from './device.ts';

/** Link pointers. */
const TERMINATE = 1;
const IS_QUEUE = 2;
const DEPTH_FIRST = 4;
const ADDRESS = ~15;

/** Control and status of a transfer descriptor. */
const CRC_TIMEOUT = 1 << 18;
const NAK_RECEIVED = 1 << 19;
const BABBLE = 1 << 20;
const DATA_BUFFER_ERROR = 1 << 21;
const STALLED = 1 << 22;
const ACTIVE = 1 << 23;
const IOC = 1 << 24;
const IOS = 1 << 25;
const ERRORS_SHIFT = 27;
const ERRORS_MASK = 3 << ERRORS_SHIFT;
const SHORT_PACKET_DETECT = 1 << 29;
const LENGTH_MASK = 0x7ff;
const STATUS_BITS = CRC_TIMEOUT | NAK_RECEIVED | BABBLE | DATA_BUFFER_ERROR | STALLED | (1 << 17);

/** Packet identifiers. */
const PID_IN = 0x69;
const PID_OUT = 0xe1;
const PID_SETUP = 0x2d;

const MAX_LENGTH = 1280;
/** Bytes of data in a frame. */
const BANDWIDTH = 1280;
/** More links than any driver uses: a frame ends. */
const MAX_LINKS = 4096;

/** What a frame did that the guest may want to hear of. */
export const CAUSE_COMPLETE = 1;
export const CAUSE_SHORT = 2;
export const CAUSE_ERROR = 4;
/** The schedule is broken: the controller stops. */
export const CAUSE_PROCESS_ERROR = 8;

type Outcome = 'done' | 'stay' | 'stop';

export class UhciSchedule {
  private causes = 0;
  private budget = 0;
  private readonly packet = new Uint8Array(MAX_LENGTH);
  /** Queues met since a packet last moved. */
  private readonly visited = new Set<number>();

  /** `find`: the device with that address behind a port that is enabled. */
  constructor(
    private readonly memory: Memory,
    private readonly find: (address: number) => UsbDevice | undefined,
  ) {}

  /** Executes what hangs from one entry of the frame list. Returns causes. */
  run(entry: number): number {
    this.causes = 0;
    this.budget = BANDWIDTH;
    this.visited.clear();
    let link = this.memory.read(entry, 4);
    for (let i = 0; i < MAX_LINKS && (link & TERMINATE) === 0 && this.budget > 0; i++) {
      const address = (link & ADDRESS) >>> 0;
      if ((link & IS_QUEUE) !== 0) {
        if (this.visited.has(address)) break;
        this.visited.add(address);
        link = this.queue(address);
      } else {
        if (this.transfer(address, false) === 'stop') break;
        link = this.memory.read(address, 4);
      }
    }
    return this.causes;
  }

  /** Returns the link that follows. */
  private queue(head: number): number {
    const { memory } = this;
    const next = memory.read(head, 4);
    for (;;) {
      const element = memory.read(head + 4, 4);
      if ((element & TERMINATE) !== 0) return next;
      if ((element & IS_QUEUE) !== 0) return element;
      const descriptor = (element & ADDRESS) >>> 0;
      const outcome = this.transfer(descriptor, true);
      if (outcome === 'stop') return TERMINATE;
      if (outcome === 'stay') return next;
      const link = memory.read(descriptor, 4);
      memory.write(head + 4, 4, link);
      this.visited.clear();
      this.visited.add(head);
      const goesDeeper = (link & (TERMINATE | IS_QUEUE)) === 0 && (link & DEPTH_FIRST) !== 0;
      if (!goesDeeper || this.budget <= 0) return next;
    }
  }

  private transfer(at: number, isQueued: boolean): Outcome {
    const { memory } = this;
    const control = memory.read(at + 4, 4);
    if ((control & ACTIVE) === 0) {
      // The interrupt comes even if there is nothing to do.
      if ((control & IOC) !== 0) this.causes |= CAUSE_COMPLETE;
      return 'stay';
    }
    const token = memory.read(at + 8, 4);
    const pid = token & 0xff;
    const maxLength = ((token >>> 21) + 1) & LENGTH_MASK;
    if (maxLength > MAX_LENGTH || ![PID_IN, PID_OUT, PID_SETUP].includes(pid)) {
      this.causes |= CAUSE_PROCESS_ERROR;
      return 'stop';
    }
    const device = this.find((token >>> 8) & 0x7f);
    const buffer = memory.read(at + 12, 4);
    const length =
      device === undefined ? undefined : this.transact(device, { token, maxLength, buffer });
    const { status, outcome } = this.judge({ control, pid, maxLength, length, isQueued });
    if (status !== control) memory.write(at + 4, 4, status >>> 0);
    return outcome;
  }

  /** Length, NAK or STALL. */
  private transact(
    device: UsbDevice,
    { token, maxLength, buffer }: { token: number; maxLength: number; buffer: number },
  ): number {
    const { packet, memory } = this;
    const endpoint = (token >>> 15) & 15;
    if ((token & 0xff) === PID_IN) {
      const length = device.input(endpoint, packet);
      if (length > 0) memory.writeBytes(buffer, packet.subarray(0, Math.min(length, maxLength)));
      return length;
    }
    const data = packet.subarray(0, maxLength);
    memory.readBytes(buffer, data);
    if ((token & 0xff) === PID_OUT) return device.output(endpoint, data);
    if (endpoint !== 0 || maxLength !== 8) return STALL;
    device.setup(data);
    return maxLength;
  }

  /** The new status word. */
  private judge(result: {
    control: number;
    pid: number;
    maxLength: number;
    length: number | undefined;
    isQueued: boolean;
  }): { status: number; outcome: Outcome } {
    const { control, pid, maxLength, length, isQueued } = result;
    if (length === undefined) return this.timeOut(control);
    if (length === NAK) return this.notReady(control);
    if (length === STALL) return this.halt(control, STALLED);
    if (length > maxLength) return this.halt(control, STALLED | BABBLE);
    this.budget -= Math.max(length, 1);
    const kept = control & ~(ACTIVE | STATUS_BITS | LENGTH_MASK);
    const status = kept | ((length - 1) & LENGTH_MASK);
    if ((control & IOC) !== 0) this.causes |= CAUSE_COMPLETE;
    const isShort = pid === PID_IN && length < maxLength;
    if (!isShort || !isQueued || (control & SHORT_PACKET_DETECT) === 0) {
      return { status, outcome: 'done' };
    }
    this.causes |= CAUSE_SHORT;
    return { status, outcome: 'stay' };
  }

  private notReady(control: number): { status: number; outcome: Outcome } {
    const status = control | NAK_RECEIVED;
    if ((control & IOS) === 0) return { status, outcome: 'stay' };
    if ((control & IOC) !== 0) this.causes |= CAUSE_COMPLETE;
    return { status: status & ~ACTIVE, outcome: 'done' };
  }

  /** Nobody answers. */
  private timeOut(control: number): { status: number; outcome: Outcome } {
    const left = (control & ERRORS_MASK) >>> ERRORS_SHIFT;
    const status = control | CRC_TIMEOUT;
    if (left === 0) return { status, outcome: 'stay' };
    const counted = (status & ~ERRORS_MASK) | ((left - 1) << ERRORS_SHIFT);
    if (left > 1) return { status: counted, outcome: 'stay' };
    return this.halt(counted, STALLED);
  }

  private halt(control: number, bits: number): { status: number; outcome: Outcome } {
    this.causes |= CAUSE_ERROR;
    if ((control & IOC) !== 0) this.causes |= CAUSE_COMPLETE;
    const status = (control & ~(ACTIVE | LENGTH_MASK)) | bits | LENGTH_MASK;
    return { status, outcome: 'stay' };
  }
}
