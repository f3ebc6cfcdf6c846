/**
 * What `chardev-add` takes, as QAPI's `ChardevBackend` has it, and what it means. Its defaults
 * differ from those of `-chardev`: sockets listen unless told otherwise, and wait for nobody.
 *
 * Not here: host serial and parallel ports.
 */

import { CHAR_BACKENDS, type CharSpec, RING_BYTES, type SocketSpec } from '../chardev-spec.ts';
import { UserError } from '../error.ts';
import { readPort } from '../inet.ts';
import { bool, int, optional, type Schema, str, struct, type TypeOf, union } from '../schema.ts';

const dummy = struct('ChardevDummy', {});

const inet = struct('InetSocketAddress', {
  host: str,
  port: str,
  to: optional(int),
  ipv4: optional(bool),
  ipv6: optional(bool),
});

export const socketAddress = union('SocketAddress', {
  inet,
  unix: struct('UnixSocketAddress', { path: str }),
  fd: struct('String', { str }),
});

const socket = struct('ChardevSocket', {
  addr: socketAddress,
  server: optional(bool),
  wait: optional(bool),
  nodelay: optional(bool),
  telnet: optional(bool),
  reconnect: optional(int),
});

const ring = struct('ChardevRingbuf', { size: optional(int) });

const ofKind = union('ChardevBackend', {
  null: dummy,
  pty: dummy,
  file: struct('ChardevFile', { in: optional(str), out: str }),
  pipe: struct('ChardevHostdev', { device: str }),
  socket,
  udp: struct('ChardevUdp', { remote: socketAddress, local: optional(socketAddress) }),
  mux: struct('ChardevMux', { chardev: str }),
  stdio: struct('ChardevStdio', { signal: optional(bool) }),
  vc: struct('ChardevVC', {
    width: optional(int),
    height: optional(int),
    cols: optional(int),
    rows: optional(int),
  }),
  ringbuf: ring,
  memory: ring,
});

type Backend = TypeOf<typeof ofKind>;
export type SocketAddress = TypeOf<typeof socketAddress>;

/** A kind that is not here is refused by its name, whatever its data are. */
export const chardevBackend: Schema<Backend> = {
  ...ofKind,
  parse(value, parameter) {
    const { type } = Object(value) as { readonly type?: unknown };
    if (typeof type === 'string' && !CHAR_BACKENDS.includes(type)) {
      throw new UserError(`chardev: backend "${type}" not found`);
    }
    return ofKind.parse(value, parameter);
  },
};

export function charSpec(backend: Backend): CharSpec {
  const mux = false;
  switch (backend.type) {
    case 'file':
      return { kind: 'file', path: backend.data.out, mux };
    case 'pipe':
      return { kind: 'pipe', path: backend.data.device, mux };
    case 'mux':
      return { kind: 'mux', base: backend.data.chardev, mux };
    case 'stdio':
      return { kind: 'stdio', signal: backend.data.signal ?? true, mux };
    case 'ringbuf':
    case 'memory':
      return { kind: 'ringbuf', size: backend.data.size ?? RING_BYTES, mux };
    case 'socket':
      return { kind: 'socket', mux, ...socketSpec(backend.data) };
    case 'udp': {
      const { remote, local } = backend.data;
      const { host, port } = inetPlace(remote);
      const from = local === undefined ? { host: '', port: 0 } : inetPlace(local);
      return { kind: 'udp', mux, host, port, localHost: from.host, localPort: from.port };
    }
    default:
      return { kind: backend.type, mux };
  }
}

function socketSpec(data: TypeOf<typeof socket>): SocketSpec {
  const server = data.server ?? true;
  const rest = {
    server,
    wait: server && (data.wait ?? false),
    telnet: data.telnet ?? false,
    reconnectSeconds: data.reconnect ?? 0,
  };
  const { addr } = data;
  if (addr.type === 'unix') return { address: { kind: 'unix', path: addr.data.path }, ...rest };
  return { address: { kind: 'tcp', ...inetPlace(addr) }, ...rest };
}

function inetPlace(addr: SocketAddress): {
  readonly host: string;
  readonly port: number;
  readonly to?: number;
} {
  if (addr.type === 'fd') {
    throw new UserError(`No file descriptor named ${addr.data.str} found`);
  }
  if (addr.type === 'unix') throw new UserError('remote and local addr must be INET');
  const { host, port, to } = addr.data;
  return { host, port: readPort(host, port), to };
}
