/**
 * Where a machine's state goes to or comes from: `tcp:HOST:PORT`, `unix:PATH`, `exec:COMMAND`,
 * `fd:NUMBER`.
 */

import { UserError } from './error.ts';
import { readPort } from './inet.ts';

export type MigrationPlace =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'exec'; readonly command: string }
  | { readonly kind: 'fd'; readonly name: string };

/** Undefined when there is no such protocol. Throws UserError for an address that is none. */
export function parseMigrationUri(uri: string): MigrationPlace | undefined {
  const at = uri.indexOf(':');
  const rest = uri.slice(at + 1);
  switch (uri.slice(0, at + 1)) {
    case 'tcp:':
      return parseTcp(rest);
    case 'unix:':
      return { kind: 'unix', path: rest.replace(/,.*$/, '') };
    case 'exec:':
      return { kind: 'exec', command: rest };
    case 'fd:':
      return { kind: 'fd', name: rest };
    default:
      return undefined;
  }
}

function parseTcp(text: string): MigrationPlace {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):([^,]*)/.exec(text);
  if (match === null) throw new UserError(`error parsing address '${text}'`);
  const [, bracketed, plain, port] = match;
  const host = bracketed ?? plain;
  return { kind: 'tcp', host, port: readPort(host, port) };
}
