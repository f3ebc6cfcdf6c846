/**
 * The numbers of errors on Linux, by which some messages and configurations name them, and what
 * strerror(3) says of them.
 */

import { BlockError, IO_ERROR } from './backend.ts';

const ERRORS: { readonly [number: number]: readonly [code: string, text: string] } = {
  1: ['EPERM', 'Operation not permitted'],
  2: ['ENOENT', 'No such file or directory'],
  4: ['EINTR', 'Interrupted system call'],
  5: ['EIO', IO_ERROR],
  11: ['EAGAIN', 'Resource temporarily unavailable'],
  12: ['ENOMEM', 'Cannot allocate memory'],
  13: ['EACCES', 'Permission denied'],
  16: ['EBUSY', 'Device or resource busy'],
  17: ['EEXIST', 'File exists'],
  19: ['ENODEV', 'No such device'],
  22: ['EINVAL', 'Invalid argument'],
  27: ['EFBIG', 'File too large'],
  28: ['ENOSPC', 'No space left on device'],
  29: ['ESPIPE', 'Illegal seek'],
  30: ['EROFS', 'Read-only file system'],
  95: ['ENOTSUP', 'Operation not supported'],
  110: ['ETIMEDOUT', 'Connection timed out'],
  122: ['EDQUOT', 'Disk quota exceeded'],
  125: ['ECANCELED', 'Operation canceled'],
};

/** Those without a place in the table are I/O errors. */
export function errnoOf(code: string): number {
  return Number(Object.entries(ERRORS).find(([, [name]]) => name === code)?.[0] ?? 5);
}

export function errorOf(number: number): BlockError {
  const [code, text] = ERRORS[number] ?? ERRORS[5];
  return new BlockError(code, text);
}
