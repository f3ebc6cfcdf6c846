/** The version of QEMU that the monitor speaks, and our own. */

export const QEMU_VERSION = { qemu: { micro: 50, minor: 2, major: 2 }, package: '' } as const;
export const QEMU_VERSION_TEXT = '2.2.50';
