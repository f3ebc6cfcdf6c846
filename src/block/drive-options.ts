/**
 * `-drive`: from option pairs to a checked description of a drive, with QEMU 2.2's words.
 *
 * Pure: nothing is opened here. The order of the checks is the order in which 2.2.50 makes them.
 */

import { UserError } from '../error.ts';
import type { DiskGeometry } from './backend.ts';
import { CACHE_MODES, type CacheMode, cacheMode } from './cache-mode.ts';
import { isIdentifier, Options } from './options.ts';
import { type ThrottleLimits, takeThrottling } from './throttle.ts';

export const INTERFACES = [
  'none',
  'ide',
  'scsi',
  'floppy',
  'pflash',
  'mtd',
  'sd',
  'virtio',
  'xen',
] as const;
export type DriveInterface = (typeof INTERFACES)[number];

/** Units that fit on one bus; others have a single bus without a limit. */
const UNITS_PER_BUS: { readonly [name: string]: number } = { ide: 2, scsi: 7 };

/** A drive as far as the next one must know it. */
export interface DriveSlot {
  readonly id: string;
  readonly interface: DriveInterface;
  readonly bus: number;
  readonly unit: number;
}

export interface DriveContext {
  /** Where drives without if= go. */
  readonly defaultInterface: DriveInterface;
  readonly drives: readonly DriveSlot[];
  /** Names for "Supported formats:". */
  readonly formats: readonly string[];
}

export type ReadErrorAction = 'ignore' | 'stop' | 'report';
export type WriteErrorAction = ReadErrorAction | 'enospc';
export type DetectZeroes = 'off' | 'on' | 'unmap';

export interface DriveSpec extends DriveSlot {
  readonly media: 'disk' | 'cdrom';
  /** Undefined for an empty drive. */
  readonly file: string | undefined;
  readonly format: string | undefined;
  readonly geometry: DiskGeometry | undefined;
  readonly serial: string | undefined;
  /** PCI address for if=virtio. */
  readonly addr: string | undefined;
  readonly readOnly: boolean;
  readonly snapshot: boolean;
  readonly copyOnRead: boolean;
  readonly cache: CacheMode;
  readonly aio: 'threads' | 'native';
  readonly unmap: boolean;
  readonly detectZeroes: DetectZeroes;
  readonly readError: ReadErrorAction;
  readonly writeError: WriteErrorAction;
  readonly throttling: ThrottleLimits;
  /** For the block drivers: what is not said above. */
  readonly options: Options;
  /** For stderr; `located` ones come after program name and option. */
  readonly warnings: readonly { readonly text: string; readonly located: boolean }[];
}

/** `format=help` was asked for: the text goes to stderr as it is, exit status 1. */
export class FormatHelp extends Error {
  override readonly name = 'FormatHelp';
}

/** Checks the options of one drive. Throws UserError, or FormatHelp. */
export function parseDrive(
  given: Iterable<readonly [string, string]>,
  context: DriveContext,
): DriveSpec {
  const options = new Options(given);
  const warnings: { text: string; located: boolean }[] = [];
  renameAliases(options);
  const cache = takeCache(options);
  const slot = takeNumbers(options);
  if (options.take('boot') !== undefined) warnings.push({ text: BOOT_WARNING, located: false });
  const media = takeMedia(options);
  const wantsReadOnly = options.takeBool('read-only') ?? false;
  const readOnly = wantsReadOnly || media === 'cdrom';
  const asked = options.takeBool('copy-on-read') ?? false;
  if (asked && readOnly) {
    const text = 'warning: disabling copy-on-read on read-only drive';
    warnings.push({ text, located: true });
  }
  const type = takeInterface(options, context.defaultInterface);
  const geometry = takeGeometry(options, slot, media);
  const place = assignUnit(slot, type, context);
  const serial = options.take('serial');
  const id = options.take('id') ?? defaultId(type, place, media);
  const addr = takeAddr(options, type);
  const file = options.take('file');
  const errors = takeErrorActions(options, type);
  const rest = takeBackendOptions(options, context, id);
  return {
    id,
    interface: type,
    ...place,
    media,
    file: file === '' ? undefined : file,
    geometry,
    serial,
    addr,
    readOnly,
    copyOnRead: asked && !readOnly,
    cache: { ...cache, ...rest.cache },
    ...errors,
    ...rest.common,
    options,
    warnings,
  };
}

const BOOT_WARNING =
  'qemu-kvm: boot=on|off is deprecated and will be ignored. ' +
  'Future versions will reject this parameter. Please update your scripts.';

