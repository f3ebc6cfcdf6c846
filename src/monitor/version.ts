/** The version of QEMU that the monitor speaks, and our own. */

/** The order of members matters: `micro` and `minor` share a bucket when they are printed. */
export const QEMU_VERSION = { qemu: { major: 2, minor: 2, micro: 50 }, package: '' } as const;
export const QEMU_VERSION_TEXT = '2.2.50';
