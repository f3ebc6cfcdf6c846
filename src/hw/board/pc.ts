/**
 * The board: QEMU's pc-i440fx. The only file that knows which chip sits where: which port, which
 * wire, which interrupt.
 *
 * Not on this board: CPU hot-plug registers.
 */

import { assert } from '../../error.ts';
import { Line, orGate, splitter } from '../../line.ts';
import type { Plain } from '../../state.ts';
import { Piix4Pm } from '../acpi/piix4-pm.ts';
import { SmBus } from '../acpi/smbus.ts';
import { I16550 } from '../char/i16550.ts';
import type { Device } from '../device.ts';
import type { Vga } from '../display/vga.ts';
import type { CfiFlash } from '../flash/cfi-flash.ts';
import { AtaDisk } from '../ide/ata-disk.ts';
import { AtapiCd } from '../ide/atapi-cd.ts';
import { Piix3Ide } from '../ide/piix3-ide.ts';
import type { KeySender } from '../input/send-keys.ts';
import type { I8259 } from '../intc/i8259.ts';
import { coprocessorPort } from '../misc/coprocessor-port.ts';
import { DebugExit } from '../misc/debug-exit.ts';
import { DebugCon } from '../misc/debugcon.ts';
import { FwCfg } from '../misc/fw-cfg.ts';
import { stubPort } from '../misc/stub-port.ts';
import { WireLevels } from '../misc/wire-levels.ts';
import { PciBus } from '../pci/bus.ts';
import type { PciFunction } from '../pci/config.ts';
import { PciHost } from '../pci/host.ts';
import { I440Fx } from '../pci/i440fx.ts';
import { Piix3 } from '../pci/piix3.ts';
import { pcCmos } from '../timer/cmos.ts';
import type { Mc146818 } from '../timer/mc146818.ts';
import { placeBios } from './bios.ts';
import { BoardDma } from './dma.ts';
import { cmosDisks, geometryOf, serialOf } from './drives.ts';
import { fillFwCfg } from './firmware.ts';
import { buildFloppy, floppyTypes } from './floppy.ts';
import { BoardInput } from './input.ts';
import { Interrupts } from './interrupts.ts';
import type { DriveOptions, PcEvents, PcOptions } from './options.ts';
import { buildParallels, PARALLEL_IRQ } from './parallel.ts';
import { ramBelow4g } from './ram.ts';
import { BoardScsi } from './scsi.ts';
import { BoardSlots } from './slots.ts';
import { loadDevices, saveDevices } from './states.ts';
import { BoardTexts } from './texts.ts';
import { BoardTimers } from './timers.ts';
import { BoardUsb } from './usb.ts';
import { buildVga } from './vga.ts';
import { BoardVirtio, virtioBootPaths } from './virtio.ts';
import { Wiring } from './wiring.ts';

const BIOS_WINDOW = 0x20000;
const SERIAL_PORTS = [0x3f8, 0x2f8, 0x3e8, 0x2e8];
const SERIAL_IRQS = [4, 3, 4, 3];
const IDE_PORTS = [0x1f0, 0x170];
const IDE_CONTROL = [0x3f6, 0x376];
const GPE0_BASE = 0xafe0;
const SCI_IRQ = 9;
const FLOPPY_IRQ = 6;
const FLOPPY_DMA = 2;
const PCI_HOTPLUG_EVENT = 1;
/** Until the firmware moves it. */
const SMBUS_BASE = 0xb100;
const CMOS_BOOT_ORDER = [0x38, 0x3d];

export class Pc {
  /** To the processor. */
  readonly intr = new Line('intr');
  readonly nmi = new Line('nmi');
  /** From outside: a pulse asks the local APIC for an NMI. */
  readonly nmiButton = new Line('nmi-button');
  readonly smi = new Line('smi');
  readonly a20 = new Line('a20');
  /** FERR# from the processor: an x87 exception with CR0.NE clear is IRQ 13 until port F0. */
  readonly ferr = new Line('ferr');
  readonly ignne = new Line('ignne');

