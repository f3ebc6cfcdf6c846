import { describe, expect, test } from 'vitest';
import { Bench, ramDisk } from '../../support/board.ts';
import {
  CMD,
  DESCRIPTORS,
  FRAMES,
  FRNUM,
  IN,
  INTR,
  IO,
  PORT1,
  PORT2,
  STS,
  UhciDriver,
} from '../../support/uhci-driver.ts';

function powerOn(hasDevice = true): { bench: Bench; driver: UhciDriver } {
  const usbDevices = hasDevice ? [{ backend: ramDisk(1 << 20, 'stick'), id: 'bar' }] : [];
  const bench = new Bench({ usb: true, usbDevices });
  const driver = new UhciDriver(bench);
  driver.start();
  return { bench, driver };
}

/** The slave 8259 sees IRQ 11, where the guest has routed PIRQD. */
function irq(bench: Bench): boolean {
  bench.configWriteByte(1, 0, 0x63, 11);
  bench.outb(0x4d1, 0x08);
  bench.outb(0xa0, 0x0a);
  return (bench.inb(0xa0) & 0x08) !== 0;
}

/** A frame list that starts with one descriptor, and nothing else. */
function single(bench: Bench, control: number, token: number, link = 1): void {
  const { memory } = bench;
  for (let i = 0; i < 1024; i++) memory.write(FRAMES + 4 * i, 4, DESCRIPTORS);
  memory.write(DESCRIPTORS, 4, link);
  memory.write(DESCRIPTORS + 4, 4, control >>> 0);
  memory.write(DESCRIPTORS + 8, 4, token >>> 0);
  memory.write(DESCRIPTORS + 12, 4, 0x30000);
}

describe('registers', () => {
  test('the function is 8086:7020, a UHCI controller on INTD', () => {
    const { bench } = powerOn();
    expect(bench.configRead(1, 2, 0)).toBe(0x70208086);
    expect(bench.configRead(1, 2, 8) >>> 8).toBe(0x0c0300);
    expect((bench.configRead(1, 2, 0x3c) >> 8) & 0xff).toBe(4);
    expect(bench.configRead(1, 2, 0x60) & 0xff).toBe(0x10);
  });

  test('host controller reset stops it and gives every register its first value', () => {
    const { bench } = powerOn();
    bench.outw(INTR, 15);
    bench.outw(CMD, 2);
    expect(bench.inw(CMD)).toBe(0);
    expect(bench.inw(STS)).toBe(0x20);
    expect(bench.inw(INTR)).toBe(0);
    expect(bench.inl(IO + 8)).toBe(0);
    expect(bench.inb(IO + 12)).toBe(0x40);
  });

  test('the frame number counts milliseconds while running and wraps at 2048', () => {
    const { bench, driver } = powerOn();
    driver.wait(5);
    expect(bench.inw(FRNUM)).toBe(5);
    driver.wait(2048);
    expect(bench.inw(FRNUM)).toBe(5);
    bench.outw(CMD, 0);
    driver.wait(10);
    expect(bench.inw(FRNUM)).toBe(5);
    expect(bench.inw(STS) & 0x20).toBe(0x20);
  });

  test('a controller that is stopped has no timer', () => {
    const { bench } = powerOn();
    const isArmed = () => bench.clock.pending().some(({ label }) => label === 'uhci-frame');
    expect(isArmed()).toBe(true);
    bench.outw(CMD, 0);
    expect(isArmed()).toBe(false);
  });

  test('there are two ports', () => {
    const { bench } = powerOn(false);
    const ports = [0, 2, 4, 6].map(at => bench.inw(PORT1 + at).toString(16));
    expect(ports).toEqual(['80', '80', 'ff7f', 'ff7f']);
  });

  test('bytes of a port register reach their half only', () => {
    const { bench } = powerOn();
    bench.outb(PORT1 + 1, 2);
    expect(bench.inw(PORT1)).toBe(0x283);
    bench.outb(PORT1 + 1, 0);
    bench.outb(PORT1, 4);
    expect(bench.inb(PORT1)).toBe(0x87);
  });
});

describe('ports', () => {
  test('a device at power-on is connected and changed, and enabled by software only', () => {
    const { bench, driver } = powerOn();
    expect(bench.inw(PORT1)).toBe(0x83);
    bench.outw(PORT1, 2);
    expect(bench.inw(PORT1)).toBe(0x81);
    driver.enable();
    expect(bench.inw(PORT1)).toBe(0x85);
    bench.outw(PORT2, 4);
    expect(bench.inw(PORT2)).toBe(0x80);
  });

  test('reset disables a port', () => {
    const { bench, driver } = powerOn();
    driver.enable();
    bench.outw(PORT1, 0x204);
    expect(bench.inw(PORT1)).toBe(0x281);
  });

  test('unplugging shows as both changes, plugging as a connection', () => {
    const { bench, driver } = powerOn();
    driver.enable();
    const { usb } = bench.pc;
    const bar = usb?.find('bar');
    if (usb === undefined || bar === undefined) throw new Error('there is a device');
    usb.unplug(bar);
    expect(bench.inw(PORT1)).toBe(0x8a);
    bench.outw(PORT1, 0xa);
    usb.plug({ backend: ramDisk(512), port: '1' });
    expect(bench.inw(PORT1)).toBe(0x83);
  });

  test('plugging into a suspended bus is a resume interrupt', () => {
    const { bench } = powerOn(false);
    bench.outw(CMD, 0x8);
    bench.outw(INTR, 2);
    expect(irq(bench)).toBe(false);
    bench.pc.usb?.plug({ backend: ramDisk(512) });
    expect(bench.inw(STS)).toBe(0x24);
    expect(irq(bench)).toBe(true);
    bench.outw(STS, 4);
    expect(irq(bench)).toBe(false);
  });

  test('there is no room for a third device', () => {
    const { bench } = powerOn();
    bench.pc.usb?.plug({ backend: ramDisk(512) });
    expect(() => bench.pc.usb?.plug({ backend: ramDisk(512) })).toThrow(
      'tried to attach usb device QEMU USB MSD to a bus with no free ports',
    );
    expect(() => bench.pc.usb?.plug({ backend: ramDisk(512), port: '9' })).toThrow(
      'usb port 9 (bus usb-bus.0) not found (in use?)',
    );
  });
});

