/**
 * 82371AB (PIIX4), function 3: ACPI power management: events, sleep, the 3.58 MHz timer, general
 * purpose events, the software SMI port, and where all of this sits in I/O space.
 *
 * Data sheet: Intel 82371AB (290562), sections 7.1 and 7.2; ACPI 1.0b, section 4.7.
 * Not emulated: processor clock control and C-states, device monitors and burst timers, the global
 * release bits, S4 by firmware. As in QEMU the SCI does not wait for SCI_EN.
 */

import type { Clock, Timer } from '../../clock.ts';
import type { Line } from '../../line.ts';
import type { PortHandler } from '../../ports.ts';
import { ns, type StateOf, state, u8, u16 } from '../../state.ts';
import { Device } from '../device.ts';
import { PciFunction } from '../pci/config.ts';

const FREQUENCY_HZ = 3579545;
const NS_PER_SECOND = 1e9;
const TIMER_MASK = 0xffffff;
const HALF_PERIOD_TICKS = 0x800000;

/** PMSTS and PMEN. */
const TMR = 0x0001;
const PWRBTN = 0x0100;
const RSM = 0x8000;
const EVENTS = 0x0521;

/** PMCNTRL. */
const SCI_EN = 0x0001;
const SLP_EN = 0x2000;
const SOFT_OFF = 0;
const SUSPEND_TO_RAM = 1;
const SUSPEND_TO_DISK = 2;

const ACPI_ENABLE = 0xf1;
const ACPI_DISABLE = 0xf0;

const PMBA = 0x40;
const DEVACTB_HIGH = 0x5b;
const APMC_EN = 0x02;
const PMREGMISC = 0x80;
const SMBBA = 0x90;
const SMBHSTCFG = 0xd2;

export interface Piix4PmOptions {
  readonly clock: Clock;
  /** IRQ9. */
  readonly sci: Line;
  readonly smi: Line;
  /** False: the firmware finds system management mode already set up, and leaves it alone. */
  readonly hasSmm: boolean;
  /** Which legacy devices the device resource registers show. */
  readonly serials: readonly [boolean, boolean];
  readonly smbusBase: number;
  /** Puts the 64 power-management ports, and the 64 ports of the SMBus, into I/O space. */
  readonly placePm: (base: number, enabled: boolean) => void;
  readonly placeSmbus: (base: number, enabled: boolean) => void;
  readonly onSleep: (state: 'off' | 'suspend' | 'hibernate') => void;
}

const registers = state('piix4-pm', 1, {
  status: u16(),
  enable: u16(),
  control: u16(),
  /** When the timer's bit 23 changes next, as far as the status bit knows. */
  overflowNs: ns(-1),
  gpeStatus: u16(),
  gpeEnable: u16(),
  apmControl: u8(),
  apmStatus: u8(),
});

export class Piix4Pm extends Device<StateOf<typeof registers>> {
  readonly pci: PciFunction;
  private readonly overflow: Timer;

  /** PM1a event block: status at 0, enable at 2. */
  readonly eventPorts: PortHandler = {
    read: offset => (offset < 2 ? this.readStatus() : this.state.enable),
    write: (offset, size, value) => {
      const shift = (offset & 1) * 8;
      if (offset < 2) this.acknowledge(value << shift);
      else this.state.enable = merge(this.state.enable, value, { shift, size });
      this.settle();
    },
  };

  /** PM1a control block, two ports. */
  readonly controlPorts: PortHandler = {
    read: () => this.state.control,
    write: (offset, size, value) =>
      this.writeControl(merge(this.state.control, value, { shift: offset * 8, size })),
  };

  /** The timer, four ports. */
  readonly timerPorts: PortHandler = {
    read: () => this.ticks() & TIMER_MASK,
    write: () => {},
  };

  /** GPE0: two bytes of status, two of enable. */
  readonly gpePorts: PortHandler = {
    read: offset => {
      const { gpeStatus, gpeEnable } = this.state;
      return (offset < 2 ? gpeStatus : gpeEnable) >> ((offset & 1) * 8);
    },
    write: (offset, _size, value) => {
      const shift = (offset & 1) * 8;
      const s = this.state;
      if (offset < 2) s.gpeStatus &= ~(value << shift);
      else s.gpeEnable = merge(s.gpeEnable, value, { shift, size: 1 });
      this.settle();
    },
  };

  /** APM control (B2h) and status (B3h). */
  readonly apmPorts: PortHandler = {
    read: offset => (offset === 0 ? this.state.apmControl : this.state.apmStatus),
    write: (offset, _size, value) => {
      if (offset === 0) this.writeApm(value);
      else this.state.apmStatus = value;
    },
  };

  constructor(private readonly options: Piix4PmOptions) {
    super(registers);
    this.overflow = options.clock.timer('pm-timer-overflow', () => this.settle());
    this.pci = new PciFunction({
      name: 'PIIX4_PM',
      vendor: 0x8086,
      device: 0x7113,
      revision: 3,
      classCode: 0x068000,
      interruptPin: 1,
      initial: initialConfig(options),
      onChange: () => this.settlePorts(),
    });
    this.state.overflowNs = this.nextOverflow();
  }

