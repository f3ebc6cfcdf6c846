/**
 * Character devices that are TCP and UNIX sockets, servers and clients.
 *
 * A server with `wait` lets the program start only when somebody has connected. One peer at a time;
 * the next may come when it has gone. A client whose server goes away connects again after
 * `reconnect` seconds. Telnet: the server asks for single characters, and what the client says to
 * it is not used, a break apart.
 */

import * as fs from 'node:fs';
import * as net from 'node:net';
import { dirname } from 'node:path';
import type { Char } from './char.ts';
import type { SocketSpec } from './chardev-spec.ts';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';
import { Intake, Outlet, type Post } from './host-intake.ts';
import { FINISH_MS, printError } from './host-main.ts';
import { MAX_PORT, unresolved } from './inet.ts';

/** Resolves when the device may be used. */
export async function openSocketChar(char: Char, spec: SocketSpec, post: Post): Promise<void> {
  const peer = new Peer(char, spec, post);
  char.attach(peer);
  if (spec.server) await listen(peer, char, spec);
  else if (spec.reconnectSeconds > 0) peer.reconnect();
  else await connect(peer, spec);
}

async function connect(peer: Peer, spec: SocketSpec): Promise<void> {
  const socket = net.connect({ ...where(spec), allowHalfOpen: true });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', error => reject(failure(error, 'connect', spec)));
  });
  peer.take(socket);
}

async function listen(peer: Peer, char: Char, spec: SocketSpec): Promise<void> {
  const server = net.createServer({ pauseOnConnect: true, allowHalfOpen: true }, socket =>
    peer.take(socket),
  );
  removeStaleSocket(spec);
  await bind(server, spec);
  peer.server = server;
  if (!spec.wait) return;
  printError(`QEMU waiting for connection on: ${char.filename}\n`);
  await new Promise<void>(resolve => server.once('connection', () => resolve()));
}

/** With `to`, the first free port of a range. */
async function bind(server: net.Server, spec: SocketSpec): Promise<void> {
  const { address } = spec;
  const last = address.kind === 'tcp' ? Math.min(address.to ?? address.port, MAX_PORT) : 0;
  for (let skip = 0; ; skip++) {
    try {
      await bindOnce(server, where(spec, skip));
      return;
    } catch (error) {
      const isLast = address.kind !== 'tcp' || address.port + skip >= last;
      if (isLast) throw failure(error as Error, 'bind', spec);
    }
  }
}

function bindOnce(server: net.Server, place: net.ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(place, () => {
      server.off('error', reject);
      // One client more or less that cannot be accepted is no reason to end.
      server.on('error', () => {});
      resolve();
    });
  });
}

function where(spec: SocketSpec, skip = 0): { path: string } | { host: string; port: number } {
  const { address } = spec;
  if (address.kind === 'unix') return { path: address.path };
  const host = address.host === '' ? (spec.server ? '0.0.0.0' : '127.0.0.1') : address.host;
  return { host, port: address.port + skip };
}

function removeStaleSocket({ address }: SocketSpec): void {
  if (address.kind !== 'unix') return;
  try {
    if (fs.statSync(address.path).isSocket()) fs.unlinkSync(address.path);
  } catch {
    // Nothing is there.
  }
}

function failure(
  error: NodeJS.ErrnoException,
  what: 'connect' | 'bind',
  { address }: SocketSpec,
): UserError {
  const { kind } = address;
  if (kind === 'tcp' && error.syscall === 'getaddrinfo') {
    return unresolved(address.host, String(address.port), 'Name or service not known');
  }
  const isMissing = kind === 'unix' && error.code === 'EACCES' && !isFolder(address.path);
  const why = toHostError(isMissing ? { code: 'ENOENT' } : error).message;
  return new UserError(`Failed to ${what} socket: ${why}`);
}

/** Node says EACCES, too, where there is no folder for a socket. */
const isFolder = (path: string): boolean => fs.existsSync(dirname(path));

/** Clients that wait for their turn. */
const MAX_QUEUE = 64;

class Peer {
  server: net.Server | undefined;
  private socket: net.Socket | undefined;
  private intake: Intake | undefined;
  private outlet: Outlet | undefined;
  /** Who came while somebody else was connected. */
  private queue: net.Socket[] = [];
  private telnet = new TelnetFilter();
  private readonly name: string;
  private isClosed = false;
  /** The last client is gone, and the device does not know it yet. */
  private isLeaving = false;
  /** It sends nothing more, and not all that it sent has been used. */
  private isGone = false;

  constructor(
    private readonly char: Char,
    private readonly spec: SocketSpec,
    private readonly post: Post,
  ) {
    this.name = char.filename.replace(/^disconnected:/, '');
  }

