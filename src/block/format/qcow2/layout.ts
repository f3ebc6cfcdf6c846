/**
 * qcow2's header: fields, feature bits, extensions; reading with all refusals, and writing.
 *
 * Spec: "The QCOW2 image format" (docs of the format), versions 2 (compat 0.10) and 3 (1.1).
 * Refused by name: features that came after 2.2.50 (external data file, compression type,
 * extended L2 entries, LUKS, reference counts other than 16 bits wide).
 */

import { UserError } from '../../../error.ts';
import { fromUtf8, toUtf8 } from '../../../utf8.ts';

export const QCOW2_MAGIC = 0x514649fb;
export const MIN_CLUSTER_BITS = 9;
export const MAX_CLUSTER_BITS = 21;
const V2_HEADER_LENGTH = 72;
export const V3_HEADER_LENGTH = 104;
const MAX_BACKING_NAME = 1023;
export const MAX_REFTABLE_BYTES = 8 * 1024 * 1024;
export const MAX_L1_BYTES = 32 * 1024 * 1024;
export const MAX_SNAPSHOTS = 65536;

export const EXTENSION_END = 0;
export const EXTENSION_BACKING_FORMAT = 0xe2792aca;
export const EXTENSION_FEATURES = 0x6803f857;

/** Incompatible feature bits. */
export const INCOMPATIBLE_DIRTY = 1;
export const INCOMPATIBLE_CORRUPT = 2;
/** Compatible feature bits. */
export const COMPATIBLE_LAZY_REFCOUNTS = 1;

/** Where fields live in the header. */
export const FIELD = {
  backingOffset: 8,
  backingLength: 16,
  size: 24,
  l1Size: 36,
  l1Offset: 40,
  reftableOffset: 48,
  reftableClusters: 56,
  snapshotCount: 60,
  snapshotsOffset: 64,
  incompatible: 72,
  compatible: 80,
  autoclear: 88,
  refcountOrder: 96,
  headerLength: 100,
} as const;

export interface Extension {
  readonly type: number;
  readonly data: Uint8Array;
}

export interface Header {
  version: 2 | 3;
  clusterBits: number;
  /** Of the guest's disk, in bytes. */
  size: number;
  encrypted: boolean;
  l1Size: number;
  l1Offset: number;
  reftableOffset: number;
  reftableClusters: number;
  snapshotCount: number;
  snapshotsOffset: number;
  incompatible: number;
  compatible: number;
  backingFile: string;
  /** In the file; 0 without a backing file. */
  backingOffset: number;
  backingFormat: string | undefined;
  /** Those whose meaning is not known: kept as they are. */
  unknownExtensions: readonly Extension[];
  /** Header bytes past the known ones. */
  unknownFields: Uint8Array;
}

const text = new TextDecoder('latin1');

export function bytesToString(bytes: Uint8Array): string {
  return fromUtf8(bytes);
}

export function stringToBytes(value: string): Uint8Array {
  return toUtf8(value);
}

export function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A 64-bit field as a number: exact below 2^53, and still enormous above. */
export function get64(data: DataView, at: number): number {
  return data.getUint32(at) * 0x1_0000_0000 + data.getUint32(at + 4);
}

export function set64(data: DataView, at: number, value: number): void {
  data.setUint32(at, Math.floor(value / 0x1_0000_0000));
  data.setUint32(at + 4, value % 0x1_0000_0000);
}

export interface HeaderQuestion {
  /** The first cluster of the file, or as much of it as exists; zeros after its end. */
  readonly bytes: Uint8Array;
  readonly fileLength: number;
  readonly deviceName: string;
}

function unsupported(question: HeaderQuestion, feature: string, hint?: string): UserError {
  return new UserError(
    `'${question.deviceName}' uses a qcow2 feature which is not supported by this qemu ` +
      `version: ${feature}`,
    'GenericError',
    hint,
  );
}

