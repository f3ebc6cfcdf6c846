/**
 * Character devices that lead to files, named pipes, UDP and pseudo-terminals.
 *
 * A pseudo-terminal needs a system call that Node does not have: the package node-pty makes it,
 * where it is installed. Host serial and parallel ports are not there.
 */

import * as dgram from 'node:dgram';
import * as fs from 'node:fs';
import { createRequire } from 'node:module';
import * as net from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { isatty, ReadStream } from 'node:tty';
import type { Char } from './char.ts';
import type { UdpSpec } from './chardev-spec.ts';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';
import { Intake, Outlet, type Post } from './host-intake.ts';
import { MAX_UNREAD, packagePath, printError, writeAll } from './host-main.ts';
import { fileName } from './host-names.ts';

export function openFileChar(char: Char, path: string): void {
  const fd = attempt(() => fs.openSync(fileName(path), 'w'));
  char.attach({
    write: bytes => writeAll(fd, bytes),
    close: () => fs.closeSync(fd),
  });
}

/** `PATH.in` and `PATH.out` as two pipes, or `PATH` as one for both. */
export function openPipeChar(char: Char, path: string, post: Post): void {
  const isPair = ['.in', '.out'].every(end => fs.existsSync(fileName(path + end)));
  // Nobody at the other end is waited for.
  const flags = fs.constants.O_RDWR | fs.constants.O_NONBLOCK;
  const output = attempt(() => fs.openSync(fileName(isPair ? `${path}.out` : path), flags));
  const input = isPair ? attempt(() => fs.openSync(fileName(`${path}.in`), flags)) : output;
  const stream = readStream(input);
  const intake = new Intake(char, post, stream);
  stream.on('data', (bytes: Buffer) => intake.take(bytes));
  stream.on('error', () => {});
  const outlet = outletOf(output, isPair ? undefined : stream, intake);
  char.attach({
    write: bytes => (outlet === undefined ? writeSome(output, bytes) : outlet.write(bytes)),
    accept: () => intake.accept(),
    isCongested: () => intake.isCongested,
    finish: async () => outlet?.finish(),
    close: () => {
      stream.destroy();
      if (outlet !== undefined) outlet.close();
      else if (isPair) fs.closeSync(output);
    },
  });
}

/** Somebody may only write: what he does not read hinders him late. */
const HOLD_AT = MAX_UNREAD / 2;

/** For a pipe, that may be full; undefined for what takes everything at once. */
function outletOf(fd: number, input: Readable | undefined, intake: Intake): Outlet | undefined {
  if (!fs.fstatSync(fd).isFIFO()) return undefined;
  if (input instanceof net.Socket) return new Outlet(input, intake, HOLD_AT);
  const stream = new net.Socket({ fd, readable: false, writable: true }).unref();
  stream.on('error', () => {});
  return new Outlet(stream, intake, HOLD_AT);
}

/** What a name leads to need not be a pipe: a file is read to its end. */
function readStream(fd: number): Readable {
  const status = fs.fstatSync(fd);
  if (isatty(fd)) return new ReadStream(fd).unref();
  if (!status.isFIFO()) return fs.createReadStream('', { fd });
  return new net.Socket({ fd, readable: true, writable: true }).unref();
}

/** To a file or a device. */
function writeSome(fd: number, bytes: Uint8Array): void {
  try {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
  } catch {
    // Full, or not to be written.
  }
}

/** Datagrams to one address, and whatever comes in. */
export async function openUdpChar(char: Char, spec: UdpSpec, post: Post): Promise<void> {
  const socket = dgram.createSocket('udp4');
  const intake = new Intake(char, post, { pause() {}, resume() {} });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', error => {
      reject(new UserError(`Failed to bind socket: ${toHostError(error).message}`));
    });
    socket.bind(spec.localPort, spec.localHost === '' ? undefined : spec.localHost, resolve);
  });
  socket.removeAllListeners('error');
  socket.on('error', () => {});
  // A device without room loses datagrams, as the net does.
  socket.on('message', bytes => {
    if (!intake.isFull) intake.take(bytes);
  });
  socket.unref();
  const host = spec.host === '' ? '127.0.0.1' : spec.host;
  char.attach({
    write(bytes) {
      // Nobody is at port 0, and Node asks nobody about it.
      if (spec.port !== 0) socket.send(bytes.slice(), spec.port, host);
    },
    accept: () => intake.accept(),
    close: () => socket.close(),
  });
}

/** What is needed of node-pty. */
interface PtyModule {
  open(options: { readonly cols: number; readonly rows: number }): {
    readonly master: Duplex;
    /** Read by the package itself, unless it is closed. */
    readonly slave: Duplex;
    readonly _pty: string;
  };
}

function loadPty(): PtyModule {
  try {
    return createRequire(packagePath('package.json'))('node-pty') as PtyModule;
  } catch {
    throw new UserError('a pseudo-terminal needs the package node-pty: npm install node-pty');
  }
}

/** Nothing is echoed; held open, so that the other end may come and go. */
function rawTerminal(name: string): ReadStream {
  const { O_RDWR, O_NOCTTY } = fs.constants;
  const stream = new ReadStream(fs.openSync(name, O_RDWR | O_NOCTTY));
  stream.on('error', () => {});
  stream.setRawMode(true);
  return stream;
}

/** Returns the terminal's name. */
export function openPtyChar(char: Char, post: Post): string {
  const terminal = loadPty().open({ cols: 80, rows: 25 });
  const { master, _pty: name } = terminal;
  const slave = rawTerminal(name);
  terminal.slave.destroy();
  master.setEncoding('latin1');
  const intake = new Intake(char, post, master);
  const outlet = new Outlet(master, intake);
  char.filename = `pty:${name}`;
  master.on('data', (text: string) => intake.take(Buffer.from(text, 'latin1')));
  master.on('error', () => {});
  char.attach({
    write: bytes => outlet.write(bytes),
    accept: () => intake.accept(),
    isCongested: () => intake.isCongested,
    finish: () => outlet.finish(),
    close: () => {
      master.destroy();
      slave.destroy();
    },
  });
  printError(`char device redirected to ${name} (label ${char.label})\n`);
  return name;
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new UserError(toHostError(error).message);
  }
}
