/**
 * Keys by QEMU's names, as sendkey and QMP take them.
 */

/** Names of keys, in the order of QMP's QKeyCode. */
export type KeyName = string;

export function isKeyName(name: string): boolean {
  return name.length > 0;
}
