/**
 * What the command line asks for, checked as far as words alone can be checked, in the order in
 * which they were written. Nothing is opened here.
 */

import { located, type Occurrence, parseCommandLine } from './command-line.ts';
import { UserError } from './error.ts';
import { type LogItem, logItemsText, parseLogItems } from './log.ts';
import { readConfigFile } from './main-config-file.ts';
import { GROUPS, MACHINE_PROPERTIES, MACHINES } from './main-config-groups.ts';
import { PROGRAM_READERS, type ProgramSettings } from './main-config-program.ts';
import { CommandLineError, type OptionList, parseOptions, splitOptions } from './options.ts';
import type { PaceMode } from './pace.ts';

/** A character device asked for by a legacy option. */
export interface CharRequest {
  readonly text: string;
  readonly location: string | undefined;
}

export interface MonitorRequest extends CharRequest {
  readonly mode: 'readline' | 'control';
  readonly pretty: boolean;
  /** The text is the id of a `-chardev`. */
  readonly byId: boolean;
}

export interface DriveRequest {
  readonly pairs: readonly (readonly [string, string])[];
  readonly location: string | undefined;
}

export interface ListRequest {
  readonly list: OptionList;
  readonly location: string;
}

export interface RtcRequest {
  /** `utc`, `localtime`, or seconds since 1970. */
  readonly base: 'utc' | 'localtime' | number;
}

/** Everything that options set, with defaults. */
export class Config implements ProgramSettings {
  ramSize = 128 * 1024 * 1024;
  cpuModel = 'qemu64';
  readonly drives: DriveRequest[] = [];
  readonly devices: ListRequest[] = [];
  readonly chardevs: ListRequest[] = [];
  readonly objects: ListRequest[] = [];
  readonly monitors: MonitorRequest[] = [];
  readonly serials: CharRequest[] = [];
  readonly parallels: CharRequest[] = [];
  debugcon: CharRequest | undefined;
  /** Written by `-monitor none` and its like: no default device either. */
  readonly given = new Set<'monitor' | 'serial' | 'parallel'>();
  kernel: string | undefined;
  initrd: string | undefined;
  append: string | undefined;
  bios: string | undefined;
  readonly dataDirectories: string[] = [];
  boot: OptionList | undefined;
  name: string | undefined;
  uuid = '00000000-0000-0000-0000-000000000000';
  hasUuid = false;
  rtc: RtcRequest = { base: 'utc' };
  hasDefaults = true;
  display: 'default' | 'none' | 'curses' = 'default';
  isNographic = false;
  vga: 'std' | 'none' | undefined;
  startsRunning = true;
  rebootEnds = false;
  shutdownEnds = true;
  snapshot = false;
  logItems: LogItem[] = [];
  logFile: string | undefined;
  pace: PaceMode = { kind: 'live' };
  hasUsb = false;
  /** `-usbdevice`. */
  readonly usbDevices: CharRequest[] = [];
  pidFile: string | undefined;
  singlestep = false;
  watchdogAction = 'reset';
  readonly optionRoms: string[] = [];
  isDemo = false;
  /** `-loadvm`: the tag or id of a snapshot. `-incoming`: where the machine's state comes from. */
  loadvm: string | undefined;
  incoming: CharRequest | undefined;
  /** `-icount hash=on`: the state hash is printed at the end. */
  showsHash = false;
  encryptedImages: 'refuse' | 'legacy' = 'refuse';
  /** `-h` and its like: print and end. */
  answer: 'help' | 'version' | 'machines' | 'cpus' | 'devices' | undefined;
}

/** Ids are unique among drives, devices and character devices each, from the first word on. */
function checkUnique(ids: readonly (string | undefined)[], id: string | undefined, of: string) {
  if (id !== undefined && ids.includes(id)) {
    throw new UserError(`Duplicate ID '${id}' for ${of}`);
  }
}

type Reader = (config: Config, option: Occurrence) => void;

/**
 * Reads argv, and with `readText` the configuration files that it names. Throws CommandLineError,
 * or ends early with `answer` set.
 */
export function readConfig(
  argv: readonly string[],
  readText: (path: string) => string = () => '',
): Config {
  const config = new Config();
  for (const option of withFiles(parseCommandLine(argv), readText)) {
    const reader = READERS[option.name];
    located(option.location, () => reader(config, option));
    if (config.answer !== undefined) break;
  }
  return config;
}

