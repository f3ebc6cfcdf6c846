/**
 * The encryption of one image: its state before and after a password was given.
 */

import type { BlockCipher, BlockHost } from '../../disk-host.ts';
import type { Encryption } from '../node.ts';
import { decryptSectors, encryptSectors, keyOf, SECTOR } from './aes-cbc.ts';

/** Until a password was given, clusters are read and written as they are stored. */
export class ImageEncryption implements Encryption {
  private cipher: BlockCipher | undefined;

  constructor(private readonly host: BlockHost) {}

  get keyed(): boolean {
    return this.cipher !== undefined;
  }

  setPassword(password: Uint8Array): void {
    this.cipher = this.host.aes128(keyOf(password));
  }

  adopt(other: Encryption | undefined): void {
    if (other instanceof ImageEncryption) this.cipher = other.cipher;
  }

  /** In place; `offset` in the guest's disk. */
  decrypt(offset: number, bytes: Uint8Array): void {
    if (this.cipher !== undefined) decryptSectors(this.cipher, offset / SECTOR, bytes);
  }

  encrypt(offset: number, bytes: Uint8Array): Uint8Array {
    return this.cipher === undefined ? bytes : encryptSectors(this.cipher, offset / SECTOR, bytes);
  }
}
