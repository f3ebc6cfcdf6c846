/** Commands that export drives to NBD clients. */

import { UserError } from '../../error.ts';
import { bool, empty, int, optional, str, struct, type TypeOf, union } from '../../schema.ts';
import { action } from '../command.ts';
import type { NbdAddress } from '../vm.ts';

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

function addressOf(address: TypeOf<typeof ADDRESS>): NbdAddress {
  switch (address.type) {
    case 'unix':
      return { path: address.data.path };
    case 'inet': {
      const { host, port } = address.data;
      const number = Number(port);
      if (/^\d+$/.test(port) && number < 65536) return { host, port: number };
      throw new UserError(
        `address resolution failed for ${host}:${port}: Servname not supported for ai_socktype`,
      );
    }
    default:
      throw new UserError(`File descriptor named '${address.data.str}' has not been found`);
  }
}

export const nbdServerStart = action({
  name: 'nbd-server-start',
  doc: 'Listen for NBD clients.',
  args: struct('NbdStartArgs', { addr: ADDRESS }),
  run: (vm, { addr }) => vm.nbd.start(addressOf(addr)),
});

export const nbdServerAdd = action({
  name: 'nbd-server-add',
  doc: 'Export a drive under its name; without `writable` for reading only.',
  args: struct('NbdAddArgs', { device: str, writable: optional(bool) }),
  run(vm, { device, writable = false }) {
    vm.nbd.add(device, writable);
  },
});

export const nbdServerStop = action({
  name: 'nbd-server-stop',
  doc: 'Stop exporting drives.',
  args: empty,
  run(vm) {
    vm.nbd.stop();
  },
});
