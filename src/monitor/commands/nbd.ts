/** Commands that export drives to NBD clients. */

import { UserError } from '../../error.ts';
import { bool, empty, int, optional, str, struct, union } from '../../schema.ts';
import { command, NOTHING } from '../command.ts';

const ADDRESS = union('SocketAddress', {
  inet: struct('InetSocketAddress', {
    host: str,
    port: str,
    to: optional(int),
    ipv4: optional(bool),
    ipv6: optional(bool),
  }),
  unix: struct('UnixSocketAddress', { path: str }),
  fd: struct('String', { str }),
});

const NOT_THERE = 'this feature or command is not currently supported';

export const nbdServerStart = command({
  name: 'nbd-server-start',
  doc: 'Listen for NBD clients: not there yet.',
  args: struct('NbdStartArgs', { addr: ADDRESS }),
  returns: empty,
  run() {
    throw new UserError(NOT_THERE);
  },
});

export const nbdServerAdd = command({
  name: 'nbd-server-add',
  doc: 'Export a drive under its name.',
  args: struct('NbdAddArgs', { device: str, writable: optional(bool) }),
  returns: empty,
  run() {
    throw new UserError('NBD server not running');
  },
});

export const nbdServerStop = command({
  name: 'nbd-server-stop',
  doc: 'Stop exporting drives.',
  args: empty,
  returns: empty,
  run: () => NOTHING,
});
