/**
 * What this board tells its firmware through fw_cfg, in the order in which QEMU lists the files.
 */

import { FW_CFG, type FwCfg } from '../misc/fw-cfg.ts';
import type { PcOptions } from './options.ts';

export interface FirmwareFacts {
  readonly ramBelow4g: number;
}

const RAM = 1;
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
  for (const { key, bytes } of options.fwCfgEntries ?? []) fwCfg.add(key, bytes);
  if (boot.splashTime !== undefined) {
    fwCfg.addFile('etc/boot-menu-wait', little(2, boot.splashTime));
  }
  fwCfg.addFile('etc/boot-fail-wait', little(4, boot.rebootTimeout ?? 0xffffffff));
  fwCfg.addFile('etc/e820', e820(facts.ramBelow4g));
  for (const rom of options.optionRoms) fwCfg.addFile(`genroms/${rom.name}`, rom.bytes);
  for (const file of options.fwCfgFiles ?? []) fwCfg.addFile(file.name, file.bytes);
  fwCfg.addFile('etc/system-states', SYSTEM_STATES);
  fwCfg.addFile('bootorder', bootOrder(options));
}

/** One device path per line, in the order of their boot indexes. */
function bootOrder(options: PcOptions): Uint8Array {
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
  const paths = [...roms, ...drives].sort((a, b) => a.index - b.index).map(entry => entry.path);
  if (paths.length === 0) return new Uint8Array(0);
  return new TextEncoder().encode(`${paths.join('\n')}\0`);
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
