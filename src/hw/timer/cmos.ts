/**
 * What a PC's firmware expects in CMOS RAM, in QEMU's layout.
 */

export interface CmosDisk {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** BIOS translation: 0 none, 1 LBA, 2 large, 3 rechs. */
  readonly translation?: 0 | 1 | 2 | 3;
}

export interface PcCmosOptions {
  /** Bytes below 4 GiB, and above. */
  readonly ramBelow4g: number;
  readonly ramAbove4g?: number;
  readonly cpuCount?: number;
  /** Letters of -boot order: a floppy, c disk, d CD-ROM, n network. Up to three count. */
  readonly bootOrder?: string;
  /** Drives A and B: `144`, `288`, `120` or `none`. */
  readonly floppies?: readonly ('144' | '288' | '120' | 'none')[];
  /** ide0 master, ide0 slave, ide1 master, ide1 slave; undefined where there is no hard disk. */
  readonly disks?: readonly (CmosDisk | undefined)[];
  /** -boot with fd-bootchk off: no 55AA check on floppies. */
  readonly floppySignatureChecked?: boolean;
}

/** Index and value pairs for `Mc146818.setCmos`. */
export function pcCmos(_options: PcCmosOptions): Map<number, number> {
  return new Map();
}
