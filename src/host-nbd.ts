/**
 * A listening socket for clients of a protocol: each is handed on as a way to send and to end.
 */

import * as net from 'node:net';
import { UserError } from './error.ts';
import { toHostError } from './host-errno.ts';

export type ListenAddress =
  | { readonly path: string }
  | { readonly host: string; readonly port: number };

export interface HostPeer {
  send(bytes: Uint8Array): void;
  end(): void;
}

/** What becomes of a client. */
export interface HostClient {
  take(bytes: Uint8Array): void;
  gone(): void;
}

/** Returns the way to stop. Throws UserError. */
export function listen(
  address: ListenAddress,
  accept: (peer: HostPeer) => HostClient,
): Promise<() => void> {
  return new Promise((resolve, reject) => {
    const server = net.createServer(socket => {
      const client = accept({
        send: bytes => {
          socket.write(bytes);
        },
        end: () => socket.end(),
      });
      socket.on('data', (bytes: Buffer) => client.take(bytes));
      socket.on('close', () => client.gone());
      socket.on('error', () => {});
      socket.unref();
    });
    server.unref();
    server.once('error', error => {
      reject(new UserError(`Failed to bind socket: ${toHostError(error).message}`));
    });
    server.listen('path' in address ? { path: address.path } : address, () =>
      resolve(() => server.close()),
    );
  });
}
