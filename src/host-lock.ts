/**
 * Advisory locks of image files: what one process of this program has open, no other one writes to.
 *
 * Beside `a.img`, each process that has it open leaves a mark, `.a.img.lock.PID`, and the one that
 * may write to it the lock itself, `.a.img.lock`. Both hold the process's id and when it began, so
 * those of processes that are gone are recognised. Where no file can be made beside the image, and
 * for an image of several names, they are in the folder for temporary files, named by device and
 * inode. Not covered: names in other folders that are made while the image is open, processes on
 * other machines, in other name spaces of process ids.
 */

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { HostError } from './disk-host.ts';
import { fileName, namesIn, realName } from './host-names.ts';
import { forgetStored } from './host-stored.ts';

/** What this process has open under one name of locks. */
interface Held {
  readonly lock: string;
  openings: number;
  writers: number;
  /** There is a mark, so that others know. */
  marked: boolean;
}

const held = new Map<string, Held>();
/** Where the images that are open here lie; how often each is open. */
const openHere = new Map<string, number>();
/** The images are another process's: nothing is locked, so nothing may be written. */
let areHandedOver = false;
let isWatching = false;

/** When a process began, as the system counts it; empty where that cannot be known. */
function startOf(pid: number): string {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

let ownName: string | undefined;

function own(): string {
  ownName ??= `${process.pid} ${startOf(process.pid)}\n`;
  return ownName;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The process that a lock or mark belongs to; undefined when it is stale. */
function ownerOf(file: string): number | undefined {
  let text: string;
  try {
    text = fs.readFileSync(fileName(file), 'utf8');
  } catch {
    return undefined;
  }
  const [pid, start = ''] = text.trim().split(' ');
  const number = Number(pid);
  if (!Number.isInteger(number) || number <= 0 || !isAlive(number)) return undefined;
  return start === '' || start === startOf(number) ? number : undefined;
}

/** Node's own rmSync loads more than it needs for one file: 3 ms of each run of a tool. */
function remove(file: string): void {
  try {
    fs.unlinkSync(fileName(file));
  } catch {
    // Somebody has removed it already, or nobody may.
  }
}

/** A file that is there with all its bytes or not at all; undefined: none can be made there. */
function makeWhole(mark: string, lock: string): boolean | undefined {
  try {
    fs.linkSync(fileName(mark), fileName(lock));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
  }
  try {
    // A file system without hard links.
    fs.writeFileSync(fileName(lock), own(), { flag: 'wx' });
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EEXIST' ? false : undefined;
  }
}

/** Of several processes that find a stale lock only one removes it, and none a fresh one. */
function removeStale(mark: string, lock: string): void {
  const breaking = `${lock}.break`;
  if (makeWhole(mark, breaking) !== true) {
    if (ownerOf(breaking) === undefined) remove(breaking);
    else pause();
    return;
  }
  if (ownerOf(lock) === undefined) remove(lock);
  remove(breaking);
}

const TICK_MS = 20;
/** A tool that only looks at an image is done in less. */
const PATIENCE_MS = 400;

function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, TICK_MS);
}

const markOf = (lock: string): string => `${lock}.${process.pid}`;

function taken(owner: number, how: string): HostError {
  return new HostError('EAGAIN', `Failed to get "write" lock: process ${owner} has it${how}`);
}

/** Makes the mark; false where no file can be made. */
function mark(lock: string): boolean {
  try {
    // One that is there is of an earlier process with our id.
    fs.writeFileSync(fileName(markOf(lock)), own());
    return true;
  } catch {
    return false;
  }
}

/** Takes the lock, the mark being there. Throws HostError when another process has the image. */
function take(lock: string): void {
  for (let attempt = 0; attempt < 100; attempt++) {
    const made = makeWhole(markOf(lock), lock);
    if (made === undefined) return;
    if (made) break;
    const owner = ownerOf(lock);
    if (owner === process.pid) break;
    if (owner !== undefined) throw taken(owner, '');
    removeStale(markOf(lock), lock);
  }
  for (let waited = 0; ; waited += TICK_MS) {
    const reader = otherReader(lock);
    if (reader === undefined) return;
    if (waited >= PATIENCE_MS) {
      untake(lock);
      throw taken(reader, ' open');
    }
    pause();
  }
}

/** Another living process that has the image open; the marks of dead ones go. */
function otherReader(lock: string): number | undefined {
  const prefix = `${basename(lock)}.`;
  const folder = dirname(lock);
  for (const name of namesIn(folder)) {
    if (!name.startsWith(prefix) || !/^\d+$/.test(name.slice(prefix.length))) continue;
    const file = join(folder, name);
    const owner = ownerOf(file);
    if (owner === undefined) remove(file);
    else if (owner !== process.pid) return owner;
  }
  return undefined;
}

function untake(lock: string): void {
  if (ownerOf(lock) === process.pid) remove(lock);
}

function releaseAll(): void {
  for (const { lock, marked } of held.values()) {
    untake(lock);
    if (marked) remove(markOf(lock));
  }
}

