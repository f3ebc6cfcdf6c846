/**
 * What a PC is made from: the parameters of `Pc`, all of them plain values or the machine's parts.
 */

import type { BlockBackend, DiskGeometry } from '../../block/backend.ts';
import type { Char } from '../../char.ts';
import type { Clock } from '../../clock.ts';
import type { Inbox } from '../../inbox.ts';
import type { Log } from '../../log.ts';
import type { Memory } from '../../memory.ts';
import type { Ports } from '../../ports.ts';
import type { ScsiControllerOptions } from './scsi.ts';
import type { UsbDeviceOptions } from './usb.ts';
import type { VirtioDiskOptions } from './virtio.ts';

/** A disk or CD-ROM on one of the two IDE channels. */
export interface DriveOptions {
  /** IDE channel: 0 is the primary. */
  readonly bus: 0 | 1;
  /** 0 is the master. */
  readonly unit: 0 | 1;
  readonly media: 'disk' | 'cdrom';
  readonly backend: BlockBackend;
  /** As `guessGeometry` finds it; default is what the size suggests. */
  readonly geometry?: DiskGeometry;
  /** `-device ide-hd,id=`. */
  readonly id?: string;
  /** Overrides the backend's. Default `QM0000n`. */
  readonly serial?: string;
  /** `bootindex=`: the lower boots earlier. */
  readonly bootIndex?: number;
}

/** A flash chip with the firmware, or with its variables. */
export interface FlashOptions {
  readonly backend: BlockBackend;
  /** All that is in it: a multiple of 4096. */
  readonly bytes: Uint8Array;
}

/** A ROM that the firmware finds as `genroms/NAME` in fw_cfg. */
export interface RomOptions {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly bootIndex?: number;
}

/** One entry of fw_cfg by key, as a kernel loader fills them in (`FW_CFG_KERNEL_SIZE`, …). */
export interface FwCfgEntry {
  readonly key: number;
  readonly bytes: Uint8Array;
}

/** One named file of fw_cfg. */
export interface FwCfgFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface BootOptions {
  /** Letters as `-boot order=` takes them; default `cad`. */
  readonly order: string;
  readonly menu: boolean;
  /** Only devices with a boot index are started. */
  readonly strict?: boolean;
  /** Milliseconds. */
  readonly splashTime?: number;
  /** Milliseconds to wait before the next try after no device booted; undefined is never. */
  readonly rebootTimeout?: number;
}

/** `-debugcon`, `-device isa-debugcon`. */
export interface DebugconOptions {
  readonly port: number;
  readonly char: Char;
  /** What a read answers, so that guests can probe. Default 0xe9. */
  readonly readback?: number;
  readonly id?: string;
}

/** `-device isa-debug-exit`. */
export interface DebugExitOptions {
  readonly port: number;
  /** In ports: 1, 2 or 4. */
  readonly size: number;
  readonly id?: string;
}

export interface PcOptions {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly memory: Memory;
  readonly ports: Ports;
  readonly log: Log;
  /** Guest RAM in bytes, a multiple of 4096. */
  readonly ramSize: number;
  /** A multiple of 64 KiB; ends at 4 GiB, its last 128 KiB appear at 0xE0000 too. */
  readonly firmware: { readonly name: string; readonly bytes: Uint8Array };
  /** In its place, the first one at the end; 8 MiB at most. */
  readonly flashes?: readonly FlashOptions[];
  readonly optionRoms: readonly RomOptions[];
  /** COM1 and up; a hole leaves the port out. */
  readonly serials: readonly (Char | undefined)[];
  /** LPT1 and up, at most three. */
  readonly parallels?: readonly Char[];
  readonly drives: readonly DriveOptions[];
  /** The PCI VGA with the bytes of its ROM (none: the firmware finds no video BIOS), or no VGA. */
  readonly vga?: { readonly rom?: { readonly name: string; readonly bytes: Uint8Array } };
  /** The USB controller of the chip set. Default no. */
  readonly usb?: boolean;
  /** Needs `usb`. */
  readonly usbDevices?: readonly UsbDeviceOptions[];
  /** Drives A and B. */
  readonly floppies?: readonly (BlockBackend | undefined)[];
  readonly virtioDisks?: readonly VirtioDiskOptions[];
  /** SCSI host adapters with their drives. */
  readonly scsi?: readonly ScsiControllerOptions[];
  readonly debugcons?: readonly DebugconOptions[];
  readonly debugExits?: readonly DebugExitOptions[];
  /** Kernel, initrd and command line for the loader ROMs. */
  readonly fwCfgEntries?: readonly FwCfgEntry[];
  readonly fwCfgFiles?: readonly FwCfgFile[];
  /** 16 bytes in the order of the text form. */
  readonly uuid?: Uint8Array;
  readonly boot: BootOptions;
  /** The clock that the guest's RTC shows at power-on, seconds since 1970 in the guest's zone. */
  readonly rtcBase: number;
  readonly nographic: boolean;
  /** The processor implements system management mode. Default no. */
  readonly hasSmm?: boolean;
  /** The processor has a local APIC. Default yes. */
  readonly hasApic?: boolean;
  /** As `-cpu` names it, for `info qtree`. */
  readonly cpuModel?: string;
  /** As `-M` names it, for SMBIOS. Default `pc-i440fx-2.3`. */
  readonly machine?: string;
  /** CPUID leaf 1 EAX and EDX, for SMBIOS. */
  readonly cpuid?: { readonly signature: number; readonly features: number };
}

export type ResetCause = 'guest-reset' | 'triple-fault' | 'host-reset';

/** What the board asks of whoever owns it. Called from inside a port access or a timer. */
export interface PcEvents {
  /** The guest pulls reset: 8042, CF9, port 92. The machine calls `reset()` after the slice. */
  onReset: (cause: ResetCause) => void;
  /** The guest switches itself off (ACPI S5). */
  onShutdown: () => void;
  /** The guest went into S3; `pm.wake()` brings it back. */
  onSuspend: () => void;
  /** The guest set the clock: seconds off from what it would show by itself. */
  onTimeSet: (offset: number) => void;
  /** A write to an isa-debug-exit port: the exit status, `(value << 1) | 1`. */
  onDebugExit: (status: number) => void;
}
