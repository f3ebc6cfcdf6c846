/**
 * ACPI machine language, as far as a PC's tables need it: each function returns the bytes of one
 * term. Nothing is checked beyond what the types say.
 *
 * Specification: ACPI 1.0b, chapter 16 (AML) and section 6.4 (resource descriptors).
 */

/** One term, encoded. */
export type Aml = readonly number[];

const ascii = (text: string): number[] => [...text].map(c => c.charCodeAt(0));
const word = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
const dword = (value: number): number[] => [...word(value), ...word(value >>> 16)];

/** Where a name has no path: four characters, padded. */
export function name(path: string): Aml {
  const root = path.startsWith('\\') ? [0x5c] : [];
  const segments = path.replace(/^\\/, '').split('.');
  const bytes = segments.flatMap(segment => (segment === '' ? [] : ascii(segment.padEnd(4, '_'))));
  if (segments[0] === '') return [...root, 0x00];
  if (segments.length === 1) return [...root, ...bytes];
  if (segments.length === 2) return [...root, 0x2e, ...bytes];
  return [...root, 0x2f, segments.length, ...bytes];
}

/** A length that counts itself, in front of `body`. */
function packaged(body: Aml): number[] {
  const length = body.length;
  if (length + 1 < 0x40) return [length + 1, ...body];
  for (let extra = 1; ; extra++) {
    const total = length + 1 + extra;
    if (total >= 1 << (4 + 8 * extra)) continue;
    const rest = Array.from({ length: extra }, (_, i) => (total >>> (4 + 8 * i)) & 0xff);
    return [(extra << 6) | (total & 15), ...rest, ...body];
  }
}

/** Field widths use the same code without counting themselves. */
function fieldWidth(bits: number): number[] {
  return bits < 0x40 ? [bits] : [0x40 | (bits & 15), bits >>> 4];
}

export function integer(value: number): Aml {
  if (value === 0) return [0x00];
  if (value === 1) return [0x01];
  if (value < 0x100) return [0x0a, value];
  return value < 0x10000 ? [0x0b, ...word(value)] : [0x0c, ...dword(value)];
}

/** A compressed device id such as PNP0A03. */
export function eisaId(id: string): Aml {
  const letters = ascii(id.slice(0, 3)).map(c => c - 0x40);
  const vendor = (letters[0] << 10) | (letters[1] << 5) | letters[2];
  const product = Number.parseInt(id.slice(3), 16);
  return [0x0c, vendor >> 8, vendor & 0xff, product >> 8, product & 0xff];
}

export const local0: Aml = [0x60];
export const local1: Aml = [0x61];
export const arg0: Aml = [0x68];

const flat = (terms: readonly Aml[]): number[] => terms.flatMap(term => [...term]);

const buffer = (bytes: Aml): Aml => [0x11, ...packaged([...integer(bytes.length), ...bytes])];
export const pack = (...elements: readonly Aml[]): Aml => [
  0x12,
  ...packaged([elements.length, ...flat(elements)]),
];
export const define = (path: string, value: Aml): Aml => [0x08, ...name(path), ...value];
export const scope = (path: string, ...body: readonly Aml[]): Aml => [
  0x10,
  ...packaged([...name(path), ...flat(body)]),
];
export const device = (path: string, ...body: readonly Aml[]): Aml => [
  0x5b,
  0x82,
  ...packaged([...name(path), ...flat(body)]),
];
export const method = (path: string, argumentCount: number, ...body: readonly Aml[]): Aml => [
  0x14,
  ...packaged([...name(path), argumentCount, ...flat(body)]),
];
/** Processor without a control block. */
export const processor = (path: string, id: number): Aml => [
  0x5b,
  0x83,
  ...packaged([...name(path), id, 0, 0, 0, 0, 0]),
];

/** Bytes of the enclosing device's PCI configuration space. */
export const pciRegion = (path: string, offset: number, length: number): Aml => [
  0x5b,
  0x80,
  ...name(path),
  0x02,
  ...integer(offset),
  ...integer(length),
];
/** I/O ports. */
export const ioRegion = (path: string, base: number, length: number): Aml => [
  0x5b,
  0x80,
  ...name(path),
  0x01,
  ...integer(base),
  ...integer(length),
];

/** Fields one after the other, each as wide as an access. */
function fields(region: string, names: readonly string[], width: 8 | 32): Aml {
  const units = names.flatMap(field => [...ascii(field), ...fieldWidth(width)]);
  return [0x5b, 0x81, ...packaged([...name(region), width === 8 ? 0x01 : 0x03, ...units])];
}

export const byteFields = (region: string, names: readonly string[]): Aml =>
  fields(region, names, 8);
export const dwordFields = (region: string, names: readonly string[]): Aml =>
  fields(region, names, 32);

/** Tells the operating system of something about a device. */
export const notify = (path: string, what: number): Aml => [0x86, ...name(path), ...integer(what)];
export const store = (value: Aml, into: Aml): Aml => [0x70, ...value, ...into];
export const giveBack = (value: Aml): Aml => [0xa4, ...value];
export const when = (condition: Aml, ...body: readonly Aml[]): Aml => [
  0xa0,
  ...packaged([...condition, ...flat(body)]),
];
/** `into` defaults to nowhere. */
export const and = (a: Aml, b: Aml, into: Aml = [0x00]): Aml => [0x7b, ...a, ...b, ...into];
export const or = (a: Aml, b: Aml, into: Aml = [0x00]): Aml => [0x7d, ...a, ...b, ...into];
export const dwordField = (of: Aml, offset: number, path: string): Aml => [
  0x8a,
  ...of,
  ...integer(offset),
  ...name(path),
];

/** Resource templates. */
export const resources = (...descriptors: readonly Aml[]): Aml =>
  buffer([...flat(descriptors), 0x79, 0x00]);
export const ioPorts = (base: number, length: number): Aml => [
  0x47,
  0x01,
  ...word(base),
  ...word(base),
  0x01,
  length,
];
export const isaIrq = (irq: number): Aml => [0x22, ...word(1 << irq)];
/** Registers at a fixed place, which nobody moves. */
export const fixedMemory = (base: number, length: number): Aml => [
  0x86,
  ...word(9),
  0x00,
  ...dword(base),
  ...dword(length),
];
/** Byte-wide, not a bus master, compatibility timing. */
export const isaDma = (channel: number): Aml => [0x2a, 1 << channel, 0];
/** Level, active high, shared: as the PIIX delivers PCI interrupts. */
export const pciIrqs = (...irqs: readonly number[]): Aml => [
  0x89,
  ...word(2 + 4 * irqs.length),
  0x09,
  irqs.length,
  ...irqs.flatMap(dword),
];

const FIXED_RANGE = 0x0c;

function wordSpace(type: number, flags: number, range: readonly [number, number]): Aml {
  const [from, to] = range;
  const fields = [0, from, to, 0, to - from + 1].flatMap(word);
  return [0x88, ...word(3 + fields.length), type, FIXED_RANGE, flags, ...fields];
}

export const busNumbers = (from: number, to: number): Aml => wordSpace(2, 0, [from, to]);
export const ioWindow = (from: number, to: number): Aml => wordSpace(1, 3, [from, to]);
export function memoryWindow(from: number, to: number, caching: 'cacheable' | 'none'): Aml {
  const fields = [0, from, to, 0, to - from + 1].flatMap(dword);
  const flags = caching === 'cacheable' ? 3 : 1;
  return [0x87, ...word(3 + fields.length), 0, FIXED_RANGE, flags, ...fields];
}
