/**
 * What this board tells its firmware through fw_cfg, in the order in which QEMU lists the files.
 */

import { acpiFiles } from '../acpi/tables.ts';
import { FW_CFG, type FwCfg } from '../misc/fw-cfg.ts';
import { HPET_ID } from '../timer/hpet.ts';
import { dsdt } from './dsdt.ts';
import { IOAPIC_BASE, TIMER_PIN } from './interrupts.ts';
import type { PcOptions } from './options.ts';
import { scsiBootPaths } from './scsi.ts';
import { HOTPLUG_BASE } from './slots.ts';
import { smbiosFiles } from './smbios.ts';
import { HPET_BASE } from './timers.ts';
import { usbBootPaths } from './usb.ts';

export interface FirmwareFacts {
  readonly ramBelow4g: number;
  readonly serials: readonly [boolean, boolean];
  readonly gpe0: number;
  /** PCI slots whose device stays. */
  readonly fixedSlots: readonly number[];
  readonly sciIrq: number;
  /** Where the firmware put the power-management ports: asked when it reads the tables. */
  readonly pmBase: () => number;
  /** Of devices in PCI slots. */
  readonly bootPaths: readonly BootPath[];
}

export interface BootPath {
  readonly index: number;
  readonly path: string;
}

const DEFAULT_MACHINE = 'pc-i440fx-2.3';
/** Of `qemu32`. */
const DEFAULT_CPU = { signature: 0x663, features: 0x0781abfd };
const RAM = 1;
/** As interrupts.ts wires them; PCI interrupts and the SCI are levels. */
const APICS = {
  localApic: 0xfee00000,
  ioapic: IOAPIC_BASE,
  timerPin: TIMER_PIN,
  levelIrqs: [5, 9, 10, 11],
};
/** S3 and S4 are not offered; S5 is sleep type 0, as the DSDT says. */
const SYSTEM_STATES = Uint8Array.of(0x80, 0, 0, 1, 2, 0x80);

export function fillFwCfg(fwCfg: FwCfg, options: PcOptions, facts: FirmwareFacts): void {
  const { boot, uuid } = options;
  fwCfg.add(FW_CFG.UUID, uuid ?? new Uint8Array(16));
  fwCfg.addNumber(FW_CFG.RAM_SIZE, 8, facts.ramBelow4g);
  fwCfg.addNumber(FW_CFG.NOGRAPHIC, 2, options.nographic ? 1 : 0);
  fwCfg.addNumber(FW_CFG.NB_CPUS, 2, 1);
  fwCfg.addNumber(FW_CFG.MAX_CPUS, 2, 1);
  fwCfg.addNumber(FW_CFG.BOOT_MENU, 2, boot.menu ? 1 : 0);
  fwCfg.addNumber(FW_CFG.IRQ0_OVERRIDE, 4, 1);
  fwCfg.add(FW_CFG.ACPI_TABLES, new Uint8Array(2));
  fwCfg.add(FW_CFG.HPET, hpets());
  for (const { key, bytes } of options.fwCfgEntries ?? []) fwCfg.add(key, bytes);
  if (boot.splashTime !== undefined) {
    fwCfg.addFile('etc/boot-menu-wait', little(2, boot.splashTime));
  }
  fwCfg.addFile('etc/boot-fail-wait', little(4, boot.rebootTimeout ?? 0xffffffff));
  const smbios = smbiosFiles({
    ramSize: facts.ramBelow4g,
    uuid: uuid ?? new Uint8Array(16),
    machine: options.machine ?? DEFAULT_MACHINE,
    cpuSignature: options.cpuid?.signature ?? DEFAULT_CPU.signature,
    cpuFeatures: options.cpuid?.features ?? DEFAULT_CPU.features,
  });
  fwCfg.addFile('etc/smbios/smbios-tables', smbios.tables);
  fwCfg.addFile('etc/smbios/smbios-anchor', smbios.anchor);
  fwCfg.addFile('etc/e820', e820(facts.ramBelow4g));
  for (const rom of options.optionRoms) fwCfg.addFile(`genroms/${rom.name}`, rom.bytes);
  for (const file of options.fwCfgFiles ?? []) fwCfg.addFile(file.name, file.bytes);
  fwCfg.addFile('etc/system-states', SYSTEM_STATES);
  addAcpi(fwCfg, facts);
  fwCfg.addFile('bootorder', bootOrder(options, facts.bootPaths));
}

