/**
 * Words of the host that need not be UTF-8: arguments and names of files, byte for byte (utf8.ts).
 */

import * as fs from 'node:fs';
import { fromUtf8, toUtf8 } from './utf8.ts';

const RAW = /[\udc80-\udcff]/;

/** As Node's calls take the name of a file. */
export function hostPath(path: string): string | Buffer {
  return RAW.test(path) ? Buffer.from(toUtf8(path)) : path;
}

/** The program's arguments. Node has replaced what is not UTF-8; the system still knows it. */
export function givenArguments(): readonly string[] {
  const words = process.argv.slice(2);
  if (!words.some(word => word.includes('\ufffd'))) return words;
  try {
    const all = fs.readFileSync('/proc/self/cmdline');
    const found: string[] = [];
    for (let at = 0; at < all.length; ) {
      const end = all.indexOf(0, at);
      found.push(fromUtf8(all.subarray(at, end)));
      at = end + 1;
    }
    return found.slice(found.length - words.length);
  } catch {
    return words;
  }
}
