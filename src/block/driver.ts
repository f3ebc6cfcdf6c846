/**
 * What a format, filter or protocol registers: how it is recognised, opened and created.
 */

import type { BlockHost } from '../disk-host.ts';
import type { CacheMode } from './cache-mode.ts';
import type { BlockNode } from './node.ts';
import type { Options } from './options.ts';

/** Everything that opening images needs from outside, one per program. */
export interface BlockContext {
  readonly host: BlockHost;
  /** `refuse`: encrypted images are for the image tool only. */
  readonly encryptedImages: 'refuse' | 'legacy';
  /** Text that follows "You can use '" in the refusal of encrypted images. */
  readonly imageTool: string;
  /** A line for stderr, complete but for its newline. */
  readonly warn: (text: string) => void;
  /** A line for stdout: what suspended requests do. */
  readonly tell?: (text: string) => void;
  /** An open image by the id of its drive or by its node's name. */
  readonly findNode?: (name: string) => BlockNode | undefined;
  /** Whether a name is a drive's id, or that of an open node. */
  readonly whoseName?: (name: string) => 'device' | 'node' | undefined;
  /** False while a running guest would see ciphertext: opening encrypted images then fails. */
  readonly mayOpenEncrypted: () => boolean;
}

export interface OpenFlags {
  readonly readOnly: boolean;
  readonly cache: CacheMode;
  /** Leave the backing file closed. */
  readonly withoutBacking?: boolean;
  /** Opened for `check`: inconsistencies are tolerated, nothing is repaired on the way. */
  readonly forCheck?: boolean;
  /** Pass discards on to the file. */
  readonly unmap?: boolean;
}

export interface OpenRequest {
  readonly filename: string;
  readonly options: Options;
  readonly flags: OpenFlags;
  readonly context: BlockContext;
  /** The drive's id in messages, `image` in the tools. */
  readonly deviceName: string;
  /** The `file` child; absent for protocols. */
  readonly file: BlockNode | undefined;
  /** Opens another image for this one: filters stand on what they name. */
  readonly openChild: (name: string, filename: string | undefined) => Promise<BlockNode>;
  /** The image's format was guessed. */
  readonly probed: boolean;
  /** No format above asks for bytes: the protocol itself is the disk, in whole sectors. */
  readonly isDisk?: boolean;
}

export interface Driver {
  readonly name: string;
  readonly kind: 'format' | 'filter' | 'protocol';
  /** 0 (no) to 100 (certain), from the first bytes of the file. */
  probe?(head: Uint8Array, filename: string): number;
  /** Options that an open image can be given anew. */
  readonly changeable?: readonly string[];
  /** Throws UserError. On failure the caller closes `file`. */
  open(request: OpenRequest): Promise<BlockNode>;
}
