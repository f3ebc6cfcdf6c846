/**
 * The program's surroundings on Node: its name and arguments, its exit, signals, files by name.
 *
 * Kept small: it is loaded before the first prompt can appear.
 */

import * as fs from 'node:fs';
import type { Socket } from 'node:net';
import { HostError } from './disk-host.ts';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';
import { commandWords, fileName, namesIn, textBytes } from './host-names.ts';
import { CommandLineError } from './options.ts';

/** The name the program was called by, as messages show it. */
export function programName(): string {
  const path = process.argv[1] ?? 'tinamou';
  return path.slice(path.lastIndexOf('/') + 1);
}

export function programArguments(): readonly string[] {
  return commandWords();
}

export const processId = process.pid;

/** Our own files: `roms/bios.bin` and the like, beside `dist/`. */
export function packagePath(name: string): string {
  return `${import.meta.dirname}/../${name}`;
}

/** Writes all of `bytes`, waiting while a pipe is full. A reader that went away is no error. */
export function writeAll(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(fd, bytes, done);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'EAGAIN') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** What a reader that never reads may cost; more is lost. */
export const MAX_UNREAD = 4 * 1024 * 1024;
/** How long the end waits for readers. */
export const FINISH_MS = 500;
let outPipe: Socket | TerminalOutput | undefined;
const reliefs: (() => void)[] = [];

/** From soon on a reader who does not read stdout stops nobody; the prompt does not wait for it. */
export function openOutput(): void {
  if (isTerminal(1)) outPipe = TerminalOutput.open();
  const status = fs.fstatSync(1);
  if (!status.isFIFO() && !status.isSocket()) return;
  setImmediate(async () => {
    const { Socket } = await import('node:net');
    const pipe = new Socket({ fd: 1, readable: false, writable: true });
    pipe.on('error', () => {});
    pipe.on('drain', relieve);
    outPipe = pipe;
  });
}

function relieve(): void {
  for (const call of reliefs) call();
}

/** Until a full terminal is tried again: soon while somebody reads it. */
const SOON_MS = 1;
const LATER_MS = 20;

/** A terminal, opened once more so that writing to it does not wait; Node's own way does. */
class TerminalOutput {
  writableLength = 0;
  private readonly waiting: Uint8Array[] = [];

  private constructor(private readonly fd: number) {}

  /** Undefined where terminals cannot be opened by their number. */
  static open(): TerminalOutput | undefined {
    const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = fs.constants;
    try {
      return new TerminalOutput(fs.openSync('/proc/self/fd/1', O_WRONLY | O_NONBLOCK | O_NOCTTY));
    } catch {
      return undefined;
    }
  }

  write(bytes: Uint8Array): void {
    this.waiting.push(bytes);
    this.writableLength += bytes.length;
    if (this.waiting.length === 1) this.flush();
  }

  private flush(): void {
    for (let [first] = this.waiting; first !== undefined; [first] = this.waiting) {
      const done = this.tryWrite(first);
      this.writableLength -= done;
      if (done === first.length) this.waiting.shift();
      else {
        this.waiting[0] = first.subarray(done);
        setTimeout(
          () => {
            this.flush();
            if (this.writableLength === 0) relieve();
          },
          done > 0 ? SOON_MS : LATER_MS,
        );
        return;
      }
    }
  }

  /** A terminal that is gone takes everything. */
  private tryWrite(bytes: Uint8Array): number {
    try {
      return fs.writeSync(this.fd, bytes);
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EAGAIN' ? 0 : bytes.length;
    }
  }
}

export function writeOut(bytes: Uint8Array): void {
  if (outPipe === undefined) writeAll(1, bytes);
  else if (outPipe.writableLength < MAX_UNREAD) outPipe.write(bytes.slice());
}

/** Bytes that wait for the reader of stdout. */
export function unreadOutput(): number {
  return outPipe?.writableLength ?? 0;
}

/** Calls back whenever the reader of stdout has caught up. */
export function onOutputRead(call: () => void): void {
  reliefs.push(call);
}

/** Resolves when all output has left, or when nobody seems to read it. */
export async function finishOutput(): Promise<void> {
  const end = performance.now() + FINISH_MS;
  while (unreadOutput() > 0 && performance.now() < end) {
    await new Promise(resolve => setTimeout(resolve, 1));
  }
}

export function printOut(text: string): void {
  writeOut(textBytes(text));
}

export function printError(text: string): void {
  writeAll(2, textBytes(text));
}

/** Ends the program; terminals are put back first by what `onExit` was given. */
export function exit(status: number): never {
  process.exit(status);
}

export function onExit(restore: () => void): void {
  process.on('exit', restore);
}

