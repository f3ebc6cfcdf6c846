/**
 * ACPI tables as the firmware gets them: one blob of tables, the root pointer, and a list of
 * commands that tell the firmware to allocate, to fill in addresses and to add check sums.
 *
 * Specification: ACPI 1.0b, chapter 5; QEMU's docs/specs/acpi_nvdimm.txt names the same loader,
 * whose commands are those of `etc/table-loader`.
 */

const TABLES = 'etc/acpi/tables';
const RSDP = 'etc/acpi/rsdp';
const OEM = 'BOCHS ';
const CREATOR = 'BXPC';

const ALLOCATE = 1;
const ADD_POINTER = 2;
const ADD_CHECKSUM = 3;
const ZONE_HIGH = 1;
const ZONE_FSEG = 2;
const COMMAND_LENGTH = 128;
const NAME_LENGTH = 56;

const HEADER_LENGTH = 36;
const CHECKSUM_AT = 9;
const FACS_LENGTH = 64;
const FACS_ALIGNMENT = 64;
const FADT_LENGTH = 116;
/** MPS INTI flags. */
const LEVEL_ACTIVE_HIGH = 0x0d;

/** What the fixed table says about the chip set. */
export interface FixedHardware {
  readonly sciIrq: number;
  readonly smiCommand: number;
  readonly acpiEnable: number;
  readonly acpiDisable: number;
  readonly pmBase: number;
  readonly gpe0: number;
  readonly apics: ApicFacts;
  readonly hpet: HpetFacts;
}

export interface ApicFacts {
  readonly localApic: number;
  readonly ioapic: number;
  /** The IOAPIC's input that IRQ 0 is wired to. */
  readonly timerPin: number;
  /** Interrupts that are level-triggered and active high. */
  readonly levelIrqs: readonly number[];
}

export interface HpetFacts {
  readonly base: number;
  /** Lower half of its capabilities. */
  readonly id: number;
}

export interface AcpiFiles {
  readonly tables: Uint8Array;
  readonly rsdp: Uint8Array;
  readonly loader: Uint8Array;
}

/** FACS, DSDT, FADT, MADT, HPET and RSDT. */
export function acpiFiles(dsdt: readonly number[], hardware: FixedHardware): AcpiFiles {
  const blob = new Blob();
  const loader = new Loader();
  loader.allocate(RSDP, 16, ZONE_FSEG);
  loader.allocate(TABLES, FACS_ALIGNMENT, ZONE_HIGH);

  const facs = blob.append(facsBytes());
  const dsdtAt = blob.append(table('DSDT', 1, Uint8Array.from(dsdt)));
  loader.checksum(TABLES, { at: dsdtAt + CHECKSUM_AT, from: dsdtAt, length: blob.end - dsdtAt });

  const fadtAt = blob.append(table('FACP', 1, fadtBody(hardware)));
  blob.pointer(fadtAt + 36, facs);
  blob.pointer(fadtAt + 40, dsdtAt);
  loader.pointer(TABLES, TABLES, fadtAt + 36);
  loader.pointer(TABLES, TABLES, fadtAt + 40);
  loader.checksum(TABLES, { at: fadtAt + CHECKSUM_AT, from: fadtAt, length: FADT_LENGTH });

  const madtAt = blob.append(table('APIC', 1, madtBody(hardware.apics)));
  const madt = { at: madtAt + CHECKSUM_AT, from: madtAt, length: blob.end - madtAt };
  loader.checksum(TABLES, madt);

  const hpetAt = blob.append(table('HPET', 1, hpetBody(hardware.hpet)));
  const hpet = { at: hpetAt + CHECKSUM_AT, from: hpetAt, length: blob.end - hpetAt };
  loader.checksum(TABLES, hpet);

  const listed = [fadtAt, madtAt, hpetAt];
  const rsdtAt = blob.append(table('RSDT', 1, new Uint8Array(4 * listed.length)));
  listed.forEach((at, i) => {
    blob.pointer(rsdtAt + HEADER_LENGTH + 4 * i, at);
    loader.pointer(TABLES, TABLES, rsdtAt + HEADER_LENGTH + 4 * i);
  });
  loader.checksum(TABLES, { at: rsdtAt + CHECKSUM_AT, from: rsdtAt, length: blob.end - rsdtAt });

  const rsdp = new Uint8Array(HEADER_LENGTH);
  putText(rsdp, 0, 'RSD PTR ');
  putText(rsdp, 9, OEM);
  new DataView(rsdp.buffer).setUint32(16, rsdtAt, true);
  loader.pointer(RSDP, TABLES, 16);
  loader.checksum(RSDP, { at: 8, from: 0, length: 20 });
  return { tables: blob.bytes(), rsdp, loader: loader.bytes() };
}

function facsBytes(): Uint8Array {
  const facs = new Uint8Array(FACS_LENGTH);
  putText(facs, 0, 'FACS');
  new DataView(facs.buffer).setUint32(4, FACS_LENGTH, true);
  return facs;
}