  /** What `info` commands print. */
  readonly texts: BoardTexts;
  /** All chips by id, in the order in which they are reset, saved and loaded. */
  readonly devices: ReadonlyMap<string, Device>;
  readonly pci: PciBus;
  readonly i440fx: I440Fx;
  readonly piix3: Piix3;
  readonly fwCfg = new FwCfg();
  readonly ide: Piix3Ide;
  readonly usb: BoardUsb | undefined;
  readonly pm: Piix4Pm;
  readonly slots: BoardSlots;
  readonly virtio: BoardVirtio;
  readonly scsi: BoardScsi;
  readonly pics: readonly [master: I8259, slave: I8259];
  readonly timers: BoardTimers;
  readonly dma: BoardDma;
  readonly input: BoardInput;
  readonly vga: Vga | undefined;
  readonly serials: readonly (I16550 | undefined)[];
  /** RAM below 4 GiB in bytes, and its place in the arena. */
  readonly ramBelow4g: number;
  readonly ramOffset: number;

  private flashes: readonly CfiFlash[] = [];
  private readonly interrupts: Interrupts;
  private readonly wiring: Wiring;
  private readonly added = new Map<string, Device>();
  private readonly resetAsked = new Line('reset');
  /** The inputs of the two 8259s; what pulls them comes in through `irq()`. */
  private readonly irqLines = Array.from({ length: 16 }, (_, i) => new Line(`irq${i}`));
  private readonly irqInputs = this.irqLines.map(line => [...orGate(line, 8)]);

  constructor(
    readonly options: PcOptions,
    readonly events: PcEvents,
  ) {
    const { ramSize } = options;
    this.wiring = new Wiring(options.memory, options.ports);
    this.ramBelow4g = ramBelow4g(ramSize);
    this.ramOffset = options.memory.allocate(this.ramBelow4g, 'pc.ram');
    this.resetAsked.connect(level => {
      if (level) events.onReset('guest-reset');
    });
    this.piix3 = new Piix3(this.resetAsked);
    this.pci = new PciBus('pci.0', this.piix3.pirq);
    this.i440fx = this.buildMemory();
    this.buildPciHost();
    this.interrupts = this.buildInterrupts();
    this.pics = this.interrupts.pics;
    this.piix3.irq.forEach((line, i) => {
      if (i !== 2) splitter(line, [this.irq(i)]);
    });
    this.timers = this.buildTimers();
    this.buildCoprocessor();
    this.dma = this.buildDma();
    this.input = this.buildInput();
    this.vga = this.buildVga();
    this.serials = this.buildSerials();
    this.buildParallels();
    this.ide = this.buildIde();
    this.usb = this.buildUsb();
    this.pm = this.buildPower();
    this.buildFloppy();
    const fixedSlots = this.pci.sorted.map(({ devfn }) => devfn >> 3);
    this.slots = this.buildSlots();
    const slotParts = { ...options, wiring: this.wiring, slots: this.slots };
    const send = options.hasApic === false ? undefined : this.interruptMessage;
    this.virtio = new BoardVirtio({ ...slotParts, send });
    this.scsi = new BoardScsi(slotParts);
    this.fillSlots();
    this.buildDebugPorts();
    this.add('fw_cfg', this.fwCfg);
    this.wiring.ports({ name: 'fwcfg', base: 0x510, length: 2, maxSize: 2 }, this.fwCfg.ports);
    fillFwCfg(this.fwCfg, options, {
      ramBelow4g: this.ramBelow4g,
      serials: [this.serials[0] !== undefined, this.serials[1] !== undefined],
      gpe0: GPE0_BASE,
      fixedSlots,
      sciIrq: SCI_IRQ,
      pmBase: () => this.pm.base,
      bootPaths: virtioBootPaths(this.virtio.plugged),
    });
    this.devices = this.added;
    this.texts = new BoardTexts(this, { ports: SERIAL_PORTS, irqs: SERIAL_IRQS });
    this.finishReset();
  }

  get rtc(): Mc146818 {
    return this.timers.rtc;
  }

  /** `sendkey`. */
  get keys(): KeySender {
    return this.input.keys;
  }

  /** The INTA cycle. */
  acknowledge(): number {
    return this.interrupts.apic.acknowledge();
  }

