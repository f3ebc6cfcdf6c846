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
  disassemble(address: number, count: number, physical: boolean): string[];
  /** What query-pci returns. */
  queryPci(): Json;
  /** What query-mice returns. */
  queryMice(): Json;
  /** The text mode screen, or undefined in graphics modes and without a display. */
  screenText(): string | undefined;
  setBootOrder(order: string): void;
}

/** The drives; what the block layer will answer in full. */
export interface Drives {
  /** query-block. */
  query(): Json | Promise<Json>;
  /** query-blockstats. */
  queryStats(): Json | Promise<Json>;
  /** Drives whose password is not known yet, in order of creation. */
  missingKeys(): readonly MissingKey[];
  /** Throws UserError when there is no such drive, or it is not encrypted. */
  setPassword(device: string | undefined, node: string | undefined, password: string): void;
  /** Jobs and what else works on the images. */
  readonly control?: BlockControl;
}

export type JobAction = 'cancel' | 'pause' | 'resume' | 'complete';

/** Arguments of drive-backup and drive-mirror. */
export interface CopyArguments {
  readonly device: string;
  readonly target: string;
  readonly format: string | undefined;
  readonly mode: 'existing' | 'absolute-paths';
  readonly sync: 'full' | 'top' | 'none';
  readonly speed: number;
}

/** Failures are UserErrors with QEMU's words. */
export interface BlockControl {
  /** query-block-jobs. */
  jobs(): Json;
  copy(kind: 'backup' | 'mirror', request: CopyArguments): Promise<void>;
  stream(device: string, base: string | undefined, speed: number): Promise<void>;
  commitJob(
    device: string,
    request: { readonly base?: string; readonly top?: string; readonly speed: number },
  ): Promise<void>;
  act(device: string, action: JobAction, force: boolean): void;
  setSpeed(device: string, speed: number): void;
  /** A device, or `all`. */
  commit(device: string): Promise<void>;
  /** Runs one command of the I/O tool; resolves with what it prints. */
  io(device: string, line: string): Promise<string>;
}

/** `filename`: of the image that is encrypted, as messages name it. */
export interface MissingKey {
  readonly device: string;
  readonly filename: string;
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
  add(label: string, spec: CharSpec): void;
  remove(label: string): void;
}

/** What commands ask of the host. */
export interface MonitorHost {
  /** Creates or replaces a file. Throws UserError `Could not open 'x': …`. */
  writeFile(path: string, chunks: Iterable<Uint8Array>): void;
  /** Names that begin with `prefix`, folders ending in a slash. */
  completePath(prefix: string): readonly string[];
  /** Where `-d` writes; undefined for stderr. */
  setLogFile(path: string | undefined): void;
  wallClock(): { seconds: number; microseconds: number };
  readonly threadId: number;
}

export interface Vm {
  /** There before the machine is. */
  readonly events: Events;
  readonly log: Log;
  readonly machine: VmMachine;
  readonly panel: Panel;
  readonly drives: Drives;
  readonly chars: Chars;
  readonly host: MonitorHost;
  /** Of `-name`. */
  readonly name: string | undefined;
  readonly uuid: string;
  /** Runs one HMP line and returns what it prints; set by whoever has the HMP commands. */
  human: ((line: string) => Promise<string>) | undefined;
}
