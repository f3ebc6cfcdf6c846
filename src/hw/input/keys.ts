/**
 * Keys by QEMU's names (QKeyCode), as sendkey and QMP's send-key take them, with their scan codes.
 *
 * Spec: IBM Personal System/2 Technical Reference, keyboard (scan code sets 1 and 2).
 * Keys without a code (`again`, `props` … of other makers' keyboards) are known but send nothing.
 */

/** A key's set 2 make code; its break code is F0 + code. `e0` puts E0 before both. */
interface Scan {
  readonly code: number;
  readonly e0: boolean;
}

const E0 = 0x100;

/** Name, then set 2 make code (plus E0 where prefixed), -1 for none; in the order of QKeyCode. */
const KEYS = [
  ['unmapped', -1],
  ['shift', 0x12],
  ['shift_r', 0x59],
  ['alt', 0x11],
  ['alt_r', E0 | 0x11],
  ['altgr', E0 | 0x11],
  ['altgr_r', E0 | 0x11],
  ['ctrl', 0x14],
  ['ctrl_r', E0 | 0x14],
  ['menu', E0 | 0x2f],
  ['esc', 0x76],
  ['1', 0x16],
  ['2', 0x1e],
  ['3', 0x26],
  ['4', 0x25],
  ['5', 0x2e],
  ['6', 0x36],
  ['7', 0x3d],
  ['8', 0x3e],
  ['9', 0x46],
  ['0', 0x45],
  ['minus', 0x4e],
  ['equal', 0x55],
  ['backspace', 0x66],
  ['tab', 0x0d],
  ['q', 0x15],
  ['w', 0x1d],
  ['e', 0x24],
  ['r', 0x2d],
  ['t', 0x2c],
  ['y', 0x35],
  ['u', 0x3c],
  ['i', 0x43],
  ['o', 0x44],
  ['p', 0x4d],
  ['bracket_left', 0x54],
  ['bracket_right', 0x5b],
  ['ret', 0x5a],
  ['a', 0x1c],
  ['s', 0x1b],
  ['d', 0x23],
  ['f', 0x2b],
  ['g', 0x34],
  ['h', 0x33],
  ['j', 0x3b],
  ['k', 0x42],
  ['l', 0x4b],
  ['semicolon', 0x4c],
  ['apostrophe', 0x52],
  ['grave_accent', 0x0e],
  ['backslash', 0x5d],
  ['z', 0x1a],
  ['x', 0x22],
  ['c', 0x21],
  ['v', 0x2a],
  ['b', 0x32],
  ['n', 0x31],
  ['m', 0x3a],
  ['comma', 0x41],
  ['dot', 0x49],
  ['slash', 0x4a],
  ['asterisk', 0x7c],
  ['spc', 0x29],
  ['caps_lock', 0x58],
  ['f1', 0x05],
  ['f2', 0x06],
  ['f3', 0x04],
  ['f4', 0x0c],
  ['f5', 0x03],
  ['f6', 0x0b],
  ['f7', 0x83],
  ['f8', 0x0a],
  ['f9', 0x01],
  ['f10', 0x09],
  ['num_lock', 0x77],
  ['scroll_lock', 0x7e],
  ['kp_divide', E0 | 0x4a],
  ['kp_multiply', 0x7c],
  ['kp_subtract', 0x7b],
  ['kp_add', 0x79],
  ['kp_enter', E0 | 0x5a],
  ['kp_decimal', 0x71],
  ['sysrq', 0x84],
  ['kp_0', 0x70],
  ['kp_1', 0x69],
  ['kp_2', 0x72],
  ['kp_3', 0x7a],
  ['kp_4', 0x6b],
  ['kp_5', 0x73],
  ['kp_6', 0x74],
  ['kp_7', 0x6c],
  ['kp_8', 0x75],
  ['kp_9', 0x7d],
  ['less', 0x61],
  ['f11', 0x78],
  ['f12', 0x07],
  ['print', E0 | 0x7c],
  ['home', E0 | 0x6c],
  ['pgup', E0 | 0x7d],
  ['pgdn', E0 | 0x7a],
  ['end', E0 | 0x69],
  ['left', E0 | 0x6b],
  ['up', E0 | 0x75],
  ['down', E0 | 0x72],
  ['right', E0 | 0x74],
  ['insert', E0 | 0x70],
  ['delete', E0 | 0x71],
  ['stop', E0 | 0x28],
  ['again', -1],
  ['props', -1],
  ['undo', -1],
  ['front', -1],
  ['copy', -1],
  ['open', -1],
  ['paste', -1],
  ['find', -1],
  ['cut', -1],
  ['lf', -1],
  ['help', -1],
  ['meta_l', E0 | 0x1f],
  ['meta_r', E0 | 0x27],
  ['compose', E0 | 0x2f],
  ['pause', 0x77],
] as const;

export type KeyName = (typeof KEYS)[number][0];

/** In the order of QKeyCode. */
export const KEY_NAMES: readonly KeyName[] = KEYS.map(([name]) => name);

const scans = new Map<string, Scan | undefined>(
  KEYS.map(([name, code]) => [
    name,
    code < 0 ? undefined : { code: code & 0xff, e0: (code & E0) !== 0 },
  ]),
);

export function isKeyName(name: string): name is KeyName {
  return scans.has(name);
}

/** Set 2 scan code; undefined for keys that send nothing. */
export function scanOf(name: KeyName): Scan | undefined {
  return scans.get(name);
}

/** The 8042's translation of set 2 codes below 80h; codes above pass, but for 83h and 84h. */
// biome-ignore format: sixteen to a row
const SET1_OF_SET2: readonly number[] = [
  0xff, 0x43, 0x41, 0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0x64, 0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0x59,
  0x65, 0x38, 0x2a, 0x70, 0x1d, 0x10, 0x02, 0x5a, 0x66, 0x71, 0x2c, 0x1f, 0x1e, 0x11, 0x03, 0x5b,
  0x67, 0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0x5c, 0x68, 0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0x5d,
  0x69, 0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0x5e, 0x6a, 0x72, 0x32, 0x24, 0x16, 0x08, 0x09, 0x5f,
  0x6b, 0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0x60, 0x6c, 0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0x61,
  0x6d, 0x73, 0x28, 0x74, 0x1a, 0x0d, 0x62, 0x6e, 0x3a, 0x36, 0x1c, 0x1b, 0x75, 0x2b, 0x63, 0x76,
  0x55, 0x56, 0x77, 0x78, 0x79, 0x7a, 0x0e, 0x7b, 0x7c, 0x4f, 0x7d, 0x4b, 0x47, 0x7e, 0x7f, 0x6f,
  0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0x54,
];

/** What the 8042 makes of one set 2 byte, prefixes apart. */
export function toSet1(code: number): number {
  if (code === 0x83) return 0x41;
  if (code === 0x84) return 0x54;
  return code < 0x80 ? SET1_OF_SET2[code] : code;
}

const NUMBER_NAMES = new Map<number, KeyName>();
for (const [name, code] of KEYS) {
  if (code < 0) continue;
  const set1 = toSet1(code & 0xff) | ((code & E0) !== 0 ? 0x80 : 0);
  if (!NUMBER_NAMES.has(set1)) NUMBER_NAMES.set(set1, name);
}

/** The key of a QEMU key number (`sendkey 0x1e`): set 1 code, plus 80h for E0 keys. */
export function keyOfNumber(number: number): KeyName | undefined {
  return NUMBER_NAMES.get(number);
}
