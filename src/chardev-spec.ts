/**
 * Where a character device leads, read from `-serial`, `-monitor` and their like (`file:x`,
 * `tcp:host:port,server`) or from `-chardev` and `chardev-add`.
 *
 * Not emulated: host serial and parallel ports, msmouse, braille, vnc consoles.
 */

import { UserError } from './error.ts';
import { readPort } from './inet.ts';
import { OptionList, splitOptions } from './options.ts';

interface Common {
  /** Several front ends may share it. */
  readonly mux: boolean;
}

export type CharSpec = Common &
  (
    | { readonly kind: 'null' }
    | { readonly kind: 'pty' }
    | ({ readonly kind: 'udp' } & UdpSpec)
    | { readonly kind: 'vc' }
    | { readonly kind: 'stdio'; readonly signal: boolean }
    | { readonly kind: 'file'; readonly path: string }
    | { readonly kind: 'pipe'; readonly path: string }
    | { readonly kind: 'ringbuf'; readonly size: number }
    | ({ readonly kind: 'socket' } & SocketSpec)
    /** Lets several front ends share another character device. */
    | { readonly kind: 'mux'; readonly base: string }
  );

export interface SocketSpec {
  readonly address:
    | { readonly kind: 'unix'; readonly path: string }
    | {
        readonly kind: 'tcp';
        readonly host: string;
        readonly port: number;
        /** The last port to try. */
        readonly to?: number;
      };
  readonly server: boolean;
  /** A server blocks until somebody connects. */
  readonly wait: boolean;
  readonly telnet: boolean;
  /** A client tries again so long after it lost its server; 0: never. */
  readonly reconnectSeconds: number;
}

export interface UdpSpec {
  readonly host: string;
  readonly port: number;
  readonly localHost: string;
  readonly localPort: number;
}

/** Of a ring buffer whose size nobody gives. */
export const RING_BYTES = 65536;

const BACKENDS = [
  'vc',
  'memory',
  'mux',
  'pipe',
  'console',
  'pty',
  'stdio',
  'file',
  'ringbuf',
  'udp',
  'socket',
  'null',
];

/** The backends there are, as query-chardev-backends lists them. */
export const CHAR_BACKENDS: readonly string[] = BACKENDS.filter(name => name !== 'console');

/** `stdio`, `file:x`, `mon:stdio`; undefined when it cannot be read. */
export function parseCharShorthand(text: string): CharSpec | undefined {
  if (text.startsWith('mon:')) {
    const inner = parseCharShorthand(text.slice(4));
    return inner === undefined ? undefined : { ...inner, mux: true };
  }
  const mux = false;
  if (text === 'null') return { kind: 'null', mux };
  if (text === 'vc' || text.startsWith('vc:')) return { kind: 'vc', mux };
  if (text === 'pty') return { kind: 'pty', mux };
  if (text === 'stdio') return { kind: 'stdio', signal: true, mux };
  if (text.startsWith('file:')) return { kind: 'file', path: text.slice(5), mux };
  if (text.startsWith('pipe:')) return { kind: 'pipe', path: text.slice(5), mux };
  if (text.startsWith('udp:')) return parseUdpShorthand(text);
  return parseSocketShorthand(text);
}

/** `udp:[host]:port[@[local]:port]`. */
function parseUdpShorthand(text: string): CharSpec | undefined {
  const match = /^udp:([^:@]*):([0-9]+)(?:@([^:]*):([0-9]+))?$/.exec(text);
  if (match === null) return undefined;
  const [, host, port, localHost, localPort] = match;
  return {
    kind: 'udp',
    mux: false,
    host,
    port: readPort(host, port),
    localHost: localHost ?? '',
    localPort: readPort(localHost ?? '', localPort ?? '0'),
  };
}

