/** Machine types, and the properties that `-machine` takes, as QEMU 2.2.50 has them. */

export const MACHINE_PROPERTIES = [
  'type',
  'accel',
  'kernel_irqchip',
  'kernel-irqchip',
  'kvm_shadow_mem',
  'vmport',
  'dump-guest-core',
  'mem-merge',
  'usb',
  'firmware',
  'kernel',
  'initrd',
  'append',
  'max-ram-below-4g',
  'igd-passthru',
];

export const MACHINES = [
  ['pc', 'Standard PC (i440FX + PIIX, 1996) (alias of pc-i440fx-2.3)'],
  ['pc-i440fx-2.3', 'Standard PC (i440FX + PIIX, 1996) (default)'],
  ['none', 'empty machine'],
] as const;