function addAcpi(fwCfg: FwCfg, facts: FirmwareFacts): void {
  const code = dsdt({ ...facts, ramEnd: facts.ramBelow4g, hotplugBase: HOTPLUG_BASE });
  const build = () =>
    acpiFiles(code, {
      sciIrq: facts.sciIrq,
      smiCommand: 0xb2,
      acpiEnable: 0xf1,
      acpiDisable: 0xf0,
      pmBase: facts.pmBase(),
      gpe0: facts.gpe0,
      apics: APICS,
      hpet: { base: HPET_BASE, id: HPET_ID },
    });
  const { tables, rsdp, loader } = build();
  fwCfg.addFile('etc/acpi/tables', tables, () => tables.set(build().tables));
  fwCfg.addFile('etc/table-loader', loader);
  fwCfg.addFile('etc/acpi/rsdp', rsdp);
}

/** One device path per line, in the order of their boot indexes; HALT forbids all others. */
function bootOrder(options: PcOptions, slots: readonly BootPath[]): Uint8Array {
  const roms = options.optionRoms.flatMap(rom =>
    rom.bootIndex === undefined ? [] : [{ index: rom.bootIndex, path: `/rom@genroms/${rom.name}` }],
  );
  const drives = options.drives.flatMap(drive =>
    drive.bootIndex === undefined
      ? []
      : [
          {
            index: drive.bootIndex,
            path: `/pci@i0cf8/ide@1,1/drive@${drive.bus}/disk@${drive.unit}`,
          },
        ],
  );
  const scsi = scsiBootPaths(options.scsi ?? []);
  const usb = usbBootPaths(options.usbDevices ?? []);
  const paths = [...roms, ...drives, ...usb, ...slots, ...scsi]
    .sort((a, b) => a.index - b.index)
    .map(entry => entry.path);
  if (paths.length === 0) return new Uint8Array(0);
  if (options.boot.strict === true) paths.push('HALT');
  return new TextEncoder().encode(`${paths.join('\n')}\0`);
}

/** How many there are, and room for eight: capabilities, address, shortest period, protection. */
function hpets(): Uint8Array {
  const entries = new Uint8Array(1 + 8 * 15);
  const view = new DataView(entries.buffer);
  entries[0] = 1;
  view.setUint32(1, HPET_ID, true);
  view.setUint32(5, HPET_BASE, true);
  return entries;
}

function e820(ramBelow4g: number): Uint8Array {
  const entry = new Uint8Array(20);
  const view = new DataView(entry.buffer);
  view.setBigUint64(8, BigInt(ramBelow4g), true);
  view.setUint32(16, RAM, true);
  return entry;
}

function little(length: number, value: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => Math.floor(value / 256 ** i) & 0xff);
}

/** `info roms`: what the board brings, in the order in which QEMU lists it. */
export function romsText(options: PcOptions, fwCfg: FwCfg): string {
  const size = (length: number): string => `size=0x${length.toString(16).padStart(6, '0')}`;
  const { name, bytes } = options.firmware;
  const address = (0x100000000 - bytes.length).toString(16).padStart(16, '0');
  const roms = options.optionRoms.map(
    rom => `fw=genroms/${rom.name} ${size(rom.bytes.length)} name="${rom.name}"\n`,
  );
  const blobs = ['etc/acpi/tables', 'etc/table-loader', 'etc/acpi/rsdp'].map(file => {
    const length = fwCfg.files.find(entry => entry.name === file)?.bytes.length ?? 0;
    return `/rom@${file} ${size(length)} name="${file}"\n`;
  });
  const bios = `addr=${address} ${size(bytes.length)} mem=rom name="${name}"\n`;
  const isRom = (options.flashes ?? []).length === 0;
  return [...roms, ...(isRom ? [bios] : []), ...blobs].join('');
}
