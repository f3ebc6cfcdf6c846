/**
 * The numbers of errors on Linux: some of the image tool's messages name them.
 */

const NUMBERS: { readonly [code: string]: number } = {
  EPERM: 1,
  ENOENT: 2,
  EIO: 5,
  EACCES: 13,
  EBUSY: 16,
  EINVAL: 22,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  ENOTSUP: 95,
};

/** Errors without a place in the table are I/O errors. */
export function errnoOf(code: string): number {
  return NUMBERS[code] ?? 5;
}
