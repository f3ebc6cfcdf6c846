import { expect, test } from 'vitest';
import { Bench, ramDisk } from '../../support/board.ts';

/** A file of fw_cfg as firmware reads it. */
function firmwareFile(bench: Bench, name: string): string {
  const read = (length: number) => Uint8Array.from({ length }, () => bench.inb(0x511));
  const number = (bytes: Uint8Array) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
  bench.outw(0x510, 0x19);
  const count = number(read(4));
  for (let i = 0; i < count; i++) {
    const [size, select] = [number(read(4)), number(read(2))];
    const found = new TextDecoder().decode(read(58).subarray(2)).replace(/\0+$/, '');
    if (found !== name) continue;
    bench.outw(0x510, select);
    return new TextDecoder().decode(read(size));
  }
  return '';
}

test('a board without controller has no USB', () => {
  const { pc } = new Bench();
  expect(pc.usb).toBeUndefined();
  expect(pc.texts.usbText()).toBe('USB support not enabled\n');
});

test('info qtree shows the controller, the device, its bus and its disk', () => {
  const usbDevices = [{ backend: ramDisk(4 << 20, 'foo'), id: 'bar' }];
  const { pc } = new Bench({ usb: true, usbDevices });
  const text = pc.texts.qtreeText();
  const from = text.indexOf('      dev: piix3-usb-uhci');
  const to = text.indexOf('      dev: piix3-ide');
  expect(text.slice(from, to)).toMatchInlineSnapshot(`
    "      dev: piix3-usb-uhci, id ""
            bandwidth = 1280 (0x500)
            maxframes = 128 (0x80)
            addr = 01.2
            romfile = ""
            rombar = 1 (0x1)
            multifunction = false
            command_serr_enable = true
            class USB controller, addr 00:01.2, pci id 8086:7020 (sub 1af4:1100)
            bar 4: i/o at 0xffffffffffffffff [0x1e]
            bus: usb-bus.0
              type usb-bus
              dev: usb-storage, id "bar"
                drive = ""
                logical_block_size = 512 (0x200)
                physical_block_size = 512 (0x200)
                min_io_size = 0 (0x0)
                opt_io_size = 0 (0x0)
                discard_granularity = 4294967295 (0xffffffff)
                removable = false
                port = ""
                serial = ""
                full-path = true
                msos-desc = true
                addr 0.0, port 1, speed 12, name QEMU USB MSD, attached
                bus: bar.0
                  type SCSI
                  dev: scsi-disk, id ""
                    drive = "foo"
                    logical_block_size = 512 (0x200)
                    physical_block_size = 512 (0x200)
                    min_io_size = 0 (0x0)
                    opt_io_size = 0 (0x0)
                    discard_granularity = 4096 (0x1000)
                    ver = "2.2.50"
                    serial = ""
                    vendor = "QEMU"
                    product = "QEMU HARDDISK"
                    removable = false
                    dpofua = false
                    wwn = 0 (0x0)
                    port_wwn = 0 (0x0)
                    port_index = 0 (0x0)
                    max_unmap_size = 1073741824 (0x40000000)
                    max_io_size = 2147483647 (0x7fffffff)
                    channel = 0 (0x0)
                    scsi-id = 0 (0x0)
                    lun = 0 (0x0)
    "
  `);
});

test('info pci shows the controller with its interrupt', () => {
  const { pc } = new Bench({ usb: true });
  const text = pc.texts.pciText();
  const from = text.indexOf('  Bus  0, device   1, function 2:');
  const to = text.indexOf('  Bus  0, device   1, function 3:');
  expect(text.slice(from, to)).toMatchInlineSnapshot(`
    "  Bus  0, device   1, function 2:
        USB controller: PCI device 8086:7020
          IRQ 0.
          BAR4: I/O at 0xffffffffffffffff [0x001e].
          id ""
    "
  `);
});

test('an id is taken once', () => {
  const usbDevices = [{ backend: ramDisk(512), id: 'bar' }];
  const { pc } = new Bench({ usb: true, usbDevices });
  expect(() => pc.usb?.plug({ backend: ramDisk(512), id: 'bar' })).toThrow(
    "Duplicate ID 'bar' for device",
  );
});

test('the firmware reads which stick boots', () => {
  const usbDevices = [{ backend: ramDisk(512) }, { backend: ramDisk(512), bootIndex: 1 }];
  const bench = new Bench({ usb: true, usbDevices });
  const text = firmwareFile(bench, 'bootorder');
  expect(text).toBe('/pci@i0cf8/usb@1,2/storage@2/channel@0/disk@0,0\0');
});
