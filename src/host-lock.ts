/**
 * Advisory locks beside image files: two processes of this program never write to one image.
 *
 * The lock of `a.img` is `.a.img.lock`, holding the owner's process id and start time, so a lock
 * whose owner is gone is recognised. Where no file can be made beside the image, there is no lock.
 */

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HostError } from './disk-host.ts';

interface Held {
  owners: number;
}

const held = new Map<string, Held>();
let isWatchingExit = false;

/** When a process began, as the system counts it; empty where that cannot be known. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The process that holds a lock file; undefined when it is stale. */
function ownerOf(lock: string): number | undefined {
  let text: string;
  try {
    text = fs.readFileSync(lock, 'utf8');
  } catch {
    return undefined;
  }
  const [pid, start = ''] = text.trim().split(' ');
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0 || !isAlive(number)) return undefined;
  return start === '' || start === startOf(number) ? number : undefined;
}

function take(lock: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      fs.writeFileSync(lock, `${process.pid} ${startOf(process.pid)}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return;
    }
    const owner = ownerOf(lock);
    if (owner !== undefined) {
      throw new HostError('EAGAIN', `Failed to get "write" lock: process ${owner} has it`);
    }
    remove(lock);
  }
}

/** Node's own rmSync loads more than it needs for one file: 3 ms of each run of a tool. */
function remove(lock: string): void {
  try {
    fs.unlinkSync(lock);
  } catch {
    // Somebody has removed it already, or nobody may.
  }
}

function releaseAll(): void {
  for (const lock of held.keys()) remove(lock);
}

/** One name for one file, also for a file that is about to be made. */
function realName(path: string): string {
  try {
    return fs.realpathSync(path);
  } catch {
    try {
      return join(fs.realpathSync(dirname(path)), basename(path));
    } catch {
      return path;
    }
  }
}

/** Locks an image for writing; returns how to unlock it. Throws HostError when it is taken. */
export function lockForWriting(path: string): () => void {
  const real = realName(path);
  const lock = join(dirname(real), `.${basename(real)}.lock`);
  const present = held.get(lock) ?? { owners: 0 };
  if (present.owners === 0) take(lock);
  present.owners++;
  held.set(lock, present);
  if (!isWatchingExit) {
    isWatchingExit = true;
    process.on('exit', releaseAll);
  }
  return () => {
    if (--present.owners > 0) return;
    held.delete(lock);
    if (ownerOf(lock) === process.pid) remove(lock);
  };
}