/** Pointers and the check sum are left to the loader. */
function fadtBody(hardware: FixedHardware): Uint8Array {
  const body = new Uint8Array(FADT_LENGTH - HEADER_LENGTH);
  const view = new DataView(body.buffer);
  const at = (offset: number): number => offset - HEADER_LENGTH;
  const { pmBase } = hardware;
  body[at(44)] = 1; // INT_MODEL: APICs beside the 8259s
  view.setUint16(at(46), hardware.sciIrq, true);
  view.setUint32(at(48), hardware.smiCommand, true);
  body[at(52)] = hardware.acpiEnable;
  body[at(53)] = hardware.acpiDisable;
  view.setUint32(at(56), pmBase, true); // PM1a_EVT_BLK
  view.setUint32(at(64), pmBase + 4, true); // PM1a_CNT_BLK
  view.setUint32(at(76), pmBase + 8, true); // PM_TMR_BLK
  view.setUint32(at(80), hardware.gpe0, true);
  body[at(88)] = 4; // lengths of the four blocks
  body[at(89)] = 2;
  body[at(91)] = 4;
  body[at(92)] = 4;
  view.setUint16(at(96), 0x0fff, true); // no C2
  view.setUint16(at(98), 0x0fff, true); // no C3
  body[at(108)] = 0x32; // where CMOS keeps the century
  // WBINVD, PROC_C1, SLP_BUTTON is a control method (there is none), RTC_S4.
  view.setUint32(at(112), 0x000000a5, true);
  return body;
}

/** One processor, one IOAPIC, and the interrupts that are not as ISA has them. */
function madtBody({ localApic, ioapic, timerPin, levelIrqs }: ApicFacts): Uint8Array {
  const long = (value: number): number[] => [0, 8, 16, 24].map(shift => (value >>> shift) & 0xff);
  const override = (irq: number, input: number, flags: number): number[] => [
    ...[2, 10, 0, irq],
    ...long(input),
    ...[flags, 0],
  ];
  return Uint8Array.from([
    ...long(localApic),
    ...long(1), // there are 8259s too
    ...[0, 8, 0, 0], // processor 0 has local APIC 0,
    ...long(1), // and may be used
    ...[1, 12, 0, 0], // IOAPIC 0
    ...long(ioapic),
    ...long(0), // its first interrupt
    ...override(0, timerPin, 0),
    ...levelIrqs.flatMap(irq => override(irq, irq, LEVEL_ACTIVE_HIGH)),
    ...[4, 6, 0xff, 0, 0, 1], // NMI is LINT1 of all processors
  ]);
}

/** IA-PC HPET specification 1.0a, section 3.2.4: block 0, any period, the page is not guarded. */
function hpetBody({ base, id }: HpetFacts): Uint8Array {
  const body = new Uint8Array(20);
  const view = new DataView(body.buffer);
  view.setUint32(0, id, true);
  view.setUint32(8, base, true); // after four bytes that say: memory
  return body;
}

/** A table without its check sum. */
function table(signature: string, revision: number, body: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_LENGTH + body.length);
  const view = new DataView(bytes.buffer);
  putText(bytes, 0, signature);
  view.setUint32(4, bytes.length, true);
  bytes[8] = revision;
  putText(bytes, 10, OEM);
  putText(bytes, 16, CREATOR + signature);
  view.setUint32(24, 1, true);
  putText(bytes, 28, CREATOR);
  view.setUint32(32, 1, true);
  bytes.set(body, HEADER_LENGTH);
  return bytes;
}

function putText(into: Uint8Array, at: number, text: string): void {
  into.set(new TextEncoder().encode(text), at);
}

class Blob {
  private data = new Uint8Array(0);

  get end(): number {
    return this.data.length;
  }

  /** Returns where the bytes are now. */
  append(bytes: Uint8Array): number {
    const at = this.data.length;
    const longer = new Uint8Array(at + bytes.length);
    longer.set(this.data);
    longer.set(bytes, at);
    this.data = longer;
    return at;
  }

  pointer(at: number, target: number): void {
    new DataView(this.data.buffer).setUint32(at, target, true);
  }

  bytes(): Uint8Array {
    return this.data;
  }
}

class Loader {
  private readonly commands: Uint8Array[] = [];

  allocate(file: string, alignment: number, zone: number): void {
    const view = this.command(ALLOCATE, file);
    view.setUint32(4 + NAME_LENGTH, alignment, true);
    view.setUint8(8 + NAME_LENGTH, zone);
  }

  /** The 32-bit pointer at `offset` of `file` becomes relative to where `target` was put. */
  pointer(file: string, target: string, offset: number): void {
    const view = this.command(ADD_POINTER, file, target);
    view.setUint32(4 + 2 * NAME_LENGTH, offset, true);
    view.setUint8(8 + 2 * NAME_LENGTH, 4);
  }

  checksum(file: string, range: { at: number; from: number; length: number }): void {
    const view = this.command(ADD_CHECKSUM, file);
    view.setUint32(4 + NAME_LENGTH, range.at, true);
    view.setUint32(8 + NAME_LENGTH, range.from, true);
    view.setUint32(12 + NAME_LENGTH, range.length, true);
  }

  bytes(): Uint8Array {
    const all = new Uint8Array(this.commands.length * COMMAND_LENGTH);
    this.commands.forEach((command, i) => {
      all.set(command, i * COMMAND_LENGTH);
    });
    return all;
  }

  private command(code: number, ...files: readonly string[]): DataView {
    const bytes = new Uint8Array(COMMAND_LENGTH);
    files.forEach((file, i) => {
      putText(bytes, 4 + i * NAME_LENGTH, file);
    });
    this.commands.push(bytes);
    const view = new DataView(bytes.buffer);
    view.setUint32(0, code, true);
    return view;
  }
}
