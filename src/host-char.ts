/**
 * Character devices that lead to files, named pipes and sockets.
 *
 * A TCP or UNIX server with `wait` lets the program start only when somebody has connected; one
 * peer at a time, and the next may come when it has gone. Telnet: options are answered, not used.
 */

import * as fs from 'node:fs';
import * as net from 'node:net';
import type { Char } from './char.ts';
import type { SocketSpec } from './chardev-spec.ts';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';
import { printError, writeAll } from './host-main.ts';

/** Hands input to the machine between instructions. */
export type Post = (deliver: () => void) => void;

export function openFileChar(char: Char, path: string): void {
  const fd = attempt(() => fs.openSync(path, 'w'));
  char.attach({
    write: bytes => writeAll(fd, bytes),
    close: () => fs.closeSync(fd),
  });
}

/** `PATH.in` and `PATH.out` as two pipes, or `PATH` as one for both. */
export function openPipeChar(char: Char, path: string, post: Post): void {
  const isPair = fs.existsSync(`${path}.in`) && fs.existsSync(`${path}.out`);
  const input = attempt(() => fs.openSync(isPair ? `${path}.in` : path, 'r+'));
  const output = isPair ? attempt(() => fs.openSync(`${path}.out`, 'r+')) : input;
  const stream = new net.Socket({ fd: input, readable: true, writable: false });
  stream.on('data', (bytes: Buffer) => post(() => char.deliver(bytes)));
  stream.on('error', () => {});
  stream.unref();
  char.attach({ write: bytes => writeAll(output, bytes), close: () => stream.destroy() });
}

function attempt<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new UserError(toHostError(error).message);
  }
}

/** Resolves when the device may be used. */
export async function openSocketChar(char: Char, spec: SocketSpec, post: Post): Promise<void> {
  const peer = new Peer(char, spec, post);
  char.attach(peer);
  if (!spec.server) {
    const socket = net.connect(where(spec));
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', error => reject(failure(error, 'connect')));
    });
    peer.take(socket);
    return;
  }
  const server = net.createServer(socket => peer.take(socket));
  removeStaleSocket(spec);
  await new Promise<void>((resolve, reject) => {
    server.once('error', error => reject(failure(error, 'bind')));
    server.listen(where(spec), resolve);
  });
  peer.server = server;
  if (!spec.wait) return;
  printError(`QEMU waiting for connection on: ${char.filename}\n`);
  await new Promise<void>(resolve => server.once('connection', () => resolve()));
}

function where(spec: SocketSpec): { path: string } | { host: string; port: number } {
  const { address } = spec;
  if (address.kind === 'unix') return { path: address.path };
  const host = address.host === '' ? (spec.server ? '0.0.0.0' : '127.0.0.1') : address.host;
  return { host, port: address.port };
}

function removeStaleSocket({ address }: SocketSpec): void {
  if (address.kind !== 'unix') return;
  try {
    if (fs.statSync(address.path).isSocket()) fs.unlinkSync(address.path);
  } catch {
    // Nothing is there.
  }
}

function failure(error: Error, what: 'connect' | 'bind'): UserError {
  const why = toHostError(error).message;
  return new UserError(`Failed to ${what} socket: ${why}`);
}

const FINISH_MS = 500;

class Peer {
  server: net.Server | undefined;
  private socket: net.Socket | undefined;
  /** Who came while somebody else was connected. */
  private readonly queue: net.Socket[] = [];
  private readonly telnet: TelnetFilter | undefined;
  private readonly name: string;

  constructor(
    private readonly char: Char,
    private readonly spec: SocketSpec,
    private readonly post: Post,
  ) {
    this.name = char.filename.replace(/^disconnected:/, '');
    this.telnet = spec.telnet ? new TelnetFilter() : undefined;
  }

  take(socket: net.Socket): void {
    if (this.socket !== undefined) {
      this.queue.push(socket);
      return;
    }
    this.socket = socket;
    this.char.filename = this.name;
    if (this.spec.telnet && this.spec.server) socket.write(TELNET_CHARACTER_MODE);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      const plain = this.telnet === undefined ? bytes : this.telnet.strip(bytes);
      this.post(() => this.char.deliver(plain));
    });
    socket.on('error', () => {});
    socket.on('close', () => this.drop());
    this.post(() => this.char.announce('opened'));
  }

  write(bytes: Uint8Array): void {
    // The device may reuse its buffer before the kernel has taken the bytes.
    this.socket?.write(bytes.slice());
  }

  close(): void {
    this.socket?.destroy();
    this.server?.close();
  }

  /** A reader that does not read is not waited for. */
  finish(): Promise<void> {
    const { socket } = this;
    if (socket === undefined) return Promise.resolve();
    return new Promise(resolve => {
      setTimeout(resolve, FINISH_MS);
      socket.end(resolve);
    });
  }

  private drop(): void {
    this.socket = undefined;
    this.char.filename = `disconnected:${this.name}`;
    this.post(() => this.char.announce('closed'));
    const next = this.queue.shift();
    if (next !== undefined) this.take(next);
  }
}

/** IAC WILL ECHO, WILL SUPPRESS-GO-AHEAD, WILL BINARY, DO BINARY (RFC 854, 856, 857, 858). */
const TELNET_CHARACTER_MODE = Uint8Array.of(255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0);
const IAC = 255;

/** Removes three-byte commands; IAC IAC is a byte 255. */
class TelnetFilter {
  private skip = 0;

  strip(bytes: Uint8Array): Uint8Array {
    const plain: number[] = [];
    for (const byte of bytes) {
      if (this.skip === 2) {
        this.skip = byte === IAC ? 0 : byte >= 251 ? 1 : 0;
        if (byte === IAC) plain.push(IAC);
      } else if (this.skip === 1) this.skip = 0;
      else if (byte === IAC) this.skip = 2;
      else plain.push(byte);
    }
    return Uint8Array.from(plain);
  }
}
