/**
 * A mass storage device: QEMU's `usb-storage`, bulk-only transport around one SCSI target.
 *
 * Specification: USB Mass Storage Class, Bulk-Only Transport 1.0.
 * Like QEMU, a device that has less data than asked for ends the data with a short packet and does
 * not stall. Not emulated: logical units other than 0.
 */

import { bool, oneOf, type StateOf, state, u32 } from '../../state.ts';
import { Device } from '../device.ts';
import type { ScsiTarget } from '../scsi/bus.ts';
import {
  ControlEndpoint,
  controlFields,
  NAK,
  type SetupPacket,
  STALL,
  type UsbDevice,
  type UsbModel,
} from './device.ts';

const CBW_SIGNATURE = 0x43425355;
const CSW_SIGNATURE = 0x53425355;
const CBW_LENGTH = 31;
const CSW_LENGTH = 13;
const CBW_IN = 0x80;
const PASSED = 0;
const FAILED = 1;
const PHASE_ERROR = 2;

const MAX_PACKET = 64;
const BULK = 2;
const BULK_IN = 1;
const BULK_OUT = 2;

const registers = state('usb-storage', 1, {
  ...controlFields,
  stageOfCommand: oneOf('command', 'data-out', 'data-in', 'status'),
  tag: u32(),
  /** Bytes that the host has still to move. */
  left: u32(),
  /** Bytes that the host wanted to move and the disk did not. */
  residue: u32(),
  isPhaseError: bool(),
});

function modelOf(serial: string): UsbModel {
  return {
    vendor: 0x46f4,
    product: 0x0001,
    strings: ['QEMU', 'QEMU USB MSD', serial, 'Full speed config (usb 1.1)'],
    interfaceClass: [8, 6, 0x50],
    endpoints: [
      { address: 0x80 | BULK_IN, attributes: BULK, maxPacket: MAX_PACKET },
      { address: BULK_OUT, attributes: BULK, maxPacket: MAX_PACKET },
    ],
  };
}

export class UsbStorage extends Device<StateOf<typeof registers>> implements UsbDevice {
  readonly product = 'QEMU USB MSD';
  private readonly control: ControlEndpoint;

  /** `serial`: as its third string. */
  constructor(
    private readonly target: ScsiTarget,
    serial: string,
  ) {
    super(registers);
    this.control = new ControlEndpoint({
      model: modelOf(serial),
      state: () => this.state,
      classRequest: setup => this.classRequest(setup),
      onConfigure: () => this.restart(),
    });
  }

  get address(): number {
    return this.state.address;
  }

  busReset(): void {
    this.target.cancel();
    this.reset();
  }

  setup(packet: Uint8Array): void {
    this.control.setup(packet);
  }

  input(endpoint: number, into: Uint8Array): number {
    if (endpoint === 0) return this.control.input(into);
    if (endpoint !== BULK_IN || this.state.haltedIn) return STALL;
    switch (this.state.stageOfCommand) {
      case 'data-in':
        return this.sendData(into);
      case 'status':
        return this.sendStatus(into);
      default:
        return NAK;
    }
  }

  output(endpoint: number, from: Uint8Array): number {
    if (endpoint === 0) return this.control.output(from);
    if (endpoint !== BULK_OUT || this.state.haltedOut) return STALL;
    switch (this.state.stageOfCommand) {
      case 'command':
        return this.takeCommand(from);
      case 'data-out':
        return this.takeData(from);
      default:
        return this.halt();
    }
  }

  private classRequest({ code }: SetupPacket): Uint8Array | undefined {
    if (code === 0xa1fe) return Uint8Array.of(0);
    if (code !== 0x21ff) return undefined;
    this.restart();
    return new Uint8Array(0);
  }

  /** Ready for a command, whatever went on. */
  private restart(): void {
    this.target.cancel();
    this.state.stageOfCommand = 'command';
  }

  private halt(): number {
    this.state.haltedIn = true;
    this.state.haltedOut = true;
    return STALL;
  }

  private takeCommand(block: Uint8Array): number {
    const s = this.state;
    const view = new DataView(block.buffer, block.byteOffset, block.length);
    const isValid =
      block.length === CBW_LENGTH && view.getUint32(0, true) === CBW_SIGNATURE && block[13] === 0;
    if (!isValid) return this.halt();
    s.tag = view.getUint32(4, true);
    s.left = view.getUint32(8, true);
    s.residue = s.left;
    const isIn = (block[12] & CBW_IN) !== 0;
    this.target.execute(block.subarray(15, 31));
    const { direction } = this.target;
    const isWrongWay = s.left === 0 || direction !== (isIn ? 'in' : 'out');
    s.isPhaseError = direction !== 'none' && isWrongWay;
    if (s.isPhaseError) this.target.cancel();
    if (s.left === 0) s.stageOfCommand = 'status';
    else s.stageOfCommand = isIn ? 'data-in' : 'data-out';
    return block.length;
  }

  private sendData(into: Uint8Array): number {
    const s = this.state;
    const { target } = this;
    if (target.phase === 'busy') return NAK;
    const room = into.subarray(0, Math.min(MAX_PACKET, s.left));
    const length = target.phase === 'in' ? target.take(room) : 0;
    s.left -= length;
    s.residue -= length;
    if (s.left === 0 && target.phase !== 'done') {
      // The disk has more than the host asked for.
      s.isPhaseError = true;
      target.cancel();
    }
    // A short packet is the last one.
    if (s.left === 0 || length < MAX_PACKET) s.stageOfCommand = 'status';
    return length;
  }

  private takeData(from: Uint8Array): number {
    const s = this.state;
    const { target } = this;
    if (target.phase === 'busy') return NAK;
    const length = Math.min(from.length, s.left);
    if (target.phase === 'out') {
      target.give(from.subarray(0, length));
      s.residue -= length;
    }
    s.left -= length;
    if (s.left > 0) return from.length;
    if (target.phase === 'out') {
      // The disk wants more than the host has.
      s.isPhaseError = true;
      target.cancel();
    }
    s.stageOfCommand = 'status';
    return from.length;
  }

  private sendStatus(into: Uint8Array): number {
    const s = this.state;
    if (this.target.phase === 'busy') return NAK;
    const status = this.target.status === 0 ? PASSED : FAILED;
    const block = new Uint8Array(CSW_LENGTH);
    const view = new DataView(block.buffer);
    view.setUint32(0, CSW_SIGNATURE, true);
    view.setUint32(4, s.tag, true);
    view.setUint32(8, s.residue, true);
    block[12] = s.isPhaseError ? PHASE_ERROR : status;
    into.set(block);
    s.stageOfCommand = 'command';
    return CSW_LENGTH;
  }
}