  take(socket: net.Socket): void {
    socket.on('error', () => {});
    if (this.socket !== undefined || this.isLeaving) {
      if (this.queue.length >= MAX_QUEUE) socket.destroy();
      else this.queue.push(socket);
      this.post(() => this.makeWay());
      return;
    }
    this.socket = socket;
    this.char.filename = this.connectedName(socket);
    const intake = new Intake(this.char, this.post, socket);
    this.intake = intake;
    this.outlet = new Outlet(socket, intake);
    this.telnet = new TelnetFilter();
    if (this.spec.telnet && this.spec.server) socket.write(TELNET_CHARACTER_MODE);
    socket.setNoDelay(true);
    socket.on('data', (bytes: Buffer) => {
      for (const part of this.spec.telnet ? this.telnet.parts(bytes) : [bytes]) {
        if (part !== 'break') intake.take(part);
        else intake.mark(() => this.char.announce('break'));
      }
    });
    // Who asked, and says that this was all, still gets the answers.
    const farewell = (): void => {
      socket.end();
    };
    socket.on('end', () => {
      this.isGone = true;
      intake.mark(farewell);
      this.post(() => this.makeWay());
    });
    socket.on('close', () => {
      // Nobody is left for it, nor for what a command that goes on for ever still has to say.
      intake.unmark(farewell);
      this.drop(intake);
    });
    socket.resume();
    this.post(() => this.char.announce('opened'));
  }

  write(bytes: Uint8Array): void {
    this.outlet?.write(bytes);
  }

  accept(): void {
    this.intake?.accept();
  }

  isCongested(): boolean {
    return this.intake?.isCongested === true;
  }

  close(): void {
    this.isClosed = true;
    this.socket?.destroy();
    for (const waiting of this.queue) waiting.destroy();
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

  /** Tries until somebody is there. */
  reconnect(): void {
    const socket = net.connect({ ...where(this.spec), allowHalfOpen: true });
    socket.once('connect', () => this.take(socket));
    socket.once('error', () => {
      setTimeout(() => this.reconnect(), this.spec.reconnectSeconds * 1000).unref();
    });
  }

  private connectedName(socket: net.Socket): string {
    const { address, server } = this.spec;
    if (address.kind === 'unix') return this.name;
    const { localAddress, localPort, remoteAddress, remotePort } = socket;
    const here = `${bracketed(localAddress)}:${localPort}${server ? ',server' : ''}`;
    const there = `${bracketed(remoteAddress)}:${remotePort}`;
    return `${this.spec.telnet ? 'telnet' : 'tcp'}:${here} <-> ${there}`;
  }

  /**
   * What it sent last is still used; then its place is free. A guest that does not listen is waited
   * for until the next client comes.
   */
  private drop(intake: Intake): void {
    if (this.isClosed || this.intake !== intake) return;
    if (intake.isEmpty) {
      this.leave();
      return;
    }
    this.isGone = true;
    intake.onEmpty = () => this.drop(intake);
    intake.hold(false);
    this.makeWay();
  }

  private makeWay(): void {
    if (this.isGone && this.queue.length > 0 && this.intake?.isStuck) this.leave();
  }

  private leave(): void {
    this.isGone = false;
    this.intake?.discard();
    this.socket?.destroy();
    this.socket = undefined;
    this.intake = undefined;
    this.outlet = undefined;
    this.char.filename = `disconnected:${this.name}`;
    this.isLeaving = true;
    this.post(() => {
      // None of it is the next client's, and no late answer is.
      this.char.forget();
      this.char.announce('closed');
      this.isLeaving = false;
      this.next();
    });
  }

  private next(): void {
    const next = this.queue.shift();
    if (next !== undefined) this.take(next);
    else if (this.spec.reconnectSeconds > 0) {
      setTimeout(() => this.reconnect(), this.spec.reconnectSeconds * 1000).unref();
    }
  }
}

/** The colons of an IPv6 address are none of a port. */
const bracketed = (address = ''): string => (address.includes(':') ? `[${address}]` : address);

/** IAC WILL ECHO, WILL SUPPRESS-GO-AHEAD, WILL BINARY, DO BINARY (RFC 854, 856, 857, 858). */
const TELNET_CHARACTER_MODE = Uint8Array.of(255, 251, 1, 255, 251, 3, 255, 251, 0, 255, 253, 0);
const IAC = 255;
const BREAK = 243;
const WILL = 251;

/** Removes commands of two and three bytes; IAC IAC is a byte 255, IAC BREAK one on the line. */
class TelnetFilter {
  private skip = 0;

  parts(bytes: Uint8Array): (Uint8Array | 'break')[] {
    const parts: (Uint8Array | 'break')[] = [];
    let plain: number[] = [];
    const end = (): void => {
      if (plain.length > 0) parts.push(Uint8Array.from(plain));
      plain = [];
    };
    for (const byte of bytes) {
      if (this.skip === 2) {
        this.skip = byte >= WILL && byte !== IAC ? 1 : 0;
        if (byte === IAC) plain.push(IAC);
        if (byte !== BREAK) continue;
        end();
        parts.push('break');
      } else if (this.skip === 1) this.skip = 0;
      else if (byte === IAC) this.skip = 2;
      else plain.push(byte);
    }
    end();
    return parts;
  }
}
