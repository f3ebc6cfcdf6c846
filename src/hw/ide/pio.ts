/**
 * The data port of an IDE unit: a buffer that the guest reads or fills, and what happens then.
 */

/** The part of a unit's state that describes bytes under way. */
export interface PioState {
  data: Uint8Array;
  position: number;
  end: number;
  isOutput: boolean;
}

/** Reads `size` bytes, little-endian; beyond the end all bits are zero. */
export function takeData(pio: PioState, size: number): number {
  const { data, position } = pio;
  pio.position = position + size;
  if (size === 2) return (data[position] | (data[position + 1] << 8)) >>> 0;
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = (value << 8) | data[position + i];
  return value >>> 0;
}

export function giveData(pio: PioState, size: number, value: number): void {
  const { data, position } = pio;
  pio.position = position + size;
  for (let i = 0; i < size; i++) data[position + i] = value >>> (8 * i);
}

export function isDone(pio: PioState): boolean {
  return pio.position >= pio.end;
}
