/**
 * Whether encrypted images may be opened here and now.
 */

import { UserError } from '../../error.ts';
import type { BlockContext } from '../driver.ts';
import { type BlockNode, lacksKey } from '../node.ts';

/** Throws where encrypted images are refused. */
export function refuseEncrypted(format: 'qcow' | 'qcow2', context: BlockContext): void {
  if (context.encryptedImages === 'refuse') {
    throw new UserError(
      `Use of AES-CBC encrypted ${format} images is no longer supported in system emulators`,
      'GenericError',
      `You can use '${context.imageTool} convert' to convert your image to an alternative ` +
        `supported format, such as unencrypted ${format}, or raw with the LUKS format instead.`,
    );
  }
}

/** Throws where a running guest would see ciphertext of an image that is open by now. */
export function refuseWhileRunning(node: BlockNode, context: BlockContext): void {
  if (lacksKey(node) && !context.mayOpenEncrypted()) {
    throw new UserError('Guest must be stopped for opening of encrypted image');
  }
}
