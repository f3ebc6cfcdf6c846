import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { missing, Program, SEABIOS } from '../support/program.ts';

/** Made by tools/guests/make-guests.sh from Debian packages. */
const GUESTS = process.env['TINAMOU_GUESTS'] ?? '/tmp/tinamou-guests';
const MINUTES = 60_000;
const disk = (name: string) => ['-drive', `file=${join(GUESTS, name)},format=raw`, '-snapshot'];

describe.skipIf(missing('machine/guests', SEABIOS, join(GUESTS, 'disk-grub.img')))('guests', () => {
  test.each([
    ['disk-syslinux.img', 'SYSLINUX-OK'],
    ['disk-grub.img', 'GRUB-OK'],
  ])('%s boots Linux through SeaBIOS', { timeout: 10 * MINUTES }, async (image, text) => {
    const args = ['-bios', SEABIOS, '-m', '128', '-nographic', '-no-reboot', ...disk(image)];
    const guest = new Program(args);
    try {
      await guest.seen([text, 'Linux version', 'BOOT-OK'], 8 * MINUTES);
    } finally {
      await guest.kill();
    }
  });

  test.each([
    ['if=virtio', 'disk-syslinux.img', 'SYSLINUX-OK'],
    ['if=scsi', 'disk-syslinux.img', 'SYSLINUX-OK'],
    ['if=floppy', 'floppy-grub.img', 'automatically in'],
    ['if=floppy', 'floppy-ipxe.img', 'iPXE 1'],
    ['if=floppy', 'floppy-memtest.img', 'Memtest86'],
  ])('SeaBIOS starts %s,file=%s', { timeout: 10 * MINUTES }, async (kind, image, text) => {
    const drive = `${kind},file=${join(GUESTS, image)},format=raw,snapshot=on`;
    const args = ['-bios', SEABIOS, '-m', '64', '-nographic', '-boot', 'ca', '-drive', drive];
    const guest = new Program(args);
    try {
      await guest.seen([text], 8 * MINUTES);
    } finally {
      await guest.kill();
    }
  });

  // SYSLINUX takes the serial port from the firmware: of iPXE only its loading is seen.
  test.each([
    ['floppy-grub.img', 'automatically in'],
    ['floppy-ipxe.img', 'Loading ipxe.krn... ok'],
    ['floppy-memtest.img', 'Memtest86'],
  ])('the built-in firmware starts the diskette %s', { timeout: 5 * MINUTES }, async (...row) => {
    const drive = `if=floppy,file=${join(GUESTS, row[0])},format=raw,snapshot=on`;
    const guest = new Program(['-m', '64', '-nographic', '-boot', 'a', '-drive', drive]);
    try {
      await guest.seen([row[1]], 4 * MINUTES);
    } finally {
      await guest.kill();
    }
  });

  test.each([
    ['built-in firmware', []],
    ['SeaBIOS', ['-bios', SEABIOS]],
  ])(
    'a Linux kernel by -kernel, %s, runs and powers off',
    { timeout: 10 * MINUTES },
    async (...row) => {
      const kernel = [
        '-kernel',
        join(GUESTS, 'vmlinuz-686'),
        '-initrd',
        join(GUESTS, 'initrd-686.gz'),
      ];
      const append = ['-append', 'console=ttyS0 end=poweroff'];
      const args = ['-m', '128', '-nographic', '-no-reboot', ...row[1], ...kernel, ...append];
      const { output, status } = await new Program(args).end(8 * MINUTES);
      expect(output).toContain('INITRD-OK');
      expect(output).toContain('BOOT-OK');
      expect(status).toBe(0);
    },
  );

  const stick = (name: string, ...more: string[]) => [
    '-usb',
    ...['-drive', `if=none,id=u,file=${join(GUESTS, name)},format=raw,snapshot=on`],
    ...['-device', ['usb-storage,drive=u', ...more].join(',')],
  ];

  test('Linux mounts its root from usb-storage', { timeout: 10 * MINUTES }, async () => {
    const kernel = ['vmlinuz-686', 'initrd-686.gz'].map(name => join(GUESTS, name));
    const append = 'console=ttyS0 root=/dev/sda mods=usb,fs loud end=poweroff';
    const args = ['-m', '128', '-nographic', '-no-reboot', ...stick('root-ext2.img')];
    const boot = ['-kernel', kernel[0], '-initrd', kernel[1], '-append', append];
    const { output, status } = await new Program([...args, ...boot]).end(8 * MINUTES);
    expect(output).toContain('uhci_hcd 0000:00:01.2: detected 2 ports');
    expect(output).toContain('SerialNumber: 1-0000:00:01.2-1');
    expect(output).toContain('ROOT-OK i686 ext2');
    expect(status).toBe(0);
  });

  test.each([
    ['SeaBIOS', 'SYSLINUX-OK USBSTICK', ['-bios', SEABIOS]],
    ['the built-in firmware', 'Loading vmlinuz... ok', []],
  ])('%s boots a stick before the disk', { timeout: 5 * MINUTES }, async (_name, text, bios) => {
    const usb = stick('usb-stick.img', 'bootindex=0');
    const args = ['-m', '64', '-nographic', ...bios, ...usb, ...disk('disk-grub.img')];
    const guest = new Program(args);
    try {
      await guest.seen([text, 'BOOT-OK'], 4 * MINUTES);
    } finally {
      await guest.kill();
    }
  });
});