function* withFiles(
  options: readonly Occurrence[],
  readText: (path: string) => string,
): Generator<Occurrence> {
  for (const option of options) {
    if (option.name !== 'readconfig') yield option;
    else yield* readConfigFile(option.argument, readText(option.argument));
  }
}

/** A message that stands alone, without program name or location. */
export function bareError(message: string): CommandLineError {
  return new CommandLineError(message, null);
}

function drive(config: Config, option: Occurrence, pairs: [string, string][]): void {
  config.drives.push({ pairs, location: option.location });
}

/** The next free place of an interface. */
function next(type: string) {
  return (config: Config, option: Occurrence): void =>
    drive(config, option, [
      ['if', type],
      ['file', option.argument],
    ]);
}

function floppy(index: number) {
  return (config: Config, option: Occurrence): void =>
    drive(config, option, [
      ['if', 'floppy'],
      ['index', String(index)],
      ['file', option.argument],
    ]);
}

function readMemory(config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, GROUPS['m']);
  const text = list.get('size') ?? '';
  if (text === '') throw new UserError("missing 'size' option value");
  let size = list.size('size') ?? 0;
  if (/[0-9]$/.test(text)) size *= 1024 * 1024;
  if (size === 0) return;
  if (size >= 2 ** 53) throw new UserError("too large 'size' option value");
  config.ramSize = Math.ceil(size / 8192) * 8192;
}

function readMachine(config: Config, option: Occurrence): void {
  const pairs = splitOptions(option.argument, 'type');
  for (const { key, value } of pairs) {
    if (key === 'type' && (value === 'help' || value === '?')) config.answer = 'machines';
    else if (key === 'type' && !MACHINES.some(([name]) => name === value)) {
      throw new UserError(
        'Unsupported machine type',
        'GenericError',
        'Use -machine help to list supported machines!',
      );
    } else if (!MACHINE_PROPERTIES.includes(key)) {
      throw new CommandLineError(`Property '.${key}' not found`, undefined);
    } else if (key === 'usb') config.hasUsb = parseSwitch(key, value);
    else if (key === 'accel' && !value.split(':').includes('tcg')) {
      throw bareError(`"${value.split(':')[0]}" accelerator not found.\nNo accelerator found!`);
    }
  }
}

function parseSwitch(key: string, value: string): boolean {
  if (value === 'on' || value === 'off') return value === 'on';
  throw new UserError(`Parameter '${key}' expects 'on' or 'off'`);
}

function readSmp(_config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, { name: 'smp-opts', impliedKey: 'cpus' });
  const count = Math.max(list.number('cpus') ?? 1, list.number('maxcpus') ?? 1, 1);
  if (count > 255) throw bareError('Unsupported number of maxcpus');
  if (count > 1) {
    throw bareError(
      `Number of SMP cpus requested (${count}), exceeds max cpus supported by machine ` +
        "`pc-i440fx-2.3' (1)",
    );
  }
}

function readUuid(config: Config, option: Occurrence): void {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(option.argument)) {
    throw bareError('Fail to parse UUID string. Wrong format.');
  }
  config.uuid = option.argument.toLowerCase();
  config.hasUuid = true;
}

function readRtc(config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, GROUPS['rtc']);
  const base = list.get('base') ?? 'utc';
  const clock = list.get('clock');
  if (clock !== undefined && !['host', 'rt', 'vm'].includes(clock)) {
    throw bareError(`qemu: invalid option value '${clock}'`);
  }
  if (base === 'utc' || base === 'localtime') {
    config.rtc = { base };
    return;
  }
  const match = /^(\d{4})-(\d{1,2})-(\d{1,2})(?:T(\d{1,2}):(\d{1,2}):(\d{1,2}))?$/.exec(base);
  if (match === null) {
    throw bareError(
      "Invalid date format. Valid formats are:\n'2006-06-17T16:01:21' or '2006-06-17'",
    );
  }
  const [year, month, day, hour, minute, second] = match.slice(1).map(text => Number(text ?? 0));
  config.rtc = { base: Date.UTC(year, month - 1, day, hour, minute, second) / 1000 };
}