/** Reads and checks the header. Throws UserError. */
export function parseHeader(question: HeaderQuestion): Header {
  const data = view(question.bytes);
  if (data.getUint32(0) !== QCOW2_MAGIC) throw new UserError('Image is not in qcow2 format');
  const version = data.getUint32(4);
  if (version < 2 || version > 3) throw unsupported(question, `QCOW version ${version}`);
  const clusterBits = data.getUint32(20);
  if (clusterBits < MIN_CLUSTER_BITS || clusterBits > MAX_CLUSTER_BITS) {
    throw new UserError(`Unsupported cluster size: 2^${clusterBits}`);
  }
  const clusterSize = 2 ** clusterBits;
  const headerLength = version === 2 ? V2_HEADER_LENGTH : data.getUint32(FIELD.headerLength);
  if (version === 3 && headerLength < V3_HEADER_LENGTH) {
    throw new UserError('qcow2 header too short');
  }
  if (headerLength > clusterSize) throw new UserError('qcow2 header exceeds cluster size');
  const backingOffset = get64(data, FIELD.backingOffset);
  if (backingOffset > clusterSize) throw new UserError('Invalid backing file offset');
  const areaEnd = backingOffset === 0 ? clusterSize : backingOffset;
  const extensions = parseExtensions(question.bytes, headerLength, areaEnd);
  const incompatible = version === 2 ? 0 : checkFeatures(question, data, extensions);
  if (version === 3) checkRefcountOrder(question, data.getUint32(FIELD.refcountOrder));
  const crypt = data.getUint32(32);
  if (crypt > 1) {
    const hint = crypt === 2 ? 'The image is encrypted with LUKS.' : undefined;
    throw new UserError(`Unsupported encryption method: ${crypt}`, 'GenericError', hint);
  }
  const header: Header = {
    version: version as 2 | 3,
    clusterBits,
    size: get64(data, FIELD.size),
    encrypted: crypt === 1,
    l1Size: data.getUint32(FIELD.l1Size),
    l1Offset: get64(data, FIELD.l1Offset),
    reftableOffset: get64(data, FIELD.reftableOffset),
    reftableClusters: data.getUint32(FIELD.reftableClusters),
    snapshotCount: data.getUint32(FIELD.snapshotCount),
    snapshotsOffset: get64(data, FIELD.snapshotsOffset),
    incompatible,
    compatible: version === 2 ? 0 : data.getUint32(FIELD.compatible + 4),
    backingFile: backingName(question, backingOffset),
    backingOffset,
    backingFormat: formatOf(extensions),
    unknownExtensions: extensions.filter(
      e => e.type !== EXTENSION_BACKING_FORMAT && e.type !== EXTENSION_FEATURES,
    ),
    unknownFields: question.bytes.slice(Math.min(headerLength, V3_HEADER_LENGTH), headerLength),
  };
  checkTables(header, question.fileLength);
  return header;
}

function parseExtensions(bytes: Uint8Array, start: number, end: number): Extension[] {
  const data = view(bytes);
  const found: Extension[] = [];
  let at = start;
  while (at + 8 <= end && at + 8 <= bytes.length) {
    const type = data.getUint32(at);
    const length = data.getUint32(at + 4);
    if (length > end - at - 8) throw new UserError('Header extension too large');
    if (type === EXTENSION_END) break;
    found.push({ type, data: bytes.slice(at + 8, at + 8 + length) });
    at += 8 + Math.ceil(length / 8) * 8;
  }
  return found;
}

function formatOf(extensions: readonly Extension[]): string | undefined {
  const found = extensions.find(e => e.type === EXTENSION_BACKING_FORMAT);
  if (found === undefined) return undefined;
  if (found.data.length >= 16) {
    throw new UserError(`ERROR: ext_backing_format: len=${found.data.length} too large (>=16)`);
  }
  return bytesToString(found.data);
}

const LATER_FEATURES: { readonly [bit: number]: string } = {
  2: 'external data file',
  3: 'compression type',
  4: 'extended L2 entries',
};

