/**
 * What monitor commands need of the running program: the machine, what its board can show and
 * press, its drives, its character devices, and a little of the host.
 */

import type { Char } from '../char.ts';
import type { CharRing } from '../char-ring.ts';
import type { CharSpec } from '../chardev-spec.ts';
import type { Events } from '../events.ts';
import type { Json } from '../json.ts';
import type { Log } from '../log.ts';
import type { Machine } from '../machine.ts';
import type { Migration } from '../machine-migrate.ts';
import type { StatefulMachine } from '../machine-state.ts';
import type { OptionPair } from '../options.ts';
import type { ObjectType, QomObject } from '../qom.ts';
import type { Drives } from './drives.ts';
import type { UserObjects } from './objects.ts';

export type VmMachine = Pick<
  Machine,
  | 'runState'
  | 'cont'
  | 'stop'
  | 'requestReset'
  | 'powerdown'
  | 'quit'
  | 'cpu'
  | 'memory'
  | 'ports'
  | 'clock'
  | 'inbox'
  | 'start'
  | 'rest'
  | 'exclusive'
  | 'standing'
  | keyof StatefulMachine
>;

/** Texts that `info TOPIC` prints and that the board or the processor knows. */
export const TOPICS = [
  'registers',
  'pic',
  'irq',
  'pci',
  'tlb',
  'mem',
  'mtree',
  'qtree',
  'roms',
  'usb',
  'network',
  'mice',
] as const;
export type Topic = (typeof TOPICS)[number];

/** The board seen from outside. */
export interface Panel {
  /** Lines end with \n; undefined when this machine has no such thing. */
  show(topic: Topic): string | undefined;
  /** Key names as `sendkey` knows them, in QEMU's order. */
  readonly keyNames: readonly string[];
  /** Presses all, and lets go of all after `holdMs`. Keys are names or scan codes. */
  pressKeys(keys: readonly (string | number)[], holdMs: number): void;
  nmi(): void;
  /** One line per instruction, without line ends. */
  disassemble(
    address: number,
    count: number,
    physical: boolean,
  ): { readonly lines: readonly string[]; readonly next: number | undefined };
  /** What query-pci returns. */
  queryPci(): Json;
  /** What query-mice returns. */
  queryMice(): Json;
  /** False when there is no mouse of that number. */
  chooseMouse(index: number): boolean;
  /** The text mode screen, or undefined in graphics modes and without a display. */
  screenText(): string | undefined;
  setBootOrder(order: string): void;
  /** `/machine`. */
  machineObject(): QomObject;
  /** What the display shows, as a portable pixmap; undefined without one. */
  screenshot(): Uint8Array | undefined;
  input(events: readonly InputEvent[]): void;
  readonly models: Models;
}

/** What moves and is pressed. */
export type InputEvent =
  | { readonly type: 'key'; readonly key: string | number; readonly down: boolean }
  | { readonly type: 'btn'; readonly button: string; readonly down: boolean }
  | { readonly type: 'rel' | 'abs'; readonly axis: string; readonly value: number };

/** What there is to choose from. */
export interface Models {
  /** Processors, in the order of QEMU's table. */
  readonly cpus: readonly string[];
  readonly types: readonly ObjectType[];
}

/** A character device as `info chardev` knows it. */
export interface CharEntry {
  readonly label: string;
  readonly char: Char;
  readonly ring?: CharRing;
}

export interface Chars {
  /** Newest first. */
  list(): readonly CharEntry[];
  /** Resolves, when it can be used, with the name of its pseudo-terminal. Throws UserError. */
  add(label: string, spec: CharSpec): Promise<string | undefined>;
  remove(label: string): void;
}

/** Devices that come and go while there is a machine. Everything throws UserError. */
export interface Devices {
  /** `options` as of -device. Class DeviceEncrypted: it is there, and waits for a password. */
  add(options: readonly OptionPair[]): void;
  remove(id: string): Promise<void>;
  /** As -usbdevice; returns the name of the drive. */
  addUsb(text: string): Promise<string>;
  /** What `device_add help` or `device_add DRIVER,help` prints; undefined without the driver. */
  help(driver: string | undefined): string | undefined;
  /** By bus and address, `0.2`. */
  removeUsb(address: string): Promise<void>;
}

export type NbdAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

/** Drives exported to NBD clients. Everything throws UserError. */
export interface NbdServer {
  start(address: NbdAddress): Promise<void>;
  add(device: string, isWritable: boolean): void;
  stop(): void;
}

/** What commands ask of the host. */
export interface MonitorHost {
  /**
   * Creates or replaces a file; others are served between two chunks. Rejects with UserError
   * `Could not open 'x': …`, with HostError when it cannot be written.
   */
  writeFile(path: string, chunks: Iterable<Uint8Array>): Promise<void>;
  /** Others are served before it resolves. */
  breathe(): Promise<void>;
  /** Names that begin with `prefix`, folders ending in a slash. */
  completePath(prefix: string): readonly string[];
  /** Where `-d` writes; undefined for stderr. Throws HostError. */
  setLogFile(path: string | undefined): void;
  wallClock(): { seconds: number; microseconds: number };
  /** Calls once, after this much of the host's time. */
  after(milliseconds: number, call: () => void): void;
  readonly threadId: number;
}

/** A sound recording under way. */
export interface Capture {
  readonly path: string;
  readonly freq: number;
  readonly bits: number;
  readonly nchannels: number;
}

/** What monitors set and show, and the machine does not ask for. */
export interface Settings {
  singlestep: boolean;
  watchdogAction: string;
  /** Newest first. */
  readonly captures: Capture[];
}

export interface Vm {
  readonly objects: UserObjects;
  readonly settings: Settings;
  /** There before the machine is. */
  readonly events: Events;
  readonly log: Log;
  readonly machine: VmMachine;
  readonly panel: Panel;
  readonly migration: Migration;
  readonly drives: Drives;
  readonly devices: Devices;
  readonly chars: Chars;
  readonly nbd: NbdServer;
  readonly host: MonitorHost;
  /** Of `-name`. */
  readonly name: string | undefined;
  readonly uuid: string;
  /** Runs one HMP line and returns what it prints; set by whoever has the HMP commands. */
  human: ((line: string) => Promise<string>) | undefined;
}
