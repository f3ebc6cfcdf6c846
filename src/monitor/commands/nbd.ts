/** Commands that export drives to NBD clients. */

import { UserError } from '../../error.ts';
import { readPort } from '../../inet.ts';
import { bool, empty, optional, str, struct } from '../../schema.ts';
import { type SocketAddress, socketAddress } from '../chardev-backend.ts';
import { action } from '../command.ts';
import type { NbdAddress } from '../vm.ts';

function addressOf(address: SocketAddress): NbdAddress {
  switch (address.type) {
    case 'unix':
      return { path: address.data.path };
    case 'inet': {
      const { host, port } = address.data;
      return { host, port: readPort(host, port) };
    }
    default:
      throw new UserError(`File descriptor named '${address.data.str}' has not been found`);
  }
}

export const nbdServerStart = action({
  name: 'nbd-server-start',
  doc: 'Listen for NBD clients.',
  args: struct('NbdStartArgs', { addr: socketAddress }),
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
