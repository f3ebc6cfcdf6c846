/**
 * Block jobs and live snapshots as the monitor starts them; how jobs go is told in events.
 */

import { BlockError } from './block/backend.ts';
import { DRIVERS } from './block/drivers.ts';
import type { Job, OnError } from './block/job/job.ts';
import {
  commitDrive,
  type JobSetting,
  snapshotDrive,
  startBackup,
  startBackupInto,
  startCommit,
  startMirror,
  startStream,
} from './block/job/start.ts';
import { UserError } from './error.ts';
import type { DriveHost } from './main-drive-host.ts';
import { hasIoStatus, type OpenDrive } from './main-drives.ts';
import type { CopyArguments, Drives, OverlayArguments, Undo } from './monitor/drives.ts';

async function settingFor(monitor: DriveHost, drive: OpenDrive): Promise<JobSetting> {
  const { events, printOut } = monitor.outlets;
  const tell = (name: string, job: Job, more: { readonly error?: string } = {}): void => {
    const { type, device, len, offset, speed } = job;
    events.emit(`BLOCK_JOB_${name}`, { type, device, len, offset, speed, ...more });
  };
  return {
    drive: drive.backend,
    context: await monitor.table.context(),
    print: text => printOut(text.endsWith('\n') ? text : `${text}\n`),
    hasIoStatus: hasIoStatus(drive),
    listener: {
      failed({ device }, operation, action) {
        events.emit('BLOCK_JOB_ERROR', { device, operation, action });
      },
      ready: job => tell('READY', job),
      ended(job, outcome, error) {
        monitor.jobs.delete(job.device);
        const more = error === undefined ? {} : { error };
        tell(outcome === 'cancelled' ? 'CANCELLED' : 'COMPLETED', job, more);
      },
    },
  };
}

function keep(monitor: DriveHost, job: Job): Job {
  monitor.jobs.set(job.device, job);
  // A mistake of ours in a job must not pass unseen.
  job.finished.catch((error: unknown) => monitor.outlets.printError(`${String(error)}\n`));
  return job;
}

function checkFormat(format: string | undefined): void {
  if (format === undefined || DRIVERS.some(({ name }) => name === format)) return;
  throw new UserError(`Invalid block format '${format}'`);
}

function copyRequest(request: CopyArguments) {
  const { target, format, sync, granularity } = request;
  return {
    target,
    format,
    mode: request.mode ?? 'absolute-paths',
    sync,
    speed: request.speed ?? 0,
    onSourceError: request['on-source-error'],
    onTargetError: request['on-target-error'],
    ...(granularity === undefined ? {} : { granularity }),
  } as const;
}

export async function backup(monitor: DriveHost, request: CopyArguments): Promise<Undo> {
  const setting = await settingFor(monitor, monitor.table.find(request.device));
  if (setting.drive.node !== undefined) checkFormat(request.format);
  const job = keep(monitor, await startBackup(setting, copyRequest(request)));
  return async () => {
    job.cancel(true);
    await job.finished;
  };
}

/** `target` is a drive. */
export async function backupInto(
  monitor: DriveHost,
  request: Omit<CopyArguments, 'format' | 'mode'>,
): Promise<Undo> {
  const { table } = monitor;
  const setting = await settingFor(monitor, table.find(request.device));
  const target = table.find(request.target).backend;
  const job = keep(monitor, startBackupInto(setting, target, copyRequest(request)));
  return async () => {
    job.cancel(true);
    await job.finished;
  };
}

export async function mirror(monitor: DriveHost, request: CopyArguments): Promise<void> {
  const setting = await settingFor(monitor, monitor.table.find(request.device));
  if (setting.drive.node !== undefined && setting.drive.job === undefined) {
    checkFormat(request.format);
  }
  const nodeName = request['node-name'];
  checkNodes(monitor, setting, request);
  keep(monitor, await startMirror(setting, { ...copyRequest(request), nodeName }));
}

/** The names that a mirror gives its target, and of what it shall take the place. */
function checkNodes(monitor: DriveHost, { drive }: JobSetting, request: CopyArguments): void {
  const { replaces, 'node-name': name } = request;
  const { table } = monitor;
  if (replaces !== undefined) {
    if (drive.nodeName !== undefined && name === undefined) {
      const what = 'a node-name must be provided when replacing a named node of the graph';
      throw new UserError(what);
    }
    const found = table.named(replaces);
    if (found === undefined) throw new UserError(`Node name '${replaces}' not found`);
    if (found.node !== drive.node) {
      throw new UserError('Only top most non filter can be replaced');
    }
  }
  if (name !== undefined && table.named(name) !== undefined)
    throw new UserError('Duplicate node name');
}

export async function stream(
  monitor: DriveHost,
  device: string,
  request: {
    readonly base: string | undefined;
    readonly backingFile?: string | undefined;
    readonly speed: number;
    readonly onError?: OnError | undefined;
  },
): Promise<void> {
  const setting = await settingFor(monitor, monitor.table.find(device));
  keep(monitor, await startStream(setting, request));
}

export async function commitJob(
  monitor: DriveHost,
  { device, base, top, speed = 0, ...others }: Parameters<Drives['startCommit']>[0],
): Promise<void> {
  const setting = await settingFor(monitor, monitor.table.find(device));
  const backingFile = others['backing-file'];
  keep(monitor, await startCommit(setting, { base, top, backingFile, speed }));
}

export async function commit(monitor: DriveHost, device: string): Promise<void> {
  const { table } = monitor;
  const context = await table.context();
  const chosen =
    device === 'all'
      ? table.drives.filter(({ backend }) => backend.node?.backing !== undefined)
      : [table.find(device)];
  const fail = (why: string): UserError => new UserError(`'commit' error for '${device}': ${why}`);
  for (const { backend } of chosen) {
    if (backend.node === undefined) throw fail('No medium found');
    if (backend.node.backing === undefined) throw fail('Operation not supported');
    if (backend.job !== undefined) throw fail('Device or resource busy');
    if (backend.node.readOnly) throw fail('Permission denied');
    try {
      await commitDrive(backend, context);
    } catch (error) {
      if (error instanceof BlockError || error instanceof UserError) throw fail(error.message);
      throw error;
    }
  }
}

export async function overlay(monitor: DriveHost, request: OverlayArguments): Promise<Undo> {
  const { table } = monitor;
  const drive = table.findEither(request.device, request['node-name'], 'snapshot');
  const format = request.format ?? 'qcow2';
  const { backend } = drive;
  if (backend.node === undefined) throw new UserError(`Device '${backend.name}' has no medium`);
  const nodeName = request['snapshot-node-name'];
  if (request['node-name'] !== undefined && nodeName === undefined) {
    throw new UserError('New snapshot node name missing');
  }
  if (nodeName !== undefined && table.named(nodeName) !== undefined) {
    throw new UserError('New snapshot node name already existing');
  }
  checkFormat(format);
  const setting = await settingFor(monitor, drive);
  const source = backend.node;
  const mode = request.mode ?? 'absolute-paths';
  await snapshotDrive(setting, { path: request['snapshot-file'], format, mode });
  if (backend.node !== undefined) backend.node.nodeName = nodeName;
  return async () => {
    const release = await backend.drain();
    const added = backend.node;
    backend.swap(source);
    release();
    if (added === undefined) return;
    added.backing = undefined;
    await added.close();
  };
}
