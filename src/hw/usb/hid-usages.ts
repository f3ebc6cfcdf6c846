/**
 * Keys as a USB keyboard names them.
 *
 * Specification: USB HID Usage Tables 1.12, page 07h (Keyboard/Keypad).
 */

import type { KeyName } from '../input/keys.ts';

/** Runs of keys whose usages follow each other. */
const RUNS: readonly (readonly [first: number, keys: string])[] = [
  [0x04, 'a b c d e f g h i j k l m n o p q r s t u v w x y z'],
  [0x1e, '1 2 3 4 5 6 7 8 9 0'],
  [0x28, 'ret esc backspace tab spc minus equal bracket_left bracket_right backslash'],
  [0x33, 'semicolon apostrophe grave_accent comma dot slash caps_lock'],
  [0x3a, 'f1 f2 f3 f4 f5 f6 f7 f8 f9 f10 f11 f12'],
  [0x46, 'print scroll_lock pause insert home pgup delete end pgdn right left down up'],
  [0x53, 'num_lock kp_divide kp_multiply kp_subtract kp_add kp_enter'],
  [0x59, 'kp_1 kp_2 kp_3 kp_4 kp_5 kp_6 kp_7 kp_8 kp_9 kp_0 kp_decimal less compose'],
  [0x78, 'stop again undo cut copy paste find'],
  [0xe0, 'ctrl shift alt meta_l ctrl_r shift_r alt_r meta_r'],
];

const usages = new Map<string, number>([
  ...RUNS.flatMap(([first, keys]) =>
    keys.split(' ').map((key, i): [string, number] => [key, first + i]),
  ),
  ['altgr', 0xe6],
  ['altgr_r', 0xe6],
  ['menu', 0x65],
  ['asterisk', 0x55],
  ['sysrq', 0x46],
  ['props', 0x76],
  ['open', 0x74],
  ['help', 0x75],
  ['front', 0x77],
]);

/** Undefined for keys that no USB keyboard has. */
export function usageOf(name: KeyName): number | undefined {
  return usages.get(name);
}
