/** What the host's system calls say when they fail, in the words of strerror(3). */

import { HostError } from './disk-host.ts';
import { errorText } from './errno.ts';

/** What Node refuses to ask the system, and the answer that this would give. */
const NOT_ASKED: { readonly [code: string]: string } = {
  // A name with a zero byte, which no file has.
  ERR_INVALID_ARG_VALUE: 'ENOENT',
  // A place in a file that is too far away for a number.
  ERR_OUT_OF_RANGE: 'EINVAL',
};

export function toHostError(error: unknown): HostError {
  const { code: given = 'EIO' } = error as NodeJS.ErrnoException;
  const code = NOT_ASKED[given] ?? given;
  return new HostError(code, errorText(code) ?? String((error as Error).message));
}
