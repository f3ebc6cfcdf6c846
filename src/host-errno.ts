/** What the host's system calls say when they fail, in the words of strerror(3). */

import { HostError } from './disk-host.ts';

/** strerror(3) of the errors that files give. */
const MESSAGES: { readonly [code: string]: string } = {
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EADDRINUSE: 'Address already in use',
  EACCES: 'Permission denied',
  EBADF: 'Bad file descriptor',
  EBUSY: 'Device or resource busy',
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EEXIST: 'File exists',
  EHOSTUNREACH: 'No route to host',
  EFBIG: 'File too large',
  EINVAL: 'Invalid argument',
  EIO: 'Input/output error',
  EISDIR: 'Is a directory',
  ELOOP: 'Too many levels of symbolic links',
  EMFILE: 'Too many open files',
  ENAMETOOLONG: 'File name too long',
  ENETUNREACH: 'Network is unreachable',
  ENFILE: 'Too many open files in system',
  ENODEV: 'No such device',
  ENOENT: 'No such file or directory',
  ENOSPC: 'No space left on device',
  ENOTDIR: 'Not a directory',
  ENXIO: 'No such device or address',
  EOVERFLOW: 'Value too large for defined data type',
  EPERM: 'Operation not permitted',
  EPIPE: 'Broken pipe',
  ESPIPE: 'Illegal seek',
  EROFS: 'Read-only file system',
  ETIMEDOUT: 'Connection timed out',
  ETXTBSY: 'Text file busy',
};

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
  return new HostError(code, MESSAGES[code] ?? String((error as Error).message));
}
