/**
 * The PIIX4's SMBus host controller, and the serial EEPROMs of memory modules behind it.
 *
 * Data sheet: Intel 82371AB (290562), section 7.3; SMBus 1.0.
 * Not emulated: block transfers, the slave and shadow registers, interrupts, delays: a transaction
 * is over at once.
 */

import type { PortHandler } from '../../ports.ts';
import { array, bytes, type StateOf, state, struct, u8 } from '../../state.ts';
import { Device } from '../device.ts';

const STATUS = 0;
const CONTROL = 2;
const COMMAND = 3;
const ADDRESS = 4;
const DATA0 = 5;
const DATA1 = 6;

const DONE = 0x02;
const DEVICE_ERROR = 0x04;
const START = 0x40;

const QUICK = 0;
const BYTE = 1;
const BYTE_DATA = 2;
const WORD_DATA = 3;

const FIRST_EEPROM = 0x50;
const EEPROM_COUNT = 8;

const eeprom = struct({ bytes: bytes(256), offset: u8() });
const registers = state('pm-smbus', 1, {
  status: u8(),
  control: u8(),
  command: u8(),
  address: u8(),
  data0: u8(),
  data1: u8(),
  eeproms: array(EEPROM_COUNT, eeprom),
});

export class SmBus extends Device<StateOf<typeof registers>> {
  /** 64 ports, of which seven are registers. */
  readonly ports: PortHandler = {
    read: offset => this.read(offset),
    write: (offset, _size, value) => this.write(offset, value),
  };

  constructor() {
    super(registers);
  }

  /** What is written in EEPROMs stays there. */
  override reset(): void {
    const { eeproms } = this.state;
    this.state = this.table.initial();
    this.state.eeproms = eeproms;
  }

  private read(offset: number): number {
    const s = this.state;
    switch (offset) {
      case STATUS:
        return s.status;
      case CONTROL:
        return s.control & 0x1f;
      case COMMAND:
        return s.command;
      case ADDRESS:
        return s.address;
      case DATA0:
        return s.data0;
      case DATA1:
        return s.data1;
      default:
        return 0;
    }
  }

  private write(offset: number, value: number): void {
    const s = this.state;
    switch (offset) {
      case STATUS:
        s.status &= ~value;
        break;
      case CONTROL:
        s.control = value;
        if ((value & START) !== 0) this.transact();
        break;
      case COMMAND:
        s.command = value;
        break;
      case ADDRESS:
        s.address = value;
        break;
      case DATA0:
        s.data0 = value;
        break;
      case DATA1:
        s.data1 = value;
        break;
    }
  }

  private transact(): void {
    const s = this.state;
    const index = (s.address >> 1) - FIRST_EEPROM;
    const isRead = (s.address & 1) !== 0;
    const protocol = (s.control >> 2) & 7;
    const target = s.eeproms[index];
    if (target === undefined || protocol > WORD_DATA) {
      s.status |= DEVICE_ERROR;
      return;
    }
    if (protocol === BYTE_DATA || protocol === WORD_DATA) target.offset = s.command;
    const next = (): number => target.bytes[target.offset++ & 0xff];
    const put = (value: number): void => {
      target.bytes[target.offset++ & 0xff] = value;
    };
    if (isRead && protocol !== QUICK) s.data0 = next();
    if (isRead && protocol === WORD_DATA) s.data1 = next();
    if (!isRead && protocol === BYTE) target.offset = s.command;
    if (!isRead && protocol >= BYTE_DATA) put(s.data0);
    if (!isRead && protocol === WORD_DATA) put(s.data1);
    target.offset &= 0xff;
    s.status |= DONE;
  }
}
