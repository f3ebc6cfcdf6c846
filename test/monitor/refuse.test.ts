import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { conversations, converse } from '../support/conversation.ts';
import { Workshop } from '../support/emulator.ts';
import { makeImages } from '../support/encrypted-images.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

const text = (format: string): string =>
  `Use of AES-CBC encrypted ${format} images is no longer supported in system emulators`;
const hint = (format: string): string =>
  "You can use 'tinamou-img convert' to convert your image to an alternative supported format, " +
  `such as unencrypted ${format}, or raw with the LUKS format instead.`;

test('change: the old medium stays', async () => {
  const typed = 'change ide1-cd0 geheim.qcow2\ninfo block\nc\ninfo status\nquit\n';
  const quiet = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-S'];
  const ended = await workshop.run([...quiet, '-cdrom', 'raw.img'], typed);
  expect(ended.text).toBe(
    "QEMU 2.2.50 monitor - type 'help' for more information\n" +
      `(qemu) change ide1-cd0 geheim.qcow2\n${text('qcow2')}\n${hint('qcow2')}\n` +
      '(qemu) info block\nide1-cd0: raw.img (raw, read-only)\n' +
      '    Removable device: not locked, tray closed\n    Cache mode:       writeback\n' +
      '(qemu) c\n(qemu) info status\nVM status: running\n(qemu) quit\n',
  );
});

test('jobs and snapshots do not touch an encrypted image', async () => {
  const before = readFileSync(join(workshop.folder, 'enc.qcow2'));
  const device = 'ide0-hd0';
  const existing = { device, target: 'enc.qcow2', sync: 'full', mode: 'existing' };
  const requests = [
    { execute: 'drive-mirror', arguments: existing },
    { execute: 'drive-backup', arguments: existing },
    {
      execute: 'blockdev-snapshot-sync',
      arguments: { device, 'snapshot-file': 'enc.qcow2', mode: 'existing' },
    },
  ];
  const error = JSON.stringify({ error: { class: 'GenericError', desc: text('qcow2') } });
  const spaced = error.replaceAll('":', '": ').replaceAll(',"', ', "');
  const exchanges = [
    { sent: '{"execute":"qmp_capabilities"}', received: ['{"return": {}}'] },
    ...requests.map(request => ({ sent: JSON.stringify(request), received: [spaced] })),
    { sent: '{"execute":"query-block-jobs"}', received: ['{"return": []}'] },
  ];
  const quiet = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-S'];
  const [talk] = conversations('H04-rfc-qmp');
  const argv = [...quiet, '-hda', 'plain.qcow2'];
  const end = { sent: '{"execute":"quit"}', received: ['{"return": {}}', ''] };
  const got = await converse(workshop, { ...talk, argv, exchanges: [...exchanges, end] });
  expect(got.exchanges.slice(0, -1)).toEqual(exchanges);
  expect(readFileSync(join(workshop.folder, 'enc.qcow2')).equals(before)).toBe(true);
});

test('-usbdevice and usb_add: the hint is behind the line it explains', async () => {
  const { stderr, status } = await workshop.run(['-usbdevice', 'disk:enc.qcow2']);
  const where = 'qemu-system-x86_64: -usbdevice disk:enc.qcow2';
  const failed = "Failed to create USB device 'usb-storage'";
  const why = "could not add USB device 'disk:enc.qcow2'";
  const shown = [
    `${where}: ${text('qcow2')}`,
    hint('qcow2'),
    `${where}: ${failed}`,
    `qemu: ${why}`,
  ];
  expect({ stderr, status }).toEqual({ stderr: `${shown.join('\n')}\n`, status: 1 });

  const quiet = ['-nodefaults', '-display', 'none', '-monitor', 'stdio', '-usb'];
  const ended = await workshop.run(quiet, 'usb_add disk:enc.qcow2\nquit\n');
  expect(ended.text).toContain(
    `${[text('qcow2'), hint('qcow2'), failed, why].join('\n')}\n(qemu) `,
  );
});

test.each(['pflash', 'sd', 'mtdblock'])('-%s is refused, too', async option => {
  const { stderr, status, stdout } = await workshop.run([`-${option}`, 'enc.qcow2']);
  expect({ stderr, status, shown: stdout.length }).toEqual({
    stderr: `qemu-system-x86_64: -${option} enc.qcow2: ${text('qcow2')}\n${hint('qcow2')}\n`,
    status: 1,
    shown: 0,
  });
});