const ALIASES: readonly (readonly [string, string])[] = [
  ['iops', 'throttling.iops-total'],
  ['iops_rd', 'throttling.iops-read'],
  ['iops_wr', 'throttling.iops-write'],
  ['bps', 'throttling.bps-total'],
  ['bps_rd', 'throttling.bps-read'],
  ['bps_wr', 'throttling.bps-write'],
  ['iops_max', 'throttling.iops-total-max'],
  ['iops_rd_max', 'throttling.iops-read-max'],
  ['iops_wr_max', 'throttling.iops-write-max'],
  ['bps_max', 'throttling.bps-total-max'],
  ['bps_rd_max', 'throttling.bps-read-max'],
  ['bps_wr_max', 'throttling.bps-write-max'],
  ['iops_size', 'throttling.iops-size'],
  ['readonly', 'read-only'],
];

function renameAliases(options: Options): void {
  for (const [from, to] of ALIASES) {
    const value = options.take(from);
    if (value === undefined) continue;
    if (options.has(to)) {
      throw new UserError(`'${to}' and its alias '${from}' can't be used at the same time`);
    }
    options.set(to, value);
  }
}

function takeCache(options: Options): CacheMode {
  const name = options.take('cache');
  const mode = name === undefined ? CACHE_MODES['writeback'] : cacheMode(name);
  if (mode === undefined) throw new UserError('invalid cache option');
  return mode;
}

interface Numbers {
  readonly bus: number | undefined;
  readonly unit: number | undefined;
  readonly index: number | undefined;
  readonly cyls: number;
  readonly heads: number;
  readonly secs: number;
}

function takeNumbers(options: Options): Numbers {
  return {
    bus: options.takeNumber('bus'),
    unit: options.takeNumber('unit'),
    index: options.takeNumber('index'),
    cyls: options.takeNumber('cyls') ?? 0,
    heads: options.takeNumber('heads') ?? 0,
    secs: options.takeNumber('secs') ?? 0,
  };
}

function takeMedia(options: Options): 'disk' | 'cdrom' {
  const media = options.take('media') ?? 'disk';
  if (media !== 'disk' && media !== 'cdrom') throw new UserError(`'${media}' invalid media`);
  return media;
}

function takeInterface(options: Options, fallback: DriveInterface): DriveInterface {
  const name = options.take('if') ?? fallback;
  const type = INTERFACES.find(i => i === name);
  if (type === undefined) throw new UserError(`unsupported bus type '${name}'`);
  return type;
}

const TRANSLATIONS = { none: 'none', lba: 'lba', large: 'large', rechs: 'large', auto: 'auto' };

function takeGeometry(options: Options, given: Numbers, media: string): DiskGeometry | undefined {
  const { cyls, heads, secs } = given;
  const any = cyls !== 0 || heads !== 0 || secs !== 0;
  if (any) {
    for (const [name, value] of [['cyls', cyls] as const, ['heads', heads], ['secs', secs]]) {
      if (Number(value) < 1) throw new UserError(`invalid physical ${name} number`);
    }
  }
  const trans = options.take('trans');
  if (trans !== undefined && !any) {
    throw new UserError(`'${trans}' trans must be used with cyls, heads and secs`);
  }
  if (trans !== undefined && !Object.hasOwn(TRANSLATIONS, trans)) {
    throw new UserError(`'${trans}' invalid translation type`);
  }
  if (any && media === 'cdrom') throw new UserError(`CHS can't be set with media=${media}`);
  if (!any) return undefined;
  const translation = TRANSLATIONS[(trans ?? 'auto') as keyof typeof TRANSLATIONS];
  return {
    cylinders: cyls,
    heads,
    sectors: secs,
    translation: translation as DiskGeometry['translation'],
  };
}

function assignUnit(
  given: Numbers,
  type: DriveInterface,
  context: DriveContext,
): { readonly bus: number; readonly unit: number } {
  const perBus = UNITS_PER_BUS[type] ?? 0;
  let bus = given.bus ?? 0;
  let unit = given.unit ?? -1;
  const index = given.index ?? -1;
  const taken = (b: number, u: number): boolean =>
    context.drives.some(d => d.interface === type && d.bus === b && d.unit === u);
  if (index !== -1) {
    if (bus !== 0 || unit !== -1) throw new UserError('index cannot be used with bus and unit');
    bus = perBus === 0 ? 0 : Math.floor(index / perBus);
    unit = perBus === 0 ? index : index % perBus;
  }
  if (unit === -1) {
    unit = 0;
    while (taken(bus, unit)) {
      unit++;
      if (perBus !== 0 && unit >= perBus) [bus, unit] = [bus + 1, 0];
    }
  }
  if (perBus !== 0 && unit >= perBus) {
    throw new UserError(`unit ${unit} too big (max is ${perBus - 1})`);
  }
  if (taken(bus, unit)) {
    const at = bus * perBus + unit;
    throw new UserError(`drive with bus=${bus}, unit=${unit} (index=${at}) exists`);
  }
  return { bus, unit };
}