  /** The processor wrote IA32_APIC_BASE; its lower half. */
  setApicBase(value: number): void {
    this.interrupts.apic.setBase(value);
  }

  /** The RESET wire of every chip; RAM keeps its contents. */
  reset(): void {
    for (const device of this.devices.values()) device.reset();
    this.finishReset();
  }

  /** Edges of the other chips' resets are no interrupts, and A20 is open. */
  private finishReset(): void {
    this.interrupts.forget();
    this.a20.set(true);
  }

  /** The user presses the power button; a guest that listens shuts itself down. */
  powerButton(): void {
    this.pm.pressPower();
  }

  /** `boot_set`: the order in which the firmware tries devices from the next reset on. */
  setBootOrder(bootOrder: string): void {
    const cmos = pcCmos({ ramBelow4g: this.ramBelow4g, bootOrder });
    this.rtc.setCmos([...cmos].filter(([index]) => CMOS_BOOT_ORDER.includes(index)));
  }

  /** The machine is over: what chips still hold for drives is written. */
  async finish(): Promise<void> {
    for (const flash of this.flashes) await flash.finish();
  }

  /** State of all chips by id, for snapshots. */
  save(): { readonly [id: string]: Plain } {
    return saveDevices(this.devices);
  }

  /** Takes what `save` gave on a board that was built alike. Throws StateError. */
  load(saved: { readonly [id: string]: Plain }): void {
    loadDevices(this.devices, saved);
  }

  private buildMemory(): I440Fx {
    const { memory } = this.options;
    memory.map({
      name: 'pc.ram',
      base: 0,
      length: this.ramBelow4g,
      backing: { arenaOffset: this.ramOffset },
    });
    const { windowOffset, flashes } = placeBios(this.options);
    this.flashes = flashes;
    for (const flash of flashes) this.add(flash.options.name, flash);
    const chip = new I440Fx({
      memory,
      ramOffset: this.ramOffset,
      ramSize: this.ramBelow4g,
      romOffset: memory.allocate(BIOS_WINDOW, 'pc.rom'),
      biosOffset: windowOffset,
    });
    return chip;
  }

  private buildPciHost(): void {
    const host = new PciHost(this.pci);
    this.add('i440FX-pcihost', host);
    this.wiring.ports(
      { name: 'pci-conf-idx', base: 0xcf8, length: 4, maxSize: 4 },
      host.addressPorts,
    );
    this.wiring.ports(
      { name: 'pci-conf-data', base: 0xcfc, length: 4, maxSize: 4 },
      host.dataPorts,
    );
    this.function(0, 0, this.i440fx.pci);
    this.function(1, 0, this.piix3.pci);
    this.add('PIIX3', this.piix3);
    this.wiring.ports(
      { name: 'piix3-reset-control', base: 0xcf9, length: 1, priority: 1 },
      this.piix3.resetPort,
    );
  }

  private buildInterrupts(): Interrupts {
    const { clock, hasApic = true } = this.options;
    const onInit = () => this.resetAsked.pulse();
    const wires = { irqs: this.irqLines, cascade: this.irq(2), lines: this, onInit };
    const interrupts = new Interrupts({ clock, wiring: this.wiring, hasApic, ...wires });
    for (const [id, device] of interrupts.devices) this.add(id, device);
    return interrupts;
  }

  private buildTimers(): BoardTimers {
    const { ioapicPins } = this.interrupts;
    const { onTimeSet } = this.events;
    const timers = new BoardTimers({
      ...this.options,
      wiring: this.wiring,
      irq: number => this.irq(number),
      ioapicPins,
      onTimeSet,
    });
    const disks = cmosDisks(this.options.drives);
    const floppies = floppyTypes(this.options.floppies);
    const bootOrder = this.options.boot.order;
    timers.rtc.setCmos(pcCmos({ ramBelow4g: this.ramBelow4g, bootOrder, disks, floppies }));
    for (const [id, device] of timers.devices) this.add(id, device);
    return timers;
  }

  private buildCoprocessor(): void {
    const irq13 = this.irq(13);
    const port = coprocessorPort({ ferr: this.ferr, ignne: this.ignne, irq: irq13 });
    this.add('wires', new WireLevels([this.ferr, irq13, this.a20, this.ignne]));
    this.wiring.ports({ name: 'ioportF0', base: 0xf0, length: 1 }, port);
  }

