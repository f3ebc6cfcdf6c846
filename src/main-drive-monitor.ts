/**
 * Drives as monitor commands see them: the table of drives, and what is loaded only when a command
 * needs it.
 */

import { BlockError } from './block/backend.ts';
import type { Job } from './block/job/job.ts';
import { HostError } from './disk-host.ts';
import { UserError } from './error.ts';
import type { Json } from './json.ts';
import type { DriveHost, DriveOutlets } from './main-drive-host.ts';
import type { DriveTable } from './main-drives.ts';
import type {
  CopyArguments,
  Drives,
  JobControl,
  JsonObject,
  MachineSaver,
  MissingKey,
  OverlayArguments,
  Undo,
} from './monitor/drives.ts';

/** Failures of images and of the host as messages. */
async function words<T>(work: T | Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof BlockError || error instanceof HostError) {
      throw new UserError(error.message);
    }
    throw error;
  }
}

export class DriveMonitor implements Drives, DriveHost {
  readonly jobs = new Map<string, Job>();

  constructor(
    readonly table: DriveTable,
    readonly outlets: DriveOutlets,
  ) {}

  query(): Json {
    return this.table.query();
  }

  queryStats(): Json {
    return this.table.queryStats();
  }

  queryNodes(): Json {
    return this.table.queryNodes();
  }

  queryJobs(): Json {
    return [...this.jobs.values()].map((job): JsonObject => {
      const { ioStatus, ...info } = job.info();
      const { type, device, len, offset, busy, paused, speed, ready } = info;
      return { type, device, len, offset, busy, paused, speed, 'io-status': ioStatus, ready };
    });
  }

  missingKeys(): readonly MissingKey[] {
    return this.table.missingKeys();
  }

  setPassword(device: string | undefined, node: string | undefined, password: string): void {
    this.table.setPassword(device, node, password);
  }

  async add(options: string): Promise<void> {
    return words((await import('./main-media.ts')).addDrive(this.table, options));
  }

  async addNode(options: JsonObject): Promise<void> {
    return words((await import('./main-media.ts')).addNode(this.table, options));
  }

  async remove(device: string): Promise<void> {
    return words((await import('./main-media.ts')).removeDrive(this.table, device));
  }

  async eject(device: string, force: boolean): Promise<void> {
    return words((await import('./main-media.ts')).eject(this.table, device, force));
  }

  async change(device: string, target: string, format: string | undefined): Promise<void> {
    return words((await import('./main-media.ts')).change(this.table, { device, target, format }));
  }

  async resize(device: string | undefined, node: string | undefined, size: number): Promise<void> {
    const drive = this.table.findEither(device, node, 'resize');
    return words((await import('./main-media.ts')).resize(drive, size));
  }

  setLimits(device: string, limits: { readonly [name: string]: number | undefined }): void {
    const { backend } = this.table.find(device);
    const of = (name: string): number => limits[name] ?? 0;
    for (const what of ['bps', 'iops']) {
      for (const max of ['', '_max']) {
        const parts = of(`${what}_rd${max}`) !== 0 || of(`${what}_wr${max}`) !== 0;
        if (of(`${what}${max}`) === 0 || !parts) continue;
        throw new UserError(
          'bps/iops/max total values and read/write values cannot be used at the same time',
        );
      }
    }
    if (Object.values(limits).some(value => (value ?? 0) < 0)) {
      throw new UserError('bps/iops/maxs values must be 0 or greater');
    }
    backend.setLimits({
      bps: of('bps'),
      bpsRd: of('bps_rd'),
      bpsWr: of('bps_wr'),
      iops: of('iops'),
      iopsRd: of('iops_rd'),
      iopsWr: of('iops_wr'),
      bpsMax: of('bps_max'),
      bpsRdMax: of('bps_rd_max'),
      bpsWrMax: of('bps_wr_max'),
      iopsMax: of('iops_max'),
      iopsRdMax: of('iops_rd_max'),
      iopsWrMax: of('iops_wr_max'),
      iopsSize: of('iops_size'),
    });
  }

  async commit(device: string): Promise<void> {
    return words((await import('./main-jobs.ts')).commit(this, device));
  }

  async startBackup(request: CopyArguments): Promise<Undo> {
    return words((await import('./main-jobs.ts')).backup(this, request));
  }

  async startMirror(request: CopyArguments): Promise<void> {
    return words((await import('./main-jobs.ts')).mirror(this, request));
  }

  async startStream(request: Parameters<Drives['startStream']>[0]): Promise<void> {
    const { device, base, speed = 0 } = request;
    const { 'on-error': onError, 'backing-file': backingFile } = request;
    const { stream } = await import('./main-jobs.ts');
    return words(stream(this, device, { base, backingFile, speed, onError }));
  }

  async startCommit(request: Parameters<Drives['startCommit']>[0]): Promise<void> {
    return words((await import('./main-jobs.ts')).commitJob(this, request));
  }

  job(device: string): JobControl {
    const job = this.jobs.get(device);
    if (job === undefined) {
      throw new UserError(`No active block job on device '${device}'`, 'DeviceNotActive');
    }
    return job;
  }

  async startBackupInto(request: Omit<CopyArguments, 'format' | 'mode'>): Promise<Undo> {
    return words((await import('./main-jobs.ts')).backupInto(this, request));
  }

  async changeBackingFile(device: string, node: string, filename: string): Promise<void> {
    const { changeBackingFile } = await import('./main-media.ts');
    return words(changeBackingFile(this.table, { device, node, filename }));
  }

  setWriteThreshold(node: string, bytes: number): void {
    this.table.setWriteThreshold(node, bytes);
  }

  async overlay(request: OverlayArguments): Promise<Undo> {
    return words((await import('./main-jobs.ts')).overlay(this, request));
  }

  async takeSnapshot(device: string, name: string): Promise<Undo> {
    const { takeSnapshot } = await import('./main-snapshots.ts');
    return words(takeSnapshot(this.table, device, name));
  }

  async deleteSnapshot(
    device: string,
    id: string | undefined,
    name: string | undefined,
  ): Promise<JsonObject> {
    const { deleteSnapshot } = await import('./main-snapshots.ts');
    return words(deleteSnapshot(this.table, { device, id, name }));
  }

  async snapshotsText(): Promise<string> {
    return words((await import('./main-snapshots.ts')).snapshotsText(this.table));
  }

  async deleteSnapshots(name: string): Promise<void> {
    return words((await import('./main-snapshots.ts')).deleteSnapshots(this.table, name));
  }

  async checkSave(): Promise<void> {
    return words((await import('./main-machine-snapshots.ts')).checkSave(this.table));
  }

  async saveMachine(name: string | undefined, saver: MachineSaver): Promise<void> {
    const { saveMachine } = await import('./main-machine-snapshots.ts');
    return words(saveMachine(this.table, name, saver));
  }

  async loadMachine(name: string, read: Parameters<Drives['loadMachine']>[1]): Promise<boolean> {
    const { loadMachine } = await import('./main-machine-snapshots.ts');
    return words(loadMachine(this.table, name, read));
  }

  async io(device: string, command: string): Promise<string> {
    const drive = this.table.find(device);
    const { runIo } = await import('./main-drive-io.ts');
    const context = await this.table.context();
    const { outlets } = this;
    return words(runIo(drive.backend, { command, host: context.host, outlets }));
  }

  /** Ends the jobs and closes the images. */
  async close(): Promise<void> {
    for (const job of [...this.jobs.values()]) {
      job.cancel(true);
      await job.finished.catch(() => {});
    }
    await this.table.closeAll();
  }
}
