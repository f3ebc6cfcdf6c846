/**
 * What users see of the board: the texts of `info pci`, `qtree`, `mtree`, `pic`, `roms`, and the
 * answer to `query-pci`.
 */

import type { QomObject } from '../../qom.ts';
import type { QdevBus } from '../device.ts';
import type { I8259 } from '../intc/i8259.ts';
import type { FwCfg } from '../misc/fw-cfg.ts';
import type { PciBus } from '../pci/bus.ts';
import type { I440Fx } from '../pci/i440fx.ts';
import { type PciDeviceInfo, pciInfo, pciText } from '../pci/pci-text.ts';
import { qtreeText } from '../qdev-text.ts';
import type { Mc146818 } from '../timer/mc146818.ts';
import { geometryOf } from './drives.ts';
import { romsText } from './firmware.ts';
import { inMtreeOrder, mtreeText } from './mtree.ts';
import type { PcOptions } from './options.ts';
import { machineObject } from './qom.ts';
import { boardTree } from './qtree.ts';
import type { BoardScsi } from './scsi.ts';
import type { BoardUsb } from './usb.ts';
import type { BoardVirtio } from './virtio.ts';

/** The parts of the board that are looked at. */
export interface Visible {
  readonly options: PcOptions;
  readonly pci: PciBus;
  readonly i440fx: I440Fx;
  readonly pics: readonly I8259[];
  readonly fwCfg: FwCfg;
  readonly usb: BoardUsb | undefined;
  readonly virtio: BoardVirtio;
  readonly scsi: BoardScsi;
  readonly rtc: Mc146818;
  readonly ramBelow4g: number;
}

/** All texts end with \n. */
export class BoardTexts {
  constructor(
    private readonly board: Visible,
    private readonly serial: {
      readonly ports: readonly number[];
      readonly irqs: readonly number[];
    },
  ) {}

  pciText(): string {
    return pciText(this.board.pci.sorted, devfn => this.idOf(devfn));
  }

  /** The devices of bus 0. */
  pciInfo(): readonly PciDeviceInfo[] {
    return pciInfo(this.board.pci.sorted, devfn => this.idOf(devfn));
  }

  /** As the user named it. */
  private idOf(devfn: number): string {
    const { virtio, scsi } = this.board;
    const slot = devfn >> 3;
    const disk = virtio.plugged.find(plugged => plugged.slot === slot);
    const adapter = scsi.plugged.find(({ options }) => options.slot === slot);
    return (disk ?? adapter)?.options.id ?? '';
  }

  qtreeText(): string {
    return qtreeText(this.tree());
  }

  /** The devices as objects. */
  machineObject(): QomObject {
    return machineObject(this.tree(), this.board.rtc);
  }

  private tree(): QdevBus {
    return boardTree({
      options: this.board.options,
      usb: this.board.usb?.plugged ?? [],
      virtio: this.board.virtio.plugged,
      scsi: this.board.scsi.plugged,
      functions: [...this.board.pci.functions.values()],
      serialPorts: this.serial.ports,
      serialIrqs: this.serial.irqs,
      geometry: drive => {
        const { cylinders, heads, sectors, translation } = geometryOf(drive);
        return { cyls: cylinders, heads, secs: sectors, 'bios-chs-trans': translation };
      },
    });
  }

  mtreeText(): string {
    const { options, i440fx, pci, ramBelow4g } = this.board;
    return mtreeText({
      regions: options.memory.regions,
      ports: options.ports.regions,
      i440fx,
      functions: inMtreeOrder(pci.sorted),
      ramLength: ramBelow4g,
      biosLength: (options.flashes?.[0] ?? options.firmware).bytes.length,
    });
  }

  picText(): string {
    return this.board.pics.map((pic, i) => `${pic.infoText(`pic${i}`)}\n`).join('');
  }

  usbText(): string {
    return this.board.usb?.infoText() ?? 'USB support not enabled\n';
  }

  romsText(): string {
    return romsText(this.board.options, this.board.fwCfg);
  }
}
