/**
 * Which keys the options with lists know (`-boot`, `-rtc`, `-machine`), and the machines there are.
 */

import type { OptionGroup } from './options.ts';

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

export const GROUPS: { readonly [name: string]: OptionGroup } = {
  m: {
    name: 'memory',
    impliedKey: 'size',
    keys: { size: 'size', slots: 'number', maxmem: 'size' },
  },
  name: {
    name: 'name',
    impliedKey: 'guest',
    keys: { guest: 'string', process: 'string', 'debug-threads': 'bool' },
  },
  rtc: { name: 'rtc', keys: { base: 'string', clock: 'string', driftfix: 'string' } },
  boot: {
    name: 'boot-opts',
    impliedKey: 'order',
    keys: {
      order: 'string',
      once: 'string',
      menu: 'bool',
      splash: 'string',
      'splash-time': 'string',
      'reboot-timeout': 'string',
      strict: 'bool',
    },
  },
  icount: {
    name: 'icount',
    impliedKey: 'shift',
    keys: { shift: 'string', align: 'bool', sleep: 'bool', hash: 'bool' },
  },
  mon: {
    name: 'mon',
    impliedKey: 'chardev',
    keys: { mode: 'string', chardev: 'string', default: 'bool', pretty: 'bool' },
  },
};