  private buildDma(): BoardDma {
    const dma = new BoardDma(this.options, this.wiring);
    this.add('dma0', dma.low);
    this.add('dma1', dma.high);
    return dma;
  }

  private buildInput(): BoardInput {
    const wires = { a20: this.a20, reset: this.resetAsked, wiring: this.wiring };
    const irqs = { keyboardIrq: this.irq(1), mouseIrq: this.irq(12) };
    const input = new BoardInput({ ...this.options, ...wires, ...irqs });
    for (const [id, device] of input.devices) this.add(id, device);
    return input;
  }

  private buildVga(): Vga | undefined {
    const built = buildVga(this.options, this.wiring);
    if (built === undefined) return undefined;
    this.function(2, 0, built.pci);
    this.add('VGA', built.vga);
    return built.vga;
  }

  private buildSerials(): readonly (I16550 | undefined)[] {
    const { clock, serials } = this.options;
    return serials.slice(0, SERIAL_PORTS.length).map((char, i) => {
      if (char === undefined) return undefined;
      const uart = new I16550({ clock, irq: this.irq(SERIAL_IRQS[i]), char });
      this.add(`isa-serial.${i}`, uart);
      this.wiring.ports({ name: 'serial', base: SERIAL_PORTS[i], length: 8 }, uart.ports);
      return uart;
    });
  }

  private buildParallels(): void {
    const { parallels: chars = [] } = this.options;
    const irq = (): Line => this.irq(PARALLEL_IRQ);
    const built = buildParallels({ chars, wiring: this.wiring, irq });
    for (const [id, port] of built) this.add(id, port);
  }

  private buildIde(): Piix3Ide {
    const { memory } = this.options;
    const places: ((base: number, enabled: boolean) => void)[] = [];
    const ide = new Piix3Ide({
      memory,
      irqs: [this.irq(14), this.irq(15)],
      place: (base, enabled) => {
        for (const place of places) place(base, enabled);
      },
    });
    ide.busMasters.forEach((master, i) => {
      places.push(
        this.wiring.ioBar({ name: 'piix-bmdma', base: 8 * i, length: 4 }, master.controlPorts),
        this.wiring.ioBar({ name: 'bmdma', base: 8 * i + 4, length: 4 }, master.tablePorts),
      );
      const channel = ide.channels[i];
      this.wiring.ports(
        { name: 'ide', base: IDE_PORTS[i], length: 8, maxSize: 4 },
        channel.commandPorts,
      );
      this.wiring.ports({ name: 'ide', base: IDE_CONTROL[i], length: 1 }, channel.controlPorts);
      this.add(`ide.${i}`, channel);
      this.add(`bmdma.${i}`, master);
    });
    this.function(1, 1, ide.pci);
    for (const drive of this.options.drives) this.plugDrive(ide, drive);
    return ide;
  }

  private plugDrive(ide: Piix3Ide, drive: DriveOptions): void {
    const { inbox, log } = this.options;
    const { bus, unit, backend } = drive;
    const channel = ide.channels[bus];
    const serial = serialOf(drive);
    const { host } = channel;
    const device =
      drive.media === 'cdrom'
        ? new AtapiCd({ backend, serial, host, inbox })
        : new AtaDisk({ backend, serial, host, inbox, log, geometry: geometryOf(drive) });
    channel.units[unit] = device;
    this.add(`ide.${bus}.${unit}`, device);
  }

  private buildUsb(): BoardUsb | undefined {
    if (this.options.usb !== true) return undefined;
    const { router } = this.input;
    const parts = { wiring: this.wiring, devices: this.added, input: router };
    const usb = new BoardUsb({ ...this.options, ...parts });
    this.function(1, 2, usb.controller.pci);
    for (const device of this.options.usbDevices ?? []) usb.plug(device);
    return usb;
  }

