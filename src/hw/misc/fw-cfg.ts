/**
 * QEMU's firmware configuration device: keyed byte strings, read through a selector and a data
 * port. Guests find named files through the directory at key 0x19.
 *
 * Specification: QEMU's docs/specs/fw_cfg.txt.
 * Not emulated: the DMA interface (the ID key says so), writes by the guest.
 */

import { assert } from '../../error.ts';
import type { PortHandler } from '../../ports.ts';
import { type StateOf, state, u16, u32 } from '../../state.ts';
import { Device } from '../device.ts';

/** Well-known keys. */
export const FW_CFG = {
  SIGNATURE: 0x00,
  ID: 0x01,
  UUID: 0x02,
  RAM_SIZE: 0x03,
  NOGRAPHIC: 0x04,
  NB_CPUS: 0x05,
  MACHINE_ID: 0x06,
  KERNEL_ADDR: 0x07,
  KERNEL_SIZE: 0x08,
  KERNEL_CMDLINE: 0x09,
  INITRD_ADDR: 0x0a,
  INITRD_SIZE: 0x0b,
  BOOT_DEVICE: 0x0c,
  NUMA: 0x0d,
  BOOT_MENU: 0x0e,
  MAX_CPUS: 0x0f,
  KERNEL_ENTRY: 0x10,
  KERNEL_DATA: 0x11,
  INITRD_DATA: 0x12,
  CMDLINE_ADDR: 0x13,
  CMDLINE_SIZE: 0x14,
  CMDLINE_DATA: 0x15,
  SETUP_ADDR: 0x16,
  SETUP_SIZE: 0x17,
  SETUP_DATA: 0x18,
  FILE_DIR: 0x19,
  ACPI_TABLES: 0x8000,
  SMBIOS_ENTRIES: 0x8001,
  IRQ0_OVERRIDE: 0x8002,
  E820_TABLE: 0x8003,
  HPET: 0x8004,
} as const;

const FILE_FIRST = 0x20;
const FILE_SLOTS = 0x10;
const FILE_NAME_LENGTH = 56;
const ENTRY_MASK = 0xbfff;
const INVALID = 0xffff;
const NOTHING = new Uint8Array(0);

const registers = state('fw_cfg', 1, { selected: u16(INVALID), offset: u32() });

export class FwCfg extends Device<StateOf<typeof registers>> {
  readonly files: { readonly name: string; readonly key: number; readonly bytes: Uint8Array }[] =
    [];
  private readonly entries = new Map<number, Uint8Array>();
  private readonly refreshers = new Map<number, () => void>();
  private current: Uint8Array = NOTHING;

  /** Two ports: the selector (words, at 0), the data (bytes, at 1). */
  readonly ports: PortHandler = {
    read: (offset, size) => (offset === 1 && size === 1 ? this.readByte() : 0),
    write: (offset, size, value) => {
      if (offset === 0 && size === 2) this.select(value);
    },
  };

  constructor() {
    super(registers);
    this.add(FW_CFG.SIGNATURE, new TextEncoder().encode('QEMU'));
    this.addNumber(FW_CFG.ID, 4, 1);
    this.addDirectory();
  }

  add(key: number, bytes: Uint8Array): void {
    assert((key & ENTRY_MASK) === key, 'a fw_cfg key fits the selector');
    this.entries.set(key, bytes);
  }

  /** Little-endian, of 2, 4 or 8 bytes. */
  addNumber(key: number, length: 2 | 4 | 8, value: number): void {
    const bytes = new Uint8Array(length);
    let rest = value;
    for (let i = 0; i < length; i++) {
      bytes[i] = rest % 256;
      rest = Math.floor(rest / 256);
    }
    this.add(key, bytes);
  }

  /** `refresh` is called when a guest selects the file, to bring `bytes` up to date. */
  addFile(name: string, bytes: Uint8Array, refresh?: () => void): void {
    assert(name.length < FILE_NAME_LENGTH, `fw_cfg file name ${name} fits`);
    assert(this.files.length < FILE_SLOTS, 'fw_cfg has a free file slot');
    const key = FILE_FIRST + this.files.length;
    this.files.push({ name, key, bytes });
    this.add(key, bytes);
    if (refresh !== undefined) this.refreshers.set(key, refresh);
    this.addDirectory();
  }

  protected override settle(): void {
    this.current = this.entries.get(this.state.selected & ENTRY_MASK) ?? NOTHING;
  }

  private select(key: number): void {
    this.state.selected = key;
    this.state.offset = 0;
    this.refreshers.get(key & ENTRY_MASK)?.();
    this.settle();
  }

  private readByte(): number {
    if (this.state.offset >= this.current.length) return 0;
    return this.current[this.state.offset++];
  }

  private addDirectory(): void {
    const bytes = new Uint8Array(4 + 64 * this.files.length);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.files.length);
    this.files.forEach((file, i) => {
      const at = 4 + 64 * i;
      view.setUint32(at, file.bytes.length);
      view.setUint16(at + 4, file.key);
      bytes.set(new TextEncoder().encode(file.name), at + 8);
    });
    this.add(FW_CFG.FILE_DIR, bytes);
  }
}
