/**
 * What a terminal sends when keys are pressed, turned back into keys: names as `sendkey` takes
 * them, pressed together.
 *
 * Source: ECMA-48 control sequences as xterm sends them; US keyboard layout.
 */

const ESC = 0x1b;

const PLAIN: { readonly [char: string]: string } = {
  ' ': 'spc',
  '-': 'minus',
  '=': 'equal',
  '[': 'bracket_left',
  ']': 'bracket_right',
  ';': 'semicolon',
  "'": 'apostrophe',
  '`': 'grave_accent',
  '\\': 'backslash',
  ',': 'comma',
  '.': 'dot',
  '/': 'slash',
  '\r': 'ret',
  '\n': 'ret',
  '\t': 'tab',
  '\x7f': 'backspace',
  '\b': 'backspace',
};

/** Shifted characters, and the keys below them. */
const SHIFTED: { readonly [char: string]: string } = {
  '!': '1',
  '@': '2',
  '#': '3',
  $: '4',
  '%': '5',
  '^': '6',
  '&': '7',
  '*': '8',
  '(': '9',
  ')': '0',
  _: 'minus',
  '+': 'equal',
  '{': 'bracket_left',
  '}': 'bracket_right',
  ':': 'semicolon',
  '"': 'apostrophe',
  '~': 'grave_accent',
  '|': 'backslash',
  '<': 'comma',
  '>': 'dot',
  '?': 'slash',
};

/** What follows ESC [ or ESC O, up to the modifiers. */
const FINALS: { readonly [final: string]: string } = {
  A: 'up',
  B: 'down',
  C: 'right',
  D: 'left',
  H: 'home',
  F: 'end',
  P: 'f1',
  Q: 'f2',
  R: 'f3',
  S: 'f4',
};

const NUMBERED: { readonly [number: string]: string } = {
  '1': 'home',
  '2': 'insert',
  '3': 'delete',
  '4': 'end',
  '5': 'pgup',
  '6': 'pgdn',
  '7': 'home',
  '8': 'end',
  '11': 'f1',
  '12': 'f2',
  '13': 'f3',
  '14': 'f4',
  '15': 'f5',
  '17': 'f6',
  '18': 'f7',
  '19': 'f8',
  '20': 'f9',
  '21': 'f10',
  '23': 'f11',
  '24': 'f12',
};

/** The chords of what arrived at once. What cannot be typed on a keyboard is left out. */
export function terminalChords(bytes: Uint8Array): string[][] {
  const chords: string[][] = [];
  for (let at = 0; at < bytes.length; ) {
    const { chord, length } = readChord(bytes, at);
    if (chord !== undefined) chords.push(chord);
    at += length;
  }
  return chords;
}

interface Read {
  readonly chord: string[] | undefined;
  readonly length: number;
}

function readChord(bytes: Uint8Array, at: number): Read {
  if (bytes[at] !== ESC) return { chord: plainChord(bytes[at]), length: 1 };
  if (at + 1 >= bytes.length || bytes[at + 1] === ESC) return { chord: ['esc'], length: 1 };
  const rest = String.fromCharCode(...bytes.subarray(at + 1, at + 12));
  const sequence = /^[[O]([0-9]*)(?:;([0-9]+))?([A-Za-z~])/.exec(rest);
  if (sequence === null) {
    const chord = plainChord(bytes[at + 1]);
    return { chord: chord === undefined ? undefined : ['alt', ...chord], length: 2 };
  }
  const [whole, number, modifiers, final] = sequence;
  const key = final === '~' ? NUMBERED[number] : FINALS[final];
  const chord = final === 'Z' ? ['shift', 'tab'] : key && [...pressed(modifiers), key];
  return {
    chord: chord === undefined || chord === '' ? undefined : chord,
    length: whole.length + 1,
  };
}

/** xterm's modifier number: 1 plus shift 1, alt 2, ctrl 4. */
function pressed(modifiers: string | undefined): string[] {
  const bits = Number(modifiers ?? 1) - 1;
  return ['shift', 'alt', 'ctrl'].filter((_name, i) => ((bits >> i) & 1) !== 0);
}

function plainChord(byte: number): string[] | undefined {
  const char = String.fromCharCode(byte);
  if (PLAIN[char] !== undefined) return [PLAIN[char]];
  if (SHIFTED[char] !== undefined) return ['shift', SHIFTED[char]];
  if (/[a-z0-9]/.test(char)) return [char];
  if (/[A-Z]/.test(char)) return ['shift', char.toLowerCase()];
  if (byte >= 1 && byte <= 26) return ['ctrl', String.fromCharCode(byte + 0x60)];
  if (byte === 0x1c) return ['ctrl', 'backslash'];
  if (byte === 0x1d) return ['ctrl', 'bracket_right'];
  if (byte === 0) return ['ctrl', 'spc'];
  return undefined;
}
