/**
 * Which host clusters hold metadata: guest data must never be written there, whatever a corrupt
 * table says. One bit per cluster, so its size follows the file's.
 */

export class MetadataMap {
  private bits = new Uint8Array(1024);

  constructor(private readonly clusterBits: number) {}

  add(offset: number, length: number): void {
    this.each(offset, length, (byte, mask) => {
      this.reserve(byte);
      this.bits[byte] |= mask;
    });
  }

  remove(offset: number, length: number): void {
    this.each(offset, length, (byte, mask) => {
      if (byte < this.bits.length) this.bits[byte] &= ~mask;
    });
  }

  overlaps(offset: number, length: number): boolean {
    let found = false;
    this.each(offset, length, (byte, mask) => {
      if (byte < this.bits.length && (this.bits[byte] & mask) !== 0) found = true;
    });
    return found;
  }

  private each(offset: number, length: number, visit: (byte: number, mask: number) => void): void {
    if (length === 0) return;
    const size = 2 ** this.clusterBits;
    const last = Math.floor((offset + length - 1) / size);
    for (let cluster = Math.floor(offset / size); cluster <= last; cluster++) {
      visit(Math.floor(cluster / 8), 1 << (cluster % 8));
    }
  }

  private reserve(byte: number): void {
    if (byte < this.bits.length) return;
    const grown = new Uint8Array(Math.max(byte + 1, this.bits.length * 2));
    grown.set(this.bits);
    this.bits = grown;
  }
}