function checkFeatures(
  question: HeaderQuestion,
  data: DataView,
  extensions: readonly Extension[],
): number {
  const low = data.getUint32(FIELD.incompatible + 4);
  const high = data.getUint32(FIELD.incompatible);
  const known = INCOMPATIBLE_DIRTY | INCOMPATIBLE_CORRUPT;
  const names: string[] = [];
  let unnamed = 0n;
  for (let bit = 0; bit < 64; bit++) {
    const isSet = ((bit < 32 ? low >>> bit : high >>> (bit - 32)) & 1) === 1;
    if (!isSet || (bit < 32 && (known >>> bit) & 1)) continue;
    const name = featureName(extensions, bit) ?? LATER_FEATURES[bit];
    if (name === undefined) unnamed |= 1n << BigInt(bit);
    else names.push(name);
  }
  if (unnamed !== 0n) names.push(`Unknown incompatible feature: ${unnamed.toString(16)}`);
  if (names.length > 0) throw unsupported(question, names.join(', '));
  return low;
}

function featureName(extensions: readonly Extension[], bit: number): string | undefined {
  const table = extensions.find(e => e.type === EXTENSION_FEATURES)?.data;
  if (table === undefined) return undefined;
  for (let at = 0; at + 48 <= table.length; at += 48) {
    if (table[at] === 0 && table[at + 1] === bit) {
      return text.decode(table.subarray(at + 2, at + 48)).replace(/\0.*$/s, '');
    }
  }
  return undefined;
}

function checkRefcountOrder(question: HeaderQuestion, order: number): void {
  if (order === 4) return;
  const width = order <= 6 ? String(1 << order) : `2^${order}`;
  throw unsupported(question, `${width} bit reference counts`);
}

function backingName(question: HeaderQuestion, offset: number): string {
  if (offset === 0) return '';
  const length = view(question.bytes).getUint32(FIELD.backingLength);
  const clusterSize = question.bytes.length;
  if (length > Math.min(MAX_BACKING_NAME, clusterSize - offset)) {
    throw new UserError('Backing file name too long');
  }
  const name = question.bytes.subarray(offset, offset + length);
  const end = name.indexOf(0);
  return bytesToString(end < 0 ? name : name.subarray(0, end));
}

function checkTables(header: Header, fileLength: number): void {
  const clusterSize = 2 ** header.clusterBits;
  const place = (offset: number, length: number): boolean =>
    offset % clusterSize === 0 && offset + length <= Number.MAX_SAFE_INTEGER;
  if (header.size > Number.MAX_SAFE_INTEGER) throw new UserError('Image is too big');
  const reftableBytes = header.reftableClusters * clusterSize;
  if (reftableBytes > MAX_REFTABLE_BYTES || reftableBytes === 0) {
    throw new UserError('Reference count table too large');
  }
  if (!place(header.reftableOffset, reftableBytes) || header.reftableOffset === 0) {
    throw new UserError('Invalid reference count table offset');
  }
  if (header.snapshotCount > MAX_SNAPSHOTS) throw new UserError('Too many snapshots');
  if (!place(header.snapshotsOffset, header.snapshotCount * 40)) {
    throw new UserError('Invalid snapshot table offset');
  }
  if (header.l1Size > MAX_L1_BYTES / 8) throw new UserError('Active L1 table too large');
  const needed = l1EntriesFor(header.size, header.clusterBits);
  if (needed > MAX_L1_BYTES / 8) throw new UserError('Image is too big');
  if (header.l1Size < needed) throw new UserError('L1 table is too small');
  if (!place(header.l1Offset, header.l1Size * 8)) {
    throw new UserError('Invalid L1 table offset');
  }
  // Nothing is allocated that the file's size does not justify.
  const slack = clusterSize;
  if (header.l1Size > 0 && header.l1Offset + header.l1Size * 8 > fileLength + slack) {
    throw new UserError('Could not read L1 table');
  }
  if (header.reftableOffset + reftableBytes > fileLength + reftableBytes) {
    throw new UserError('Could not read refcount table');
  }
}

/** L1 entries that a disk of `size` bytes needs. */
export function l1EntriesFor(size: number, clusterBits: number): number {
  return Math.ceil(size / 2 ** (clusterBits * 2 - 3));
}