describe('schedule', () => {
  test('nobody at an address: three attempts, then halted with an error interrupt', () => {
    const { bench, driver } = powerOn();
    bench.outw(INTR, 1);
    single(bench, (1 << 23) | (3 << 27), (7 << 21) | (5 << 8) | IN);
    driver.wait(2);
    expect(bench.memory.read(DESCRIPTORS + 4, 4).toString(16)).toBe('8840000');
    expect(irq(bench)).toBe(false);
    driver.wait(1);
    expect(bench.memory.read(DESCRIPTORS + 4, 4).toString(16)).toBe('4407ff');
    expect(bench.inw(STS)).toBe(2);
    expect(irq(bench)).toBe(true);
    bench.outw(STS, 2);
    expect(irq(bench)).toBe(false);
  });

  test('an inactive descriptor with IOC interrupts every frame', () => {
    const { bench, driver } = powerOn(false);
    bench.outw(INTR, 4);
    single(bench, 1 << 24, IN);
    driver.wait(1);
    expect(irq(bench)).toBe(true);
    bench.outw(STS, 1);
    expect(irq(bench)).toBe(false);
    driver.wait(1);
    expect(irq(bench)).toBe(true);
  });

  test('the completion interrupt needs its enable bit', () => {
    const { bench, driver } = powerOn(false);
    bench.outw(INTR, 0xb);
    single(bench, 1 << 24, IN);
    driver.wait(1);
    expect(bench.inw(STS)).toBe(1);
    expect(irq(bench)).toBe(false);
    bench.outw(INTR, 4);
    expect(irq(bench)).toBe(true);
  });

  test('a packet identifier that does not exist stops the controller', () => {
    const { bench, driver } = powerOn();
    single(bench, 1 << 23, 0x12);
    driver.wait(1);
    expect(bench.inw(STS)).toBe(0x30);
    expect(bench.inw(CMD)).toBe(0);
    expect(irq(bench)).toBe(true);
  });

  test('descriptors in a circle end with the frame', () => {
    const { bench, driver } = powerOn();
    single(bench, 0, IN, DESCRIPTORS);
    driver.wait(3);
    expect(bench.inw(FRNUM)).toBe(3);
  });

  test('without bus mastering the list is not read', () => {
    const { bench, driver } = powerOn(false);
    bench.configWrite(1, 2, 4, 1);
    single(bench, 1 << 24, IN);
    driver.wait(2);
    expect(bench.inw(STS)).toBe(0);
    expect(bench.inw(FRNUM)).toBe(2);
  });

  test('a short packet ends a queue and is told', async () => {
    const { bench, driver } = powerOn();
    driver.enable();
    await driver.control([0x80, 6, 0, 1, 0, 0, 18, 0]);
    const packets = [0, 1].map(i => ({
      pid: IN,
      endpoint: 1,
      length: 64,
      buffer: 0x30000 + 64 * i,
    }));
    await driver.enumerate(3);
    await driver.wrap([0x12, 0, 0, 0, 36, 0], 36, true);
    bench.outw(INTR, 8);
    const { statuses, lengths } = await driver.run(packets);
    expect(lengths).toEqual([36]);
    expect(statuses[1] & (1 << 23)).toBe(1 << 23);
  });
});

test('its state survives saving and loading in the middle of a command', async () => {
  const first = powerOn();
  first.driver.enable();
  await first.driver.enumerate(7);
  await first.driver.scsiOut([0, 0, 0, 0, 0, 0]);
  await first.driver.wrap([0x12, 0, 0, 0, 36, 0], 36, true);
  const second = powerOn();
  second.bench.clock.restore(first.bench.clock.nowNs);
  second.bench.pc.load(first.bench.pc.save());
  second.bench.memory.u8.set(first.bench.memory.u8);
  second.driver.address = 7;
  const results = [];
  for (const { driver, bench } of [first, second]) {
    const data = await driver.bulk(IN, 0x30000, 36);
    const text = new Uint8Array(16);
    bench.memory.readBytes(0x30008, text);
    const csw = await driver.status();
    const saved = bench.pc.save();
    const usb = ['piix3-usb-uhci', 'usb.1', 'usb.1.disk'].map(id => saved[id]);
    results.push([data, new TextDecoder().decode(text), csw, usb]);
  }
  expect(results[0][1]).toBe('QEMU    QEMU HAR');
  expect(results[1]).toEqual(results[0]);
});
