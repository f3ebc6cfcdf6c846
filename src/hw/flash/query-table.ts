/**
 * What a flash chip tells of itself when queried: JESD68, with Intel's extended table at 31h.
 *
 * Values as QEMU's chip has them, for a bus of one byte and one kind of blocks.
 */

/** Bytes of the write buffer. */
export const BUFFER = 256;
const EXTENDED = 0x31;

/** By address; beyond it is zeros. */
export function queryTable(length: number, blockLength: number): Uint8Array {
  const table = new Uint8Array(256);
  const ascii = (text: string): number[] => [...text].map(c => c.charCodeAt(0));
  const little = (value: number): number[] => [value & 0xff, (value >>> 8) & 0xff];
  /** Of the highest power of two that divides it. */
  const exponent = (value: number): number => 31 - Math.clz32(value & -value);
  table.set([...ascii('QRY'), ...little(1), ...little(EXTENDED)], 0x10);
  table.set(
    [
      // Supply 4.5 V to 5.5 V, no programming supply.
      ...[0x45, 0x55, 0, 0],
      // Typical times: byte 2⁷ µs, buffer 2⁷ µs, block erase 2¹⁰ ms, no chip erase.
      ...[7, 7, 10, 0],
      // And how many times longer they take at most, as exponents.
      ...[4, 4, 4, 0],
    ],
    0x1b,
  );
  const blocks = little(length / blockLength - 1);
  const geometry = [exponent(length), 2, 0, ...little(exponent(BUFFER)), 1];
  table.set([...geometry, ...blocks, ...little(blockLength >>> 8)], 0x27);
  table.set([...ascii('PRI'), ...ascii('10')], EXTENDED);
  // One field of protection registers, which is empty.
  table[0x3f] = 1;
  return table;
}
