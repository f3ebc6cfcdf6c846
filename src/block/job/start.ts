/**
 * Starting block jobs as the monitor asks for them: arguments checked with QEMU's words, targets
 * made or opened, then the job.
 */

import { UserError } from '../../error.ts';
import { findInChain, makeWritable } from '../chain.ts';
import { commitInto } from '../commit.ts';
import { createImage } from '../create.ts';
import { CREATE_OPTIONS, type CreateValues } from '../create-options.ts';
import type { BlockContext } from '../driver.ts';
import { DRIVERS } from '../drivers.ts';
import { openBackingOf, openImage } from '../graph.ts';
import type { BlockNode } from '../node.ts';
import type { DriveBackend } from '../node-backend.ts';
import { makeEmpty } from '../operations.ts';
import { Options } from '../options.ts';
import { letGo } from '../shared-node.ts';
import { backup } from './backup.ts';
import { commit } from './commit.ts';
import { busyError, Job, type JobListener, type OnError } from './job.ts';
import { mirror } from './mirror.ts';
import { stream } from './stream.ts';

export interface JobSetting {
  readonly drive: DriveBackend;
  readonly context: BlockContext;
  readonly listener: JobListener;
  /** The drive's device can say why the machine has stopped. */
  readonly hasIoStatus?: boolean;
  /** Receives the "Formatting" line. */
  readonly print: (text: string) => void;
}

export interface CopyRequest {
  readonly target: string;
  /** Undefined: the source's, or for existing targets what the file looks like. */
  readonly format: string | undefined;
  readonly mode: 'existing' | 'absolute-paths';
  readonly sync: 'full' | 'top' | 'none';
  readonly speed: number;
  readonly onSourceError?: OnError | undefined;
  readonly onTargetError?: OnError | undefined;
}

/** Stopping takes a device that can say why it stands still. */
function checkStop(setting: JobSetting, onError: OnError | undefined, parameter: string): void {
  if (onError !== 'stop' && onError !== 'enospc') return;
  if (setting.hasIoStatus !== true) throw new UserError(`Invalid parameter '${parameter}'`);
}

function actionsOf(setting: JobSetting, request: CopyRequest) {
  checkStop(setting, request.onSourceError, 'on-source-error');
  const { onSourceError = 'report', onTargetError = 'report' } = request;
  return { onSourceError, onTargetError };
}

function sourceOf(setting: JobSetting): BlockNode {
  const { drive } = setting;
  if (drive.node === undefined) throw new UserError(`Device '${drive.name}' has no medium`);
  if (drive.job !== undefined) throw busyError(drive);
  return drive.node;
}

export async function startBackup(setting: JobSetting, request: CopyRequest): Promise<Job> {
  const source = sourceOf(setting);
  const actions = actionsOf(setting, request);
  const target = await openTarget(setting, request, source, true);
  return begin(setting, 'backup', request.speed, target, job =>
    backup(job, { target, sync: request.sync, ...actions }),
  );
}

/** Into the medium of another drive, which nothing else may use meanwhile. */
export function startBackupInto(
  setting: JobSetting,
  target: DriveBackend,
  request: CopyRequest,
): Job {
  const source = sourceOf(setting);
  const actions = actionsOf(setting, request);
  const { node } = target;
  if (node === undefined) throw new UserError(`Device '${target.name}' has no medium`);
  if (target.job !== undefined) throw busyError(target);
  if (node === source) throw new UserError('Source and target cannot be the same');
  if (node.readOnly) throw new UserError(`Device '${target.name}' is read only`);
  target.job = 'backup';
  const release = (): void => {
    target.job = undefined;
  };
  try {
    const plan = { target: node, sync: request.sync, keepsTarget: true, ...actions };
    const job = begin(setting, 'backup', request.speed, undefined, it => backup(it, plan));
    job.finished.then(release, release);
    return job;
  } catch (error) {
    release();
    throw error;
  }
}

export async function startMirror(
  setting: JobSetting,
  request: CopyRequest & { readonly granularity?: number; readonly nodeName?: string | undefined },
): Promise<Job> {
  const { granularity } = request;
  const bad = granularity !== undefined && (granularity < 512 || granularity > 64 * 1024 * 1024);
  if (bad) throw new UserError("Parameter 'granularity' expects a value in range [512B, 64MB]");
  if (granularity !== undefined && !Number.isInteger(Math.log2(granularity))) {
    throw new UserError("Parameter 'granularity' expects power of 2");
  }
  const source = sourceOf(setting);
  const sync = source.backing === undefined && request.sync === 'top' ? 'full' : request.sync;
  const actions = actionsOf(setting, request);
  const target = await openTarget(setting, { ...request, sync }, source, sync !== 'full');
  target.nodeName = request.nodeName;
  const changeOver = async (old: BlockNode): Promise<void> => {
    await letGo(old);
  };
  const job = begin(setting, 'mirror', request.speed, target, started =>
    mirror(started, { target, sync, granularity, ...actions, changeOver }),
  );
  job.beforeCompletion = once(() => openBackingOf(target, openingOf(setting)));
  return job;
}

/** Whoever asks while it is under way waits for the same end; after a failure it starts anew. */
function once(work: () => Promise<void>): () => Promise<void> {
  let current: Promise<void> | undefined;
  return () => {
    current ??= work().finally(() => {
      current = undefined;
    });
    return current;
  };
}

function openingOf({ drive, context }: JobSetting) {
  return { flags: { readOnly: false, cache: drive.cache }, context };
}

