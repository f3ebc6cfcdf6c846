/**
 * How QEMU's pc-i440fx splits guest RAM around the hole that PCI needs below 4 GiB.
 */

/** RAM from here on moves above 4 GiB, where this processor does not reach. */
const PCI_HOLE = 0xe0000000;
const LOW_RAM_WITH_HOLE = 0xc0000000;

/** How much of `ramSize` bytes lies below 4 GiB. */
export function ramBelow4g(ramSize: number): number {
  return ramSize >= PCI_HOLE ? LOW_RAM_WITH_HOLE : ramSize;
}
