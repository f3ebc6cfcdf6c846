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
});
