/**
 * Passwords for tools that nobody sits in front of: `--object secret`, as later versions of QEMU
 * have it. Not there: secrets that are themselves encrypted (`keyid`, `iv`).
 */

import { HostError } from '../../disk-host.ts';
import { splitOptions } from '../create-options.ts';
import { type Arguments, Failure, type Tool } from './tool.ts';

const KNOWN = new Set(['qom-type', 'id', 'data', 'file', 'format']);

/** `--object secret,id=ID,data=…` or `file=…`, and perhaps `format=base64`. */
export function readSecrets(tool: Tool, given: Arguments): void {
  for (const text of given.all('object')) {
    const pairs = splitOptions(text);
    const [first] = pairs;
    const values = new Map(first[1] === undefined ? pairs.slice(1) : pairs);
    const type = first[1] === undefined ? first[0] : values.get('qom-type');
    if (type !== 'secret') throw new Failure([`Unknown object type '${type ?? ''}'`]);
    const stranger = [...values.keys()].find(name => !KNOWN.has(name));
    if (stranger !== undefined) throw new Failure([`Parameter '${stranger}' is unexpected`]);
    const id = values.get('id');
    if (id === undefined) throw new Failure(["Parameter 'id' is missing"]);
    const bytes = trimEnd(contentOf(tool, values.get('data'), values.get('file')));
    tool.secrets.set(id, decoded(bytes, values.get('format') ?? 'raw'));
  }
}

function contentOf(tool: Tool, data: string | undefined, file: string | undefined): Uint8Array {
  if (data !== undefined && file === undefined) return new TextEncoder().encode(data);
  if (file === undefined || data !== undefined) {
    throw new Failure(["Must provide 'file' or 'data' to specify a secret"]);
  }
  try {
    return tool.host.readFile(file);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    throw new Failure([`Unable to read ${file}: ${error.message}`]);
  }
}

/** A file's one trailing newline is no part of the secret. */
function trimEnd(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 10 ? bytes.subarray(0, -1) : bytes;
}

function decoded(bytes: Uint8Array, format: string): Uint8Array {
  if (format === 'raw') return bytes;
  if (format !== 'base64') {
    throw new Failure([`Parameter 'format' does not accept value '${format}'`]);
  }
  try {
    return Uint8Array.from(atob(new TextDecoder('latin1').decode(bytes)), c => c.charCodeAt(0));
  } catch {
    throw new Failure(['Base64 data contains invalid characters']);
  }
}