const FEATURE_NAMES: readonly (readonly [number, number, string])[] = [
  [0, 0, 'dirty bit'],
  [0, 1, 'corrupt bit'],
  [1, 0, 'lazy refcounts'],
];

function featureTable(): Uint8Array {
  const table = new Uint8Array(FEATURE_NAMES.length * 48);
  FEATURE_NAMES.forEach(([kind, bit, name], i) => {
    table[i * 48] = kind;
    table[i * 48 + 1] = bit;
    table.set(stringToBytes(name), i * 48 + 2);
  });
  return table;
}

/**
 * The first cluster of an image. The backing file name avoids `keepOut`, the place of a name that
 * must stay readable until this header has replaced the old one.
 */
export function serializeHeader(
  header: Header,
  keepOut?: { readonly start: number; readonly end: number },
): Uint8Array {
  const clusterSize = 2 ** header.clusterBits;
  const known = header.version === 2 ? V2_HEADER_LENGTH : V3_HEADER_LENGTH;
  const headerLength = known + (header.version === 2 ? 0 : header.unknownFields.length);
  const extensions: Extension[] = [];
  if (header.backingFormat !== undefined) {
    const data = stringToBytes(header.backingFormat);
    extensions.push({ type: EXTENSION_BACKING_FORMAT, data });
  }
  if (header.version === 3) extensions.push({ type: EXTENSION_FEATURES, data: featureTable() });
  extensions.push(...header.unknownExtensions, { type: EXTENSION_END, data: new Uint8Array(0) });
  const name = stringToBytes(header.backingFile);
  const area = extensions.reduce((sum, e) => sum + 8 + Math.ceil(e.data.length / 8) * 8, 0);
  let nameAt = headerLength + area;
  const clashes =
    keepOut !== undefined && nameAt < keepOut.end && keepOut.start < nameAt + name.length;
  if (clashes && keepOut.end + name.length <= clusterSize) nameAt = keepOut.end;
  if (nameAt + name.length > clusterSize) throw new UserError('Could not write header: too long');
  const bytes = new Uint8Array(clusterSize);
  const data = view(bytes);
  let at = headerLength;
  for (const extension of extensions) {
    data.setUint32(at, extension.type);
    data.setUint32(at + 4, extension.data.length);
    bytes.set(extension.data, at + 8);
    at += 8 + Math.ceil(extension.data.length / 8) * 8;
  }
  header.backingOffset = name.length === 0 ? 0 : nameAt;
  bytes.set(name, nameAt);
  if (header.version === 3) bytes.set(header.unknownFields, V3_HEADER_LENGTH);
  writeFields(data, header, name.length, headerLength);
  return bytes;
}

function writeFields(data: DataView, header: Header, nameLength: number, length: number): void {
  data.setUint32(0, QCOW2_MAGIC);
  data.setUint32(4, header.version);
  set64(data, FIELD.backingOffset, header.backingOffset);
  data.setUint32(FIELD.backingLength, nameLength);
  data.setUint32(20, header.clusterBits);
  data.setUint32(32, header.encrypted ? 1 : 0);
  patchHeader(data, header);
  if (header.version === 2) return;
  data.setUint32(FIELD.refcountOrder, 4);
  data.setUint32(FIELD.headerLength, length);
}

/** Brings the fields that change in operation up to date; all are in the first sector. */
export function patchHeader(data: DataView, header: Header): void {
  set64(data, FIELD.size, header.size);
  data.setUint32(FIELD.l1Size, header.l1Size);
  set64(data, FIELD.l1Offset, header.l1Offset);
  set64(data, FIELD.reftableOffset, header.reftableOffset);
  data.setUint32(FIELD.reftableClusters, header.reftableClusters);
  data.setUint32(FIELD.snapshotCount, header.snapshotCount);
  set64(data, FIELD.snapshotsOffset, header.snapshotsOffset);
  if (header.version === 2) return;
  set64(data, FIELD.incompatible, header.incompatible);
  set64(data, FIELD.compatible, header.compatible);
  set64(data, FIELD.autoclear, 0);
}