function parseSocketShorthand(text: string): CharSpec | undefined {
  const unix = /^unix:([^,]*)(.*)$/.exec(text);
  if (unix !== null) {
    const address = { kind: 'unix', path: unix[1] } as const;
    return { kind: 'socket', address, telnet: false, mux: false, ...waiting(unix[2]) };
  }
  const tcp = /^(tcp|telnet):([^,]*):([^:,]+)(.*)$/.exec(text);
  if (tcp === null) return undefined;
  const address = { kind: 'tcp', host: tcp[2], port: readPort(tcp[2], tcp[3]) } as const;
  const telnet = tcp[1] === 'telnet';
  return { kind: 'socket', address, telnet, mux: false, ...waiting(tcp[4]) };
}

function waiting(flags: string): Pick<SocketSpec, 'server' | 'wait' | 'reconnectSeconds'> {
  const list = new OptionList(splitOptions(flags.replace(/^,/, '')));
  const server = list.bool('server') ?? false;
  const reconnectSeconds = list.number('reconnect') ?? 0;
  return { server, wait: server && (list.bool('wait') ?? true), reconnectSeconds };
}

/** A `-chardev` list; its id is checked by the caller. */
export function readCharOptions(list: OptionList): CharSpec {
  if (list.id === undefined) throw new UserError('chardev: no id specified');
  const backend = list.get('backend') ?? '';
  if (!BACKENDS.includes(backend)) {
    throw new UserError(`chardev: backend "${backend}" not found`);
  }
  const mux = list.bool('mux') ?? false;
  switch (backend) {
    case 'stdio':
      return { kind: 'stdio', signal: list.bool('signal') ?? true, mux };
    case 'file':
    case 'pipe':
      return { kind: backend, path: needed(list, 'path', backend), mux };
    case 'ringbuf':
    case 'memory':
      return { kind: 'ringbuf', size: list.size('size') ?? RING_BYTES, mux };
    case 'pty':
      return { kind: 'pty', mux };
    case 'udp':
      return { kind: 'udp', mux, ...readUdp(list) };
    case 'socket':
      return { kind: 'socket', mux, ...readSocket(list) };
    case 'mux':
      return { kind: 'mux', base: needed(list, 'chardev', 'mux'), mux };
    case 'null':
      return { kind: 'null', mux };
    default:
      return { kind: 'vc', mux };
  }
}

function readSocket(list: OptionList): SocketSpec {
  const server = list.bool('server') ?? false;
  const wait = server && (list.bool('wait') ?? true);
  const telnet = list.bool('telnet') ?? false;
  const path = list.get('path');
  const reconnectSeconds = list.number('reconnect') ?? 0;
  const rest = { server, wait, telnet, reconnectSeconds };
  if (path !== undefined) return { address: { kind: 'unix', path }, ...rest };
  const host = list.get('host');
  if (host === undefined) throw new UserError('chardev: socket: no host given');
  const port = readPort(host, needed(list, 'port', 'socket'));
  return { address: { kind: 'tcp', host, port, to: list.number('to') }, ...rest };
}

function readUdp(list: OptionList): UdpSpec {
  const host = list.get('host') ?? '';
  const localHost = list.get('localaddr') ?? '';
  return {
    host,
    port: readPort(host, needed(list, 'port', 'udp')),
    localHost,
    localPort: readPort(localHost, list.get('localport') ?? '0'),
  };
}

function needed(list: OptionList, key: string, backend: string): string {
  const value = list.get(key);
  if (value !== undefined) return value;
  const what = key === 'path' ? 'no filename given' : `no ${key} given`;
  throw new UserError(`chardev: ${backend}: ${what}`);
}

/** As `info chardev` names it. */
export function charFilename(spec: CharSpec): string {
  if (spec.kind !== 'socket') return spec.kind;
  const { address, server } = spec;
  const where = address.kind === 'unix' ? `unix:${address.path}` : tcpName(spec);
  return `disconnected:${where}${server ? ',server' : ''}`;
}

function tcpName(spec: SocketSpec): string {
  if (spec.address.kind !== 'tcp') return '';
  const { host, port } = spec.address;
  return `${spec.telnet ? 'telnet' : 'tcp'}:${host}:${port}`;
}
