/**
 * Text of bytes that are UTF-8 as a rule: a byte that is not becomes the code unit DC00h + byte,
 * which no text has there, so that all bytes come back as they were. Users' words pass through
 * here: of passwords, each byte counts.
 */

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();
const RAW = 0xdc00;

export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch {
    let text = '';
    for (let at = 0; at < bytes.length; ) {
      const length = sequenceLength(bytes, at);
      text +=
        length === 0
          ? String.fromCharCode(RAW + bytes[at])
          : strict.decode(bytes.subarray(at, at + length));
      at += Math.max(length, 1);
    }
    return text;
  }
}

/** How many bytes the character at `at` has; 0 when it is none. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at];
  if (first < 0x80) return 1;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (at + length > bytes.length) return 0;
  try {
    return strict.decode(bytes.subarray(at, at + length)) === '' ? 0 : length;
  } catch {
    return 0;
  }
}

export function toUtf8(text: string): Uint8Array {
  if (!/[\udc80-\udcff]/.test(text)) return encoder.encode(text);
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code >= RAW + 0x80 && code <= RAW + 0xff) bytes.push(code - RAW);
    else bytes.push(...encoder.encode(character));
  }
  return Uint8Array.from(bytes);
}

/** What C shows as the character at the start of `text`: its first byte. */
export function firstByte(text: string): string {
  return fromUtf8(toUtf8(String.fromCodePoint(text.codePointAt(0) ?? 0)).subarray(0, 1));
}

/** Text whose characters stand for one byte each, in a loop: it is drawn anew for each key. */
export function latinBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}