export async function startStream(
  setting: JobSetting,
  request: {
    readonly base: string | undefined;
    /** What the image is to say of its backing file. */
    readonly backingFile?: string | undefined;
    readonly speed: number;
    readonly onError?: OnError | undefined;
  },
): Promise<Job> {
  const source = sourceOf(setting);
  checkStop(setting, request.onError, 'on-error');
  const onError = request.onError ?? 'report';
  let base: BlockNode | undefined;
  if (request.base !== undefined) {
    base = findInChain(source, request.base);
    if (base === undefined) throw new UserError(`Base '${request.base}' not found`);
  }
  if (base === undefined && request.backingFile !== undefined) {
    throw new UserError('backing file specified, but streaming the entire chain');
  }
  const baseName = request.backingFile ?? request.base ?? '';
  return begin(setting, 'stream', request.speed, undefined, job =>
    stream(job, { base, baseName, onError }),
  );
}

export async function startCommit(
  setting: JobSetting,
  request: {
    readonly base: string | undefined;
    readonly top: string | undefined;
    /** What the image above is to say of its backing file. */
    readonly backingFile?: string | undefined;
    readonly speed: number;
  },
): Promise<Job> {
  const active = sourceOf(setting);
  const { top: topName, base: baseName } = request;
  const isActive = topName === undefined || topName === active.filename;
  const top = isActive ? active : findInChain(active, topName);
  if (top === undefined) throw new UserError(`Top image file ${topName} not found`);
  const base = baseName === undefined ? bottomOf(top) : findInChain(top, baseName);
  if (base === undefined) throw new UserError(`Base '${baseName ?? 'NULL'}' not found`);
  if (base === top) throw new UserError('cannot commit an image into itself');
  const { backingFile } = request;
  if (isActive && backingFile !== undefined) {
    throw new UserError("'backing-file' specified, but 'top' is the active layer");
  }
  const { context } = setting;
  return begin(setting, 'commit', request.speed, undefined, job =>
    commit(job, { top, base, context, backingFile }),
  );
}

function bottomOf(top: BlockNode): BlockNode {
  let at = top;
  while (at.backing !== undefined) at = at.backing;
  return at;
}

function begin(
  setting: JobSetting,
  type: Job['type'],
  speed: number,
  target: BlockNode | undefined,
  work: (job: Job) => Promise<void>,
): Job {
  try {
    const { drive, context, listener } = setting;
    const job = new Job(type, drive, context.host, listener, work);
    job.setSpeed(speed);
    drive.jobTarget = target;
    const forget = (): void => {
      drive.jobTarget = undefined;
    };
    job.finished.then(forget, forget);
    return job;
  } catch (error) {
    void target?.close();
    throw error;
  }
}

async function openTarget(
  setting: JobSetting,
  request: CopyRequest,
  source: BlockNode,
  withBacking: boolean,
): Promise<BlockNode> {
  const { flags, context } = openingOf(setting);
  const made = request.mode !== 'existing';
  const format = request.format ?? (made ? source.driver : undefined);
  if (format !== undefined && !DRIVERS.some(d => d.name === format)) {
    throw new UserError(`Invalid block format '${format}'`);
  }
  if (made) await makeTarget(setting, request, source, format ?? 'raw');
  return openImage({
    filename: request.target,
    options: new Options(format === undefined ? [] : [['driver', format]]),
    flags: { ...flags, withoutBacking: !withBacking },
    context,
    deviceName: '',
  });
}

async function makeTarget(
  setting: JobSetting,
  request: CopyRequest,
  source: BlockNode,
  format: string,
): Promise<void> {
  const values: CreateValues = new Map([['size', String(source.length)]]);
  const backing = request.sync === 'top' ? source.backing : undefined;
  const stands = request.sync === 'none' ? source : backing;
  if (stands !== undefined) {
    if (!(CREATE_OPTIONS[format] ?? []).some(o => o.name === 'backing_file')) {
      throw new UserError(`Backing file not supported for file format '${format}'`);
    }
    values.set('backing_file', stands.filename);
    values.set('backing_fmt', stands.driver);
  }
  await createImage({
    path: request.target,
    format,
    values,
    context: setting.context,
    print: setting.print,
  });
}

/** HMP `commit`: into the direct backing file, while the guest waits; the image is then empty. */
export async function commitDrive(drive: DriveBackend, context: BlockContext): Promise<void> {
  const { node } = drive;
  if (drive.job !== undefined) throw busyError(drive);
  if (node?.backing === undefined)
    throw new UserError('Device has no backing file', 'GenericError');
  const release = await drive.drain();
  try {
    const base = await makeWritable(node, node.backing, context);
    await commitInto(node, base);
    await makeEmpty(node);
    await node.flush();
  } finally {
    release();
  }
}

export interface LiveSnapshot {
  readonly path: string;
  readonly format: string;
  readonly mode: 'existing' | 'absolute-paths';
}

/** Puts a new image on top of the drive's: what was there becomes its backing file. */
export async function snapshotDrive(setting: JobSetting, request: LiveSnapshot): Promise<void> {
  const source = sourceOf(setting);
  const { drive } = setting;
  const copy: CopyRequest = {
    target: request.path,
    format: request.format,
    mode: request.mode,
    sync: 'none',
    speed: 0,
  };
  const overlay = await openTarget(setting, copy, source, false);
  const release = await drive.drain();
  try {
    await source.flush();
    overlay.backing = source;
    drive.swap(overlay);
  } finally {
    release();
  }
}