function defaultId(
  type: DriveInterface,
  place: { readonly bus: number; readonly unit: number },
  media: string,
): string {
  if (UNITS_PER_BUS[type] === undefined) return `${type}${place.unit}`;
  return `${type}${place.bus}${media === 'cdrom' ? '-cd' : '-hd'}${place.unit}`;
}

function takeAddr(options: Options, type: DriveInterface): string | undefined {
  const addr = options.take('addr');
  if (addr !== undefined && type !== 'virtio') {
    throw new UserError('addr is not supported by this bus type');
  }
  return addr;
}

const WITH_ERROR_ACTIONS: readonly string[] = ['ide', 'scsi', 'virtio', 'none'];

function takeErrorActions(
  options: Options,
  type: DriveInterface,
): { readonly readError: ReadErrorAction; readonly writeError: WriteErrorAction } {
  const writeError = options.take('werror');
  const readError = options.take('rerror');
  if (!WITH_ERROR_ACTIONS.includes(type)) {
    if (writeError !== undefined) {
      throw new UserError('werror is not supported by this bus type');
    }
    if (readError !== undefined) throw new UserError('rerror is not supported by this bus type');
  }
  return {
    writeError: checkAction(writeError ?? 'enospc', ['enospc', ...ACTIONS], 'write'),
    readError: checkAction(readError ?? 'report', ACTIONS, 'read'),
  };
}

const ACTIONS: readonly ReadErrorAction[] = ['ignore', 'stop', 'report'];

function checkAction<T extends string>(name: string, allowed: readonly T[], what: string): T {
  const found = allowed.find(action => action === name);
  if (found === undefined) throw new UserError(`'${name}' invalid ${what} error action`);
  return found;
}

type Common = Pick<
  DriveSpec,
  'format' | 'snapshot' | 'aio' | 'unmap' | 'detectZeroes' | 'throttling'
>;

/** The keys that belong to the backend whatever the bus. */
function takeBackendOptions(
  options: Options,
  context: DriveContext,
  id: string,
): { readonly common: Common; readonly cache: Partial<CacheMode> } {
  if (!isIdentifier(id)) {
    throw new UserError("Parameter 'id' expects an identifier");
  }
  if (context.drives.some(d => d.id === id)) {
    throw new UserError(`Duplicate ID '${id}' for drive`);
  }
  const snapshot = options.takeBool('snapshot') ?? false;
  const unmap = takeDiscard(options);
  const cache = takeCacheBits(options);
  const aio = options.take('aio') ?? 'threads';
  if (aio !== 'threads' && aio !== 'native') throw new UserError('invalid aio option');
  const format = takeFormat(options, context);
  const throttling = takeThrottling(options);
  const detectZeroes = options.take('detect-zeroes') ?? 'off';
  if (detectZeroes !== 'off' && detectZeroes !== 'on' && detectZeroes !== 'unmap') {
    throw new UserError(`invalid parameter value: ${detectZeroes}`);
  }
  if (detectZeroes === 'unmap' && !unmap) {
    throw new UserError(
      'setting detect-zeroes to unmap is not allowed without setting discard operation to unmap',
    );
  }
  return { common: { snapshot, unmap, aio, format, throttling, detectZeroes }, cache };
}

function takeDiscard(options: Options): boolean {
  const discard = options.take('discard') ?? 'ignore';
  if (discard === 'ignore' || discard === 'off') return false;
  if (discard === 'unmap' || discard === 'on') return true;
  throw new UserError('invalid discard option');
}

function takeCacheBits(options: Options): Partial<CacheMode> {
  const writeback = options.takeBool('cache.writeback');
  const direct = options.takeBool('cache.direct');
  const noFlush = options.takeBool('cache.no-flush');
  return {
    ...(writeback === undefined ? {} : { writeback }),
    ...(direct === undefined ? {} : { direct }),
    ...(noFlush === undefined ? {} : { noFlush }),
  };
}

function takeFormat(options: Options, context: DriveContext): string | undefined {
  const format = options.take('format');
  if (format === 'help' || format === '?') {
    throw new FormatHelp(`Supported formats: ${context.formats.join(' ')}`);
  }
  const driver = options.take('driver');
  if (format !== undefined && driver !== undefined) {
    throw new UserError("Cannot specify both 'driver' and 'format'");
  }
  return format ?? driver;
}

/** The message for a drive that no device took: a warning, not an error. */
export function orphanText(drive: DriveSlot & { readonly file: string | undefined }): string {
  return (
    `Warning: Orphaned drive without device: id=${drive.id},file=${drive.file ?? ''},` +
    `if=${drive.interface},bus=${drive.bus},unit=${drive.unit}`
  );
}
