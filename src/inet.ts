/** Addresses of TCP and UDP as users write them, and getaddrinfo(3)'s complaints about them. */

import { UserError } from './error.ts';

export const MAX_PORT = 65535;

/** Services have no names here, only numbers. Throws UserError. */
export function readPort(host: string, text: string): number {
  const port = /^[0-9]+$/.test(text) ? Number(text) : MAX_PORT + 1;
  if (port <= MAX_PORT) return port;
  throw unresolved(host, text, 'Servname not supported for ai_socktype');
}

export function unresolved(host: string, port: string, why: string): UserError {
  return new UserError(`address resolution failed for ${host}:${port}: ${why}`);
}
