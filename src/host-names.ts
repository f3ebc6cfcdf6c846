/**
 * Names as the system has them: bytes, in words of the command line and of files. Inside they are
 * text, a byte that is no UTF-8 being one code unit (utf8.ts), and here they become bytes again.
 *
 * Node gives the words of the command line decoded, such bytes lost; where the system has the words
 * in /proc they are taken from there. Elsewhere, and in names of sockets, they stay lost.
 */

import * as fs from 'node:fs';
import { fromUtf8, toUtf8 } from './utf8.ts';

const LOST = '\ufffd';
const RAW = /[\udc80-\udcff]/;

/** What Node's calls take for a file of this name. */
export function fileName(name: string): string | Buffer {
  return RAW.test(name) ? Buffer.from(toUtf8(name)) : name;
}

/** The name behind a symbolic link, of a file that is there. */
export function realName(name: string): string {
  if (!RAW.test(name)) return fs.realpathSync(name);
  return fromUtf8(fs.realpathSync.native(fileName(name), 'buffer'));
}

export function namesIn(folder: string): string[] {
  return fs.readdirSync(fileName(folder), { encoding: 'buffer' }).map(fromUtf8);
}

/** The words behind the program's name. */
export function commandWords(): readonly string[] {
  const words = process.argv.slice(2);
  if (!words.some(word => word.includes(LOST))) return words;
  let line: Buffer;
  try {
    line = fs.readFileSync('/proc/self/cmdline');
  } catch {
    return words;
  }
  const all = fromUtf8(line).split('\0').slice(0, -1);
  return all.slice(all.length - words.length);
}

/** For terminals and pipes. */
export function textBytes(text: string): Uint8Array {
  return RAW.test(text) ? toUtf8(text) : Buffer.from(text);
}