  override reset(): void {
    this.state = this.table.initial();
    this.state.overflowNs = this.nextOverflow();
    this.settle();
  }

  /** Where the firmware put the power-management ports. */
  get base(): number {
    return this.pci.read(PMBA, 2) & 0xffc0;
  }

  /** A general purpose event by its bit. */
  raiseEvent(bit: number): void {
    this.state.gpeStatus |= 1 << bit;
    this.settle();
  }

  /** The user presses the power button. */
  pressPower(): void {
    if ((this.state.enable & PWRBTN) !== 0) this.state.status |= PWRBTN;
    this.settle();
  }

  /** The machine comes back from S3. */
  wake(): void {
    this.state.status |= RSM | PWRBTN;
    this.settle();
  }

  protected override settle(): void {
    const s = this.state;
    const events = this.readStatus() & s.enable & EVENTS;
    this.options.sci.set(events !== 0 || (s.gpeStatus & s.gpeEnable) !== 0);
    const wanted = (s.enable & TMR) !== 0 && (events & TMR) === 0;
    if (wanted) this.overflow.arm(s.overflowNs);
    else this.overflow.disarm();
  }

  private settlePorts(): void {
    const { placePm, placeSmbus } = this.options;
    placePm(this.base, (this.pci.read(PMREGMISC, 1) & 1) !== 0);
    placeSmbus(this.pci.read(SMBBA, 4) & 0xffc0, (this.pci.read(SMBHSTCFG, 1) & 1) !== 0);
  }

  /** Of the timer since power-on; exact for as long as nanoseconds are. */
  private ticks(): number {
    const { nowNs } = this.options.clock;
    const seconds = Math.floor(nowNs / NS_PER_SECOND);
    const rest = nowNs - seconds * NS_PER_SECOND;
    const fraction = Math.floor((rest * FREQUENCY_HZ) / NS_PER_SECOND);
    return (seconds * FREQUENCY_HZ + fraction) % 0x100000000;
  }

  private nextOverflow(): number {
    const { nowNs } = this.options.clock;
    const seconds = Math.floor(nowNs / NS_PER_SECOND);
    const rest = nowNs - seconds * NS_PER_SECOND;
    const ticks = seconds * FREQUENCY_HZ + Math.floor((rest * FREQUENCY_HZ) / NS_PER_SECOND);
    const next = (Math.floor(ticks / HALF_PERIOD_TICKS) + 1) * HALF_PERIOD_TICKS;
    const wholeSeconds = Math.floor(next / FREQUENCY_HZ);
    const left = next - wholeSeconds * FREQUENCY_HZ;
    return wholeSeconds * NS_PER_SECOND + Math.ceil((left * NS_PER_SECOND) / FREQUENCY_HZ);
  }

  private readStatus(): number {
    const s = this.state;
    if (this.options.clock.nowNs >= s.overflowNs) s.status |= TMR;
    return s.status;
  }

  private acknowledge(bits: number): void {
    const s = this.state;
    if ((this.readStatus() & bits & TMR) !== 0) s.overflowNs = this.nextOverflow();
    s.status &= ~bits & 0xffff;
  }

  private writeControl(value: number): void {
    this.state.control = value & ~SLP_EN;
    if ((value & SLP_EN) === 0) return;
    const type = (value >> 10) & 7;
    if (type === SOFT_OFF) this.options.onSleep('off');
    else if (type === SUSPEND_TO_RAM) this.options.onSleep('suspend');
    else if (type === SUSPEND_TO_DISK) this.options.onSleep('hibernate');
  }

  private writeApm(value: number): void {
    const s = this.state;
    s.apmControl = value;
    if (value === ACPI_ENABLE) s.control |= SCI_EN;
    if (value === ACPI_DISABLE) s.control &= ~SCI_EN;
    const isEnabled = (this.pci.read(DEVACTB_HIGH, 1) & APMC_EN) !== 0;
    if (isEnabled && this.options.hasSmm) this.options.smi.pulse();
  }
}

function initialConfig(options: Piix4PmOptions): (readonly [number, number])[] {
  const { serials, smbusBase, hasSmm } = options;
  return [
    [0x06, 0x80],
    [0x07, 0x02],
    [PMBA, 0x01],
    [DEVACTB_HIGH, hasSmm ? 0 : APMC_EN],
    [0x5f, 0x10],
    [0x63, 0x60],
    [0x67, (serials[0] ? 0x08 : 0) | (serials[1] ? 0x90 : 0)],
    [SMBBA, (smbusBase & 0xff) | 1],
    [SMBBA + 1, smbusBase >> 8],
    [SMBHSTCFG, 0x09],
  ];
}

/** A narrow write into a 16-bit register. */
function merge(old: number, value: number, at: { shift: number; size: number }): number {
  const mask = (at.size === 1 ? 0xff : 0xffff) << at.shift;
  return ((old & ~mask) | ((value << at.shift) & mask)) & 0xffff;
}