function readDisplay(config: Config, option: Occurrence): void {
  const { argument } = option;
  if (argument === 'none' || argument === 'curses') config.display = argument;
  else throw bareError(`Unknown display type: ${argument}`);
}

function readVga(config: Config, option: Occurrence): void {
  const { argument } = option;
  if (argument === 'std' || argument === 'none') config.vga = argument;
  else throw bareError(`Unknown vga type: ${argument}`);
}

function readMonitor(config: Config, option: Occurrence, pretty: boolean): void {
  config.given.add('monitor');
  if (option.argument === 'none') return;
  const mode = option.name === 'monitor' ? 'readline' : 'control';
  const { argument: text, location } = option;
  const byId = text.startsWith('chardev:');
  config.monitors.push({ text: text.replace(/^chardev:/, ''), location, mode, pretty, byId });
}

function readMon(config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, GROUPS['mon']);
  const mode = list.get('mode') ?? 'readline';
  if (mode !== 'readline' && mode !== 'control') throw bareError(`unknown monitor mode "${mode}"`);
  config.given.add('monitor');
  const text = list.get('chardev') ?? '';
  const pretty = list.bool('pretty') ?? false;
  config.monitors.push({ text, location: option.location, mode, pretty, byId: true });
}

function readLog(config: Config, option: Occurrence): void {
  const items = parseLogItems(option.argument);
  if (items === undefined) throw new LogHelp(logItemsText(false));
  config.logItems = items;
}

/** `-d` with an unknown item: the list goes to stdout, and the status is 1. */
export class LogHelp extends Error {
  override readonly name = 'LogHelp';
}

function readIcount(config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, GROUPS['icount']);
  const shift = list.get('shift') ?? 'auto';
  const value = shift === 'auto' ? 3 : Number(shift);
  if (!Number.isInteger(value) || value < 0 || value > 10) {
    throw new UserError('icount: Invalid shift value');
  }
  config.pace = { kind: 'counted', shift: value, sleep: list.bool('sleep') ?? shift === 'auto' };
  config.showsHash = list.bool('hash') ?? false;
}

function readGlobal(_config: Config, option: Occurrence): void {
  if (!/^[^.=]+\.[^=]+=/.test(option.argument) && !option.argument.includes('driver=')) {
    throw new UserError(`can't parse: "${option.argument}"`);
  }
}

function readNet(_config: Config, option: Occurrence): void {
  const type = splitOptions(option.argument, 'type').find(pair => pair.key === 'type');
  if (type?.value === 'none') return;
  throw new UserError(`Invalid parameter '${type?.value ?? ''}'`);
}

function readNetdev(_config: Config, option: Occurrence): void {
  const list = parseOptions(option.argument, { name: 'netdev', impliedKey: 'type' });
  if (list.get('type') === 'none') return;
  if (list.id === undefined) throw new UserError("Parameter 'id' is missing");
  throw new UserError(`Invalid parameter '${list.get('type') ?? ''}'`);
}

function readCompat(config: Config, option: Occurrence): void {
  const value = parseOptions(option.argument, {
    name: 'compat',
    keys: { 'encrypted-images': 'string' },
  }).get('encrypted-images');
  if (value !== 'refuse' && value !== 'legacy') {
    throw new UserError(`Invalid parameter '${value ?? option.argument}'`);
  }
  config.encryptedImages = value;
}

const disk =
  (index: number): Reader =>
  (config, option) =>
    drive(config, option, [
      ['index', String(index)],
      ['media', 'disk'],
      ['file', option.argument],
    ]);