/** SIGINT, SIGTERM and SIGHUP ask the program to end. */
export function onTermination(ask: (signal: number) => void): void {
  for (const [name, number] of [
    ['SIGHUP', 1],
    ['SIGINT', 2],
    ['SIGTERM', 15],
  ] as const) {
    process.on(name, () => ask(number));
  }
}

/** Throws HostError. */
export function readFile(path: string): Uint8Array {
  try {
    return fs.readFileSync(fileName(path));
  } catch (error) {
    throw toHostError(error);
  }
}

export function fileExists(path: string): boolean {
  return fs.existsSync(fileName(path));
}

/** Creates or empties a file; a pipe that nobody reads is refused, and not waited for. */
function openForWriting(path: string): number {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK = 0 } = fs.constants;
  try {
    return fs.openSync(fileName(path), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, 0o666);
  } catch (error) {
    throw toHostError(error);
  }
}

/** While a pipe is full. */
const FULL_PIPE_MS = 5;

/** Writes all of it, others going on meanwhile. Rejects with HostError. */
async function writeAside(fd: number, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const [error, count] = await new Promise<[NodeJS.ErrnoException | null, number]>(resolve =>
      fs.write(fd, bytes, done, bytes.length - done, null, (...outcome) => {
        resolve([outcome[0], outcome[1]]);
      }),
    );
    if (error === null) done += count;
    else if (error.code !== 'EAGAIN') throw toHostError(error);
    else await new Promise(resolve => setTimeout(resolve, FULL_PIPE_MS));
  }
}

/**
 * Chunks are asked for one by one, when the one before is written. Rejects with UserError as the
 * monitor prints it when there can be no such file, with HostError when it cannot be written.
 */
export async function writeFile(path: string, chunks: Iterable<Uint8Array>): Promise<void> {
  let fd: number;
  try {
    fd = openForWriting(path);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new UserError(`Could not open '${path}': ${error.message}`);
  }
  try {
    for (const chunk of chunks) await writeAside(fd, chunk);
  } finally {
    fs.closeSync(fd);
  }
}

/** Throws CommandLineError as the program prints it. */
export function writePidFile(path: string): void {
  try {
    fs.writeFileSync(fileName(path), `${process.pid}\n`);
  } catch (error) {
    throw new CommandLineError(`Could not acquire pid file: ${toHostError(error).message}`, null);
  }
}

/** Throws CommandLineError as the program prints it. */
export function readConfigText(path: string): string {
  try {
    return fs.readFileSync(fileName(path), 'utf8');
  } catch (error) {
    throw new CommandLineError(`read config ${path}: ${toHostError(error).message}`, null);
  }
}

function isFolder(path: string): boolean {
  try {
    return fs.statSync(fileName(path)).isDirectory();
  } catch {
    // A link to nowhere.
    return false;
  }
}

/** The locks of images (host-lock.ts) are nothing to choose. */
const LOCK = /^\..+\.lock(\.\d+)?$/;

/** Names in the folder of `prefix` that begin like it; folders end in a slash. */
export function completePath(prefix: string): string[] {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const start = prefix.slice(folder.length);
  try {
    return namesIn(folder === '' ? '.' : folder)
      .filter(name => name.startsWith(start) && !LOCK.test(name))
      .map(name => `${folder}${name}${isFolder(folder + name) ? '/' : ''}`);
  } catch {
    return [];
  }
}

/** A sink for log lines; throws HostError when the file cannot be made. */
export function openLog(path: string | undefined): (text: string) => void {
  if (path === undefined) return printError;
  const fd = openForWriting(path);
  return text => writeAll(fd, textBytes(text));
}

/** Node's own streams are asked only for what may be a terminal: making them takes 4 ms. */
export function isTerminal(fd: 0 | 1): boolean {
  try {
    if (!fs.fstatSync(fd).isCharacterDevice()) return false;
  } catch {
    return false;
  }
  return fd === 0 ? process.stdin.isTTY === true : process.stdout.isTTY === true;
}

/** Resolves when all input that is there has been read. */
export function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

export function millisecondsSinceStart(): number {
  return performance.now();
}

/** `127.0.0.1`-style seconds since 1970, for the real-time clock's base. */
export function secondsSince1970(): number {
  return Math.floor(Date.now() / 1000);
}

/** A moment in local time, as `20150310123045`. */
export function localStamp(secondsSince1970: number): string {
  const local = new Date((secondsSince1970 + localOffsetSeconds()) * 1000);
  return local.toISOString().slice(0, 19).replace(/[-:T]/g, '');
}

/** Seconds that local time is ahead of UTC now. */
export function localOffsetSeconds(): number {
  return -new Date().getTimezoneOffset() * 60;
}