  private buildPower(): Piix4Pm {
    const { clock, serials, hasSmm } = this.options;
    const smbus = new SmBus();
    const pm: Piix4Pm = new Piix4Pm({
      clock,
      sci: this.irq(SCI_IRQ),
      smi: this.smi,
      hasSmm: hasSmm ?? false,
      serials: [serials[0] !== undefined, serials[1] !== undefined],
      smbusBase: SMBUS_BASE,
      placePm: (base, enabled) => {
        for (const block of blocks) block(base, enabled);
      },
      placeSmbus: (base, enabled) => smbusBar(base, enabled),
      onSleep: state => {
        if (state === 'suspend') this.events.onSuspend();
        else this.events.onShutdown();
      },
    });
    const two = { minSize: 2, maxSize: 2 } as const;
    const blocks = [
      this.wiring.ioBar({ name: 'piix4-pm', base: 0, length: 64, priority: 0 }, stubPort()),
      this.wiring.ioBar({ name: 'acpi-evt', base: 0, length: 4, ...two }, pm.eventPorts),
      this.wiring.ioBar({ name: 'acpi-cnt', base: 4, length: 2, ...two }, pm.controlPorts),
      this.wiring.ioBar(
        { name: 'acpi-tmr', base: 8, length: 4, minSize: 4, maxSize: 4 },
        pm.timerPorts,
      ),
    ];
    const smbusBar = this.wiring.ioBar(
      { name: 'pm-smbus', base: 0, length: 64, maxSize: 1, priority: 0 },
      smbus.ports,
    );
    this.wiring.ports({ name: 'acpi-gpe0', base: GPE0_BASE, length: 4 }, pm.gpePorts);
    this.wiring.ports({ name: 'apm-io', base: 0xb2, length: 2 }, pm.apmPorts);
    this.function(1, 3, pm.pci);
    this.add('PIIX4_PM', pm);
    this.add('pm-smbus', smbus);
    pm.pci.reset();
    return pm;
  }

  private buildFloppy(): void {
    const dma = this.dma.low.channel(FLOPPY_DMA);
    const irq = this.irq(FLOPPY_IRQ);
    this.add('fdc', buildFloppy({ ...this.options, wiring: this.wiring, irq, dma }));
  }

  private buildSlots(): BoardSlots {
    const notify = (): void => this.pm.raiseEvent(PCI_HOTPLUG_EVENT);
    const parts = { wiring: this.wiring, pci: this.pci, devices: this.added };
    return new BoardSlots({ ...parts, notify });
  }

  private readonly interruptMessage = (address: number, data: number): void => {
    if (!this.interrupts.message(address, data)) this.options.memory.write(address, 4, data);
  };

  /** What the user puts into slots, in their order. */
  private fillSlots(): void {
    const { virtioDisks = [], scsi = [] } = this.options;
    const fillers = [
      ...virtioDisks.map(disk => ({ slot: disk.slot, plug: () => this.virtio.plug(disk) })),
      ...scsi.map(adapter => ({ slot: adapter.slot, plug: () => this.scsi.plug(adapter) })),
    ];
    fillers.sort((a, b) => (a.slot ?? Infinity) - (b.slot ?? Infinity));
    for (const { plug } of fillers) plug();
  }

  private buildDebugPorts(): void {
    for (const { port, char, readback } of this.options.debugcons ?? []) {
      const debugCon = new DebugCon({ char, readback });
      this.wiring.ports({ name: 'isa-debugcon', base: port, length: 1 }, debugCon.ports);
    }
    for (const { port, size } of this.options.debugExits ?? []) {
      const exit = new DebugExit(status => this.events.onDebugExit(status));
      const place = { name: 'isa-debug-exit', base: port, length: size, maxSize: 4 } as const;
      this.wiring.ports(place, exit.ports);
    }
  }

  /** A new wire onto an ISA interrupt. */
  private irq(number: number): Line {
    const free = this.irqInputs[number].pop();
    assert(free !== undefined, `interrupt ${number} has room for another device`);
    return free;
  }

  private add(id: string, device: Device): void {
    assert(!this.added.has(id), `device id ${id} is free`);
    this.added.set(id, device);
  }

  private function(slot: number, func: number, chip: PciFunction): void {
    this.pci.add(slot, func, chip);
    this.add(`pci.${slot}.${func}`, chip);
  }
}