const READERS: { readonly [name: string]: Reader } = {
  ...PROGRAM_READERS,
  h: config => {
    config.answer = 'help';
  },
  version: config => {
    config.answer = 'version';
  },
  machine: readMachine,
  cpu: (config, { argument }) => {
    if (argument === 'help' || argument === '?') config.answer = 'cpus';
    else config.cpuModel = argument;
  },
  smp: readSmp,
  global: readGlobal,
  boot: (config, option) => {
    config.boot = parseOptions(option.argument, GROUPS['boot']).after(config.boot);
  },
  m: readMemory,
  k: () => {},
  device: (config, option) => {
    const list = parseOptions(option.argument, { name: 'device', impliedKey: 'driver' });
    if (list.wantsHelp) config.answer = 'devices';
    const ids = config.devices.map(device => device.list.id);
    checkUnique(ids, list.id, 'device');
    config.devices.push({ list, location: option.location ?? '' });
  },
  name: (config, option) => {
    config.name = parseOptions(option.argument, GROUPS['name']).get('guest');
  },
  uuid: readUuid,
  image: (config, option) => disk(0)(config, option),
  fda: floppy(0),
  fdb: floppy(1),
  hda: disk(0),
  hdb: disk(1),
  hdc: disk(2),
  hdd: disk(3),
  mtdblock: next('mtd'),
  sd: next('sd'),
  pflash: next('pflash'),
  cdrom: (config, option) =>
    drive(config, option, [
      ['index', '2'],
      ['media', 'cdrom'],
      ['file', option.argument],
    ]),
  drive: (config, option) => {
    const { pairs, id } = parseOptions(option.argument, { name: 'drive' });
    const ids = config.drives.map(({ pairs: p }) => p.find(([key]) => key === 'id')?.[1]);
    checkUnique(ids, id, 'drive');
    drive(
      config,
      option,
      pairs.map(({ key, value }) => [key, value]),
    );
  },
  snapshot: config => {
    config.snapshot = true;
  },
  usb: config => {
    config.hasUsb = true;
  },
  usbdevice: (config, { argument, location }) => {
    config.hasUsb = true;
    config.usbDevices.push({ text: argument, location });
  },
  display: readDisplay,
  curses: config => {
    config.display = 'curses';
  },
  nographic: config => {
    config.isNographic = true;
    config.display = 'none';
  },
  vga: readVga,
  net: readNet,
  netdev: readNetdev,
  chardev: (config, option) => {
    const list = parseOptions(option.argument, { name: 'chardev', impliedKey: 'backend' });
    const ids = config.chardevs.map(chardev => chardev.list.id);
    checkUnique(ids, list.id, 'chardev');
    config.chardevs.push({ list, location: option.location ?? '' });
  },
  object: (config, option) => {
    const list = parseOptions(option.argument, { name: 'object', impliedKey: 'qom-type' });
    if (list.id === undefined) throw new UserError("Parameter 'id' is missing");
    config.objects.push({ list, location: option.location ?? '' });
  },
  kernel: (config, { argument }) => {
    config.kernel = argument;
  },
  append: (config, { argument }) => {
    config.append = argument;
  },
  initrd: (config, { argument }) => {
    config.initrd = argument;
  },
  serial: (config, { argument, location }) => {
    config.given.add('serial');
    if (argument.startsWith('mon:')) config.given.add('monitor');
    if (argument !== 'none') config.serials.push({ text: argument, location });
  },
  parallel: (config, { argument, location }) => {
    config.given.add('parallel');
    if (argument.startsWith('mon:')) config.given.add('monitor');
    if (argument !== 'none') config.parallels.push({ text: argument, location });
  },
  monitor: (config, option) => readMonitor(config, option, false),
  qmp: (config, option) => readMonitor(config, option, false),
  'qmp-pretty': (config, option) => readMonitor(config, option, true),
  mon: readMon,
  debugcon: (config, { argument, location }) => {
    config.debugcon = { text: argument, location };
  },
  S: config => {
    config.startsRunning = false;
  },
  d: readLog,
  D: (config, { argument }) => {
    config.logFile = argument;
  },
  L: (config, { argument }) => {
    config.dataDirectories.push(argument);
  },
  bios: (config, { argument }) => {
    config.bios = argument;
  },
  'no-reboot': config => {
    config.rebootEnds = true;
  },
  'no-shutdown': config => {
    config.shutdownEnds = false;
  },
  loadvm: (config, { argument }) => {
    config.loadvm = argument;
  },
  incoming: (config, { argument, location }) => {
    config.incoming = { text: argument, location };
  },
  rtc: readRtc,
  icount: readIcount,
  // Machines are started so by other programs; there are no such files to leave alone.
  nodefconfig: () => {},
  'no-user-config': () => {},
  nodefaults: config => {
    config.hasDefaults = false;
  },
  demo: config => {
    config.isDemo = true;
  },
  compat: readCompat,
};