/** Nothing stays behind when the program ends, also by a signal that nobody else handles. */
function watchTheEnd(): void {
  if (isWatching) return;
  isWatching = true;
  process.on('exit', releaseAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const onSignal = (): void => {
      if (process.listenerCount(signal) > 1) return;
      releaseAll();
      process.off(signal, onSignal);
      process.kill(process.pid, signal);
    };
    process.on(signal, onSignal);
  }
}

/** Where a file is, or will be. */
function realPath(path: string): string {
  try {
    return realName(path);
  } catch {
    // It is about to be made.
  }
  try {
    return join(realName(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

function lockBeside(path: string): string {
  const raw = (unit: string): string => `%${(unit.charCodeAt(0) & 0xff).toString(16)}`;
  const real = realPath(path).replace(/[\udc80-\udcff]/g, raw);
  return join(dirname(real), `.${basename(real)}.lock`);
}

function lockInTemporaryFolder(stat: fs.Stats): string {
  const folder = process.env['TMPDIR'] ?? '/tmp';
  return join(folder, `.tinamou-${stat.dev}-${stat.ino}.lock`);
}

/** Locks beside an image that was opened by another name, before it had this one. */
function locksOfOtherNames(path: string, stat: fs.Stats): string[] {
  const own = lockBeside(path);
  const folder = dirname(own);
  const locks = new Set<string>();
  for (const entry of fs.readdirSync(folder)) {
    const name = /^\.(.+)\.lock(?:\.\d+)?$/.exec(entry)?.[1];
    if (name === undefined) continue;
    const other = fs.statSync(join(folder, name), { throwIfNoEntry: false });
    if (other !== undefined && placeOf(other) === placeOf(stat))
      locks.add(lockBeside(join(folder, name)));
  }
  locks.delete(own);
  return [...locks];
}

/** Throws HostError when another process has the image; false when no lock can be made there. */
function hold(lock: string, writes: boolean): boolean {
  const present = held.get(lock) ?? { lock, openings: 0, writers: 0, marked: false };
  if (present.openings === 0 && !areHandedOver) present.marked = mark(lock);
  if (writes && present.writers === 0 && !areHandedOver) {
    try {
      if (present.marked) take(lock);
      else refuseTaken(lock);
    } catch (error) {
      if (present.openings === 0 && present.marked) remove(markOf(lock));
      throw error;
    }
  }
  present.openings++;
  if (writes) present.writers++;
  held.set(lock, present);
  watchTheEnd();
  return present.marked || areHandedOver;
}

/** Where we cannot lock, others may have done so. */
function refuseTaken(lock: string): void {
  const owner = ownerOf(lock);
  if (owner !== undefined && owner !== process.pid) throw taken(owner, '');
}

function letGo(lock: string, writes: boolean): void {
  const present = held.get(lock);
  if (present === undefined) return;
  if (writes && --present.writers === 0 && present.marked) untake(lock);
  if (--present.openings > 0) return;
  held.delete(lock);
  if (present.marked) remove(markOf(lock));
}

/**
 * Says that an image is open here; returns how to take that back. `stat` is the file's, undefined
 * for one that is yet to be made. Throws HostError when another process has it and either writes.
 */
export function claimImage(path: string, stat: fs.Stats | undefined, writes: boolean): () => void {
  const locks: string[] = [];
  const release = (): void => {
    for (const lock of locks.splice(0)) letGo(lock, writes);
  };
  const tryHold = (lock: string): boolean => {
    const made = hold(lock, writes);
    locks.push(lock);
    return made;
  };
  try {
    const beside = tryHold(lockBeside(path));
    if (stat !== undefined && (!beside || stat.nlink > 1)) tryHold(lockInTemporaryFolder(stat));
    if (stat !== undefined && stat.nlink > 1) locksOfOtherNames(path, stat).forEach(tryHold);
  } catch (error) {
    release();
    throw error;
  }
  return release;
}

const placeOf = (stat: fs.Stats): string => `${stat.dev}:${stat.ino}`;

/** Is this file open here, under whatever name? */
export function isOpenHere(stat: fs.Stats): boolean {
  return openHere.has(placeOf(stat));
}

/** Counts an opening; returns how to take it back. */
export function noteOpening(stat: fs.Stats): () => void {
  const place = placeOf(stat);
  openHere.set(place, (openHere.get(place) ?? 0) + 1);
  return () => {
    const left = (openHere.get(place) ?? 1) - 1;
    if (left > 0) openHere.set(place, left);
    else openHere.delete(place);
  };
}

/** Unlocks all images, and what is opened from now on: another process writes to them. */
export function handOverLocks(): void {
  areHandedOver = true;
  releaseAll();
  for (const present of held.values()) present.marked = false;
}

/** Locks them all; false if they are. Throws HostError when one is taken; then none is locked. */
export function takeBackLocks(): boolean {
  if (!areHandedOver) return false;
  try {
    for (const present of held.values()) {
      present.marked = mark(present.lock);
      if (present.writers === 0) continue;
      if (present.marked) take(present.lock);
      else refuseTaken(present.lock);
    }
    areHandedOver = false;
    forgetStored();
    return true;
  } catch (error) {
    handOverLocks();
    throw error;
  }
}
