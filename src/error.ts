/**
 * The three kinds of error, of which two are thrown: the user's and ours.
 * A guest's error is no exception: the device answers as the silicon would and logs `guest_errors`.
 */

/** Error classes as QMP names them. */
export type ErrorClass =
  | 'GenericError'
  | 'CommandNotFound'
  | 'DeviceEncrypted'
  | 'DeviceNotActive'
  | 'DeviceNotFound'
  | 'KVMMissingCap';

/**
 * Something the user asked for cannot be done. `message` is QEMU's text, word for word, without a
 * prefix; `preface` is a line before it and `hint` one behind it, for terminals, never in QMP.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  constructor(
    message: string,
    readonly errorClass: ErrorClass = 'GenericError',
    readonly hint?: string,
    readonly preface?: string,
  ) {
    super(message);
  }
}

/** Stops the program on a mistake of ours before it spreads. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}
