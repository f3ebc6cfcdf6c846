/**
 * Streams of machine states on Node: sockets, commands of the shell, open files.
 *
 * A command's other end of the pipe is the stream; what it writes beside it goes where ours goes.
 * It reads nothing of our standard input, which is the monitor's.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import * as fs from 'node:fs';
import * as net from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';
import type { MigrationPlace } from './migration-uri.ts';

/** Bytes that wait to be read, more or less. */
const READ_AHEAD = 4 << 20;

function failure(error: unknown, what: string): UserError {
  return new UserError(`${what}: ${toHostError(error).message}`);
}

function addressOf(place: MigrationPlace): net.TcpNetConnectOpts | net.IpcNetConnectOpts {
  if (place.kind === 'unix') return { path: place.path };
  if (place.kind !== 'tcp') throw new Error('a socket has an address');
  return { host: place.host === '' ? '127.0.0.1' : place.host, port: place.port };
}

/** Where the state of this machine goes. */
export class OutgoingStream {
  private failed: Error | undefined;
  private exited: Promise<number | null> = Promise.resolve(0);

  private constructor(private readonly stream: Writable) {
    stream.on('error', error => {
      this.failed ??= error;
    });
  }

  /** Throws UserError. */
  static async open(place: MigrationPlace): Promise<OutgoingStream> {
    switch (place.kind) {
      case 'exec': {
        const child = shell(place.command, 'pipe', 'inherit');
        if (child.stdin === null) throw new Error('a pipe leads to the command');
        const stream = new OutgoingStream(child.stdin);
        stream.exited = new Promise(resolve => child.once('close', resolve));
        return stream;
      }
      case 'fd':
        throw new UserError(`File descriptor named '${place.name}' has not been found`);
      default: {
        const socket = net.connect(addressOf(place));
        await new Promise<void>((resolve, reject) => {
          socket.once('connect', resolve);
          socket.once('error', error => reject(failure(error, 'Failed to connect socket')));
        });
        return new OutgoingStream(socket);
      }
    }
  }

  /** Throws UserError when nobody takes it. */
  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failed !== undefined) reject(failure(this.failed, 'write'));
      else {
        this.stream.write(bytes, error => {
          if (error == null) resolve();
          else reject(failure(error, 'write'));
        });
      }
    });
  }

  async finish(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.stream.once('error', error => reject(failure(error, 'close')));
      this.stream.end(() => resolve());
    });
    await this.exited;
    if (this.failed !== undefined) throw failure(this.failed, 'close');
  }

  destroy(): void {
    this.stream.destroy();
  }
}

function shell(command: string, stdin: 'pipe' | 'ignore', stdout: 'pipe' | 'inherit') {
  const child: ChildProcess = spawn('/bin/sh', ['-c', command], {
    stdio: [stdin, stdout, 'inherit'],
  });
  child.on('error', () => {});
  return child;
}

/** Where the state of this machine comes from. */
export class IncomingStream {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private isOver = false;
  private wanted: { length: number; satisfy: () => void } | undefined;

  private constructor(private readonly stream: Readable) {
    stream.on('data', (chunk: Uint8Array) => {
      this.chunks.push(chunk);
      this.length += chunk.length;
      if (this.length > READ_AHEAD) stream.pause();
      this.look();
    });
    const end = (): void => {
      this.isOver = true;
      this.look();
    };
    stream.on('end', end);
    stream.on('error', end);
    stream.on('close', end);
  }

  /**
   * Listens at once, and resolves when the stream is there; `ready` hears that it listens. Throws
   * UserError.
   */
  static async open(place: MigrationPlace, ready: () => void): Promise<IncomingStream> {
    if (place.kind === 'exec') {
      const child = shell(place.command, 'ignore', 'pipe');
      ready();
      if (child.stdout === null) throw new Error('a pipe comes from the command');
      return new IncomingStream(child.stdout);
    }
    if (place.kind === 'fd') {
      const fd = Number.parseInt(place.name, 10) || 0;
      ready();
      return new IncomingStream(fs.createReadStream('', { fd, autoClose: true }));
    }
    const server = net.createServer();
    const socket = new Promise<net.Socket>(resolve => server.once('connection', resolve));
    if (place.kind === 'unix') fs.rmSync(place.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(failure(error, 'Failed to bind socket')));
      server.listen(addressOf(place), resolve);
    });
    ready();
    const stream = new IncomingStream(await socket);
    server.close();
    return stream;
  }

  /** Undefined when less than `length` bytes are left. */
  read(length: number): Promise<Uint8Array | undefined> {
    return new Promise(resolve => {
      this.wanted = { length, satisfy: () => resolve(this.take(length)) };
      if (this.length < Math.max(length, READ_AHEAD)) this.stream.resume();
      this.look();
    });
  }

  close(): void {
    this.stream.destroy();
  }

  private look(): void {
    const { wanted } = this;
    if (wanted === undefined || (this.length < wanted.length && !this.isOver)) return;
    this.wanted = undefined;
    wanted.satisfy();
  }

  private take(length: number): Uint8Array | undefined {
    if (this.length < length) return undefined;
    const all = this.chunks.length === 1 ? this.chunks[0] : Buffer.concat(this.chunks);
    this.chunks.splice(0, this.chunks.length, all.subarray(length));
    this.length -= length;
    // Not as a Buffer, whose slices are no copies.
    return new Uint8Array(all.buffer, all.byteOffset, length);
  }
}
