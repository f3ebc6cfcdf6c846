/**
 * What the monitor may do to drives: block jobs, commits, live snapshots, and the I/O commands.
 *
 * Loaded with the block layer, when there is a drive. Events are those of QMP.
 */

import type { BlockContext } from './block/driver.ts';
import type { Job, JobListener } from './block/job/job.ts';
import type { JobSetting } from './block/job/start.ts';
import type { DriveBackend } from './block/node-backend.ts';
import { UserError } from './error.ts';
import type { Events } from './events.ts';
import type { Json } from './json.ts';
import type { BlockControl, CopyArguments, JobAction } from './monitor/vm.ts';

const loadJobs = () => import('./block/job/start.ts');
const loadIo = async () => ({
  ...(await import('./block/io/session.ts')),
  ...(await import('./block/io/commands.ts')),
});

export interface JobWorld {
  drives(): readonly DriveBackend[];
  context(): BlockContext;
  readonly events: Events;
  /** Standard output and standard error of the program. */
  readonly print: (text: string) => void;
  readonly printError: (text: string) => void;
  readonly elapsed: () => number;
}

export class JobTable implements BlockControl {
  private readonly running: Job[] = [];

  constructor(private readonly world: JobWorld) {}

  private drive(device: string): DriveBackend {
    const found = this.world.drives().find(d => d.name === device);
    if (found === undefined) throw new UserError(`Device '${device}' not found`, 'DeviceNotFound');
    return found;
  }

  private job(device: string): Job {
    const found = this.running.find(j => j.device === device);
    if (found !== undefined) return found;
    throw new UserError(`No active block job on device '${device}'`, 'DeviceNotActive');
  }

  private setting(device: string): JobSetting {
    const { world } = this;
    const drive = this.drive(device);
    return { drive, context: world.context(), print: world.print, listener: this.listener };
  }

  private readonly listener: JobListener = {
    ready: job => this.tell('BLOCK_JOB_READY', job),
    ended: (job, outcome, error) => {
      this.running.splice(this.running.indexOf(job), 1);
      const more: { readonly [name: string]: Json } = error === undefined ? {} : { error };
      const name = outcome === 'cancelled' ? 'BLOCK_JOB_CANCELLED' : 'BLOCK_JOB_COMPLETED';
      this.tell(name, job, more);
    },
  };

  private tell(name: string, job: Job, more: { readonly [name: string]: Json } = {}): void {
    const { type, device, len, offset, speed } = job;
    this.world.events.emit(name, { type, device, len, offset, speed, ...more });
  }

  private keep(job: Job): void {
    this.running.push(job);
    // A mistake of ours in a job must not pass unseen.
    job.finished.catch((error: unknown) => this.world.printError(`${String(error)}\n`));
  }

  /** Cancels what runs, and waits for it. */
  async stop(): Promise<void> {
    for (const job of [...this.running]) {
      job.cancel(true);
      await job.finished.catch(() => {});
    }
  }

  jobs(): Json {
    return this.running.map(job => {
      const { ioStatus, ...info } = job.info();
      return { ...info, 'io-status': ioStatus };
    });
  }

  async copy(kind: 'backup' | 'mirror', request: CopyArguments): Promise<void> {
    const setting = this.setting(request.device);
    const { startBackup, startMirror } = await loadJobs();
    const start = kind === 'backup' ? startBackup : startMirror;
    this.keep(await start(setting, request));
  }

  async stream(device: string, base: string | undefined, speed: number): Promise<void> {
    const setting = this.setting(device);
    const { startStream } = await loadJobs();
    this.keep(await startStream(setting, { base, speed }));
  }

  async commitJob(
    device: string,
    request: { readonly base?: string; readonly top?: string; readonly speed: number },
  ): Promise<void> {
    const setting = this.setting(device);
    const { startCommit } = await loadJobs();
    const { base, top, speed } = request;
    this.keep(await startCommit(setting, { base, top, speed }));
  }

  act(device: string, action: JobAction, force: boolean): void {
    const job = this.job(device);
    if (action === 'cancel') job.cancel(force);
    else job[action]();
  }

  setSpeed(device: string, speed: number): void {
    this.job(device).setSpeed(speed);
  }

  /** `all` passes over drives that cannot be committed. */
  async commit(device: string): Promise<void> {
    const { commitDrive } = await loadJobs();
    const { world } = this;
    if (device === 'all') {
      for (const drive of world.drives()) {
        if (drive.node?.backing !== undefined) await commitDrive(drive, world.context());
      }
      return;
    }
    const drive = this.drive(device);
    const why = drive.node === undefined ? 'No medium found' : 'Operation not supported';
    if (drive.node?.backing === undefined) {
      throw new UserError(`'commit' error for '${device}': ${why}`);
    }
    await commitDrive(drive, world.context());
  }

  async io(device: string, line: string): Promise<string> {
    const drive = this.drive(device);
    const { IoSession, runLine } = await loadIo();
    const { world } = this;
    let text = '';
    const print = (part: string): void => {
      if (part.startsWith('command "')) world.printError(part);
      else text += part;
    };
    const sleep = world.context().host.sleep;
    const session = new IoSession({ print, elapsed: world.elapsed, sleep }, undefined);
    session.node = drive.node;
    await runLine(session, line);
    await session.settle();
    return text;
  }
}
