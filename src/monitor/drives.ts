/**
 * What monitor commands ask of the drives, their media, their images and the jobs on them.
 * Devices that are not there are errors of class DeviceNotFound; everything throws UserError.
 */

import type { Json } from '../json.ts';
import type { StateSink, StateSource } from '../machine-state.ts';

export type JsonObject = { readonly [name: string]: Json };

/** `filename`: of the image that is encrypted, as messages name it. */
export interface MissingKey {
  readonly device: string;
  readonly filename: string;
}

/** What a job does about a failed request. */
export type OnError = 'report' | 'ignore' | 'enospc' | 'stop';

/** A copy of a drive's image: backup or mirror. */
export interface CopyArguments {
  readonly device: string;
  readonly target: string;
  readonly format?: string;
  readonly sync: 'full' | 'top' | 'none';
  readonly mode?: 'existing' | 'absolute-paths';
  readonly speed?: number;
  readonly granularity?: number;
  readonly 'on-source-error'?: OnError;
  readonly 'on-target-error'?: OnError;
  /** Of the target, once it is the drive's. */
  readonly 'node-name'?: string;
  readonly replaces?: string;
}

export interface OverlayArguments {
  readonly device?: string;
  readonly 'node-name'?: string;
  readonly 'snapshot-file': string;
  readonly 'snapshot-node-name'?: string;
  readonly format?: string;
  readonly mode?: 'existing' | 'absolute-paths';
}

/** A block job under way. */
export interface JobControl {
  cancel(force: boolean): void;
  pause(): void;
  resume(): void;
  complete(): void | Promise<void>;
  setSpeed(bytesPerSecond: number): void;
}

/** How a step of a transaction is taken back. */
export type Undo = () => Promise<void>;

/** The machine's part in a snapshot. */
export interface MachineSaver {
  readonly clockNs: number;
  /** Returns the number of bytes. */
  write(sink: StateSink): Promise<number>;
}

export interface Drives {
  /** query-block. */
  query(): Json;
  /** query-blockstats. */
  queryStats(): Json;
  /** query-named-block-nodes. */
  queryNodes(): Json;
  /** query-block-jobs. */
  queryJobs(): Json;
  /** Drives whose password is not known yet, in order of creation. */
  missingKeys(): readonly MissingKey[];
  /** Throws UserError when there is no such drive, or it is not encrypted. */
  setPassword(device: string | undefined, node: string | undefined, password: string): void;

  /** `options` as in -drive. */
  add(options: string): Promise<void>;
  /** blockdev-add. */
  addNode(options: JsonObject): Promise<void>;
  remove(device: string): Promise<void>;
  eject(device: string, force: boolean): Promise<void>;
  change(device: string, target: string, format: string | undefined): Promise<void>;
  resize(device: string | undefined, node: string | undefined, size: number): Promise<void>;
  /** Names as in the schema of block_set_io_throttle; what is not there is 0. */
  setLimits(device: string, limits: { readonly [name: string]: number | undefined }): void;

  /** Changes only what the image says about its backing file. */
  changeBackingFile(device: string, node: string, filename: string): Promise<void>;
  /** Tells once, by an event, when the node is written beyond this; 0 is never. */
  setWriteThreshold(node: string, bytes: number): void;

  /** Into the backing file while the guest waits; `all` is every drive that has one. */
  commit(device: string): Promise<void>;
  startBackup(request: CopyArguments): Promise<Undo>;
  /** `target` is a drive, too. */
  startBackupInto(request: Omit<CopyArguments, 'format' | 'mode'>): Promise<Undo>;
  startMirror(request: CopyArguments): Promise<void>;
  startStream(request: {
    readonly device: string;
    readonly base?: string;
    readonly 'backing-file'?: string;
    readonly speed?: number;
    readonly 'on-error'?: OnError;
  }): Promise<void>;
  startCommit(request: {
    readonly device: string;
    readonly base?: string;
    readonly top?: string;
    readonly 'backing-file'?: string;
    readonly speed?: number;
  }): Promise<void>;
  job(device: string): JobControl;

  /** Puts a new image on top. */
  overlay(request: OverlayArguments): Promise<Undo>;
  takeSnapshot(device: string, name: string): Promise<Undo>;
  /** Returns what was deleted. */
  deleteSnapshot(
    device: string,
    id: string | undefined,
    name: string | undefined,
  ): Promise<JsonObject>;
  /** `info snapshots`. */
  snapshotsText(): Promise<string>;
  /** The snapshots of this name or id in all drives. */
  deleteSnapshots(name: string): Promise<void>;
  /** Throws what speaks against taking a snapshot of the whole machine. */
  checkSave(): Promise<void>;
  /** Takes it; the machine stands still. */
  saveMachine(name: string | undefined, saver: MachineSaver): Promise<void>;
  /** Takes the disks back and has the machine's state read; false when there is none. */
  loadMachine(name: string, read: (source: StateSource) => Promise<void>): Promise<boolean>;

  /** A command of the image exerciser; returns what it prints. */
  io(device: string, command: string): Promise<string>;
}
