import { expect, test } from 'vitest';
import { I8259 } from '../../../src/hw/intc/i8259.ts';
import { Line } from '../../../src/line.ts';

function powerOn() {
  const irq = Array.from({ length: 16 }, (_, i) => new Line(`irq${i}`));
  const intr = new Line('intr');
  const slave = new I8259({ inputs: irq.slice(8), output: irq[2], elcrMask: 0xde });
  const master = new I8259({ inputs: irq.slice(0, 8), output: intr, elcrMask: 0xf8, slave });
  const chips = { 32: master, 160: slave };
  const out = (port: number, value: number): void =>
    chips[(port & 0xf0) as 0x20 | 0xa0].ports.write(port & 1, 1, value);
  const inb = (port: number): number => chips[(port & 0xf0) as 0x20 | 0xa0].ports.read(port & 1, 1);
  return { irq, intr, slave, master, out, inb };
}

/** As every BIOS does: vectors 08h and 70h, cascade on IR2. */
function initialized(icw4 = { master: 0x01, slave: 0x01 }) {
  const pc = powerOn();
  for (const [base, vectors, cascade, mode] of [
    [0x20, 0x08, 0x04, icw4.master],
    [0xa0, 0x70, 0x02, icw4.slave],
  ]) {
    pc.out(base, 0x11);
    pc.out(base + 1, vectors);
    pc.out(base + 1, cascade);
    pc.out(base + 1, mode);
    pc.out(base + 1, 0x00);
  }
  return pc;
}

test('after reset shows what info pic shows before any firmware ran', () => {
  const { master, slave } = powerOn();
  expect(master.infoText('pic0')).toBe(
    'pic0: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0',
  );
  expect(slave.infoText('pic1')).toBe(
    'pic1: irr=00 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=00 fnm=0',
  );
});

test('an edge raises INT, is acknowledged once, and needs EOI before lower ones pass', () => {
  const { irq, intr, master, out } = initialized();
  irq[1].set(true);
  expect(intr.level).toBe(true);
  expect(master.acknowledge()).toBe(0x09);
  expect(intr.level).toBe(false);
  irq[4].set(true);
  expect(intr.level).toBe(false);
  irq[0].set(true);
  expect(intr.level).toBe(true);
  expect(master.acknowledge()).toBe(0x08);
  out(0x20, 0x20);
  expect(intr.level).toBe(false);
  out(0x20, 0x20);
  expect(master.acknowledge()).toBe(0x0c);
  out(0x20, 0x20);
  expect(intr.level).toBe(false);
});

test('an edge that falls before it is acknowledged stays latched', () => {
  const { irq, master } = initialized();
  irq[3].pulse();
  expect(master.acknowledge()).toBe(0x0b);
});

test('a masked request shows in IRR and passes when it is unmasked', () => {
  const { irq, intr, out, inb } = initialized();
  out(0x21, 0x02);
  irq[1].set(true);
  expect(intr.level).toBe(false);
  expect(inb(0x20)).toBe(0x02);
  expect(inb(0x21)).toBe(0x02);
  out(0x21, 0x00);
  expect(intr.level).toBe(true);
});

test('the slave gives the vector of its inputs, and both need an EOI', () => {
  const { irq, intr, master, out, inb } = initialized();
  irq[14].set(true);
  expect(master.acknowledge()).toBe(0x76);
  out(0x20, 0x0b);
  out(0xa0, 0x0b);
  expect(inb(0x20)).toBe(0x04);
  expect(inb(0xa0)).toBe(0x40);
  irq[15].set(true);
  expect(intr.level).toBe(false);
  out(0xa0, 0x20);
  expect(intr.level).toBe(false);
  out(0x20, 0x20);
  expect(master.acknowledge()).toBe(0x77);
});

test('acknowledging nothing gives IR7, on the slave IR15', () => {
  const { irq, master, out, inb } = initialized();
  expect(master.acknowledge()).toBe(0x0f);
  irq[12].set(true);
  out(0xa1, 0xff);
  expect(master.acknowledge()).toBe(0x77);
  out(0xa0, 0x0b);
  expect(inb(0xa0)).toBe(0);
  out(0x20, 0x0b);
  expect(inb(0x20)).toBe(0x04);
});

test('a level-triggered input asks again after EOI until its line falls', () => {
  const { irq, intr, master, slave, out } = initialized();
  slave.elcrPort.write(0, 1, 0xff);
  expect(slave.elcrPort.read(0, 1)).toBe(0xde);
  irq[11].set(true);
  expect(master.acknowledge()).toBe(0x73);
  out(0xa0, 0x20);
  out(0x20, 0x20);
  expect(intr.level).toBe(true);
  irq[11].set(false);
  expect(intr.level).toBe(true); // the master has latched the edge of IR2
  expect(master.acknowledge()).toBe(0x77);
});

test('specific EOI, rotation and set priority change who is served first', () => {
  const { irq, master, out } = initialized();
  irq[3].set(true);
  expect(master.acknowledge()).toBe(0x0b);
  out(0x20, 0xa0); // rotate on non-specific EOI: 3 is the lowest now
  irq[3].set(false);
  irq[3].set(true);
  irq[4].set(true);
  expect(master.acknowledge()).toBe(0x0c);
  out(0x20, 0x64); // specific EOI of 4
  expect(master.acknowledge()).toBe(0x0b);
  out(0x20, 0x63);
  out(0x20, 0xc5); // 5 lowest, 6 highest
  irq[5].set(true);
  irq[6].set(true);
  expect(master.infoText('pic0')).toContain('irr=60');
  expect(master.infoText('pic0')).toContain('hprio=6');
  expect(master.acknowledge()).toBe(0x0e);
  out(0x20, 0xe6); // rotate on specific EOI of 6: 7 highest
  expect(master.infoText('pic0')).toContain('hprio=7');
  expect(master.acknowledge()).toBe(0x0d);
});

test('automatic EOI leaves nothing in service, and rotates when told', () => {
  const { irq, master, out, inb } = initialized({ master: 0x03, slave: 0x01 });
  out(0x20, 0x80);
  irq[0].set(true);
  expect(master.acknowledge()).toBe(0x08);
  out(0x20, 0x0b);
  expect(inb(0x20)).toBe(0);
  expect(master.infoText('pic0')).toContain('hprio=1');
});

test('with automatic EOI on the slave two of its requests come one after the other', () => {
  const { irq, intr, master } = initialized({ master: 0x03, slave: 0x03 });
  irq[9].set(true);
  irq[10].set(true);
  expect(master.acknowledge()).toBe(0x71);
  expect(intr.level).toBe(true);
  expect(master.acknowledge()).toBe(0x72);
  expect(intr.level).toBe(false);
});

test('special mask mode lets lower requests pass a masked one in service', () => {
  const { irq, intr, master, out } = initialized();
  irq[1].set(true);
  master.acknowledge();
  irq[5].set(true);
  expect(intr.level).toBe(false);
  out(0x21, 0x02);
  out(0x20, 0x68);
  expect(intr.level).toBe(true);
  expect(master.acknowledge()).toBe(0x0d);
});

test('in special fully nested mode a higher request of the slave passes the master', () => {
  const { irq, intr, master } = initialized({ master: 0x11, slave: 0x01 });
  irq[12].set(true);
  expect(master.acknowledge()).toBe(0x74);
  irq[8].set(true);
  expect(intr.level).toBe(true);
  expect(master.acknowledge()).toBe(0x70);
});

test('the poll command turns the next read into an acknowledge cycle', () => {
  const { irq, intr, out, inb } = initialized();
  out(0x20, 0x0c);
  expect(inb(0x20)).toBe(0x00);
  irq[6].set(true);
  out(0x20, 0x0c);
  expect(inb(0x20)).toBe(0x86);
  expect(intr.level).toBe(false);
  out(0x20, 0x0b);
  expect(inb(0x20)).toBe(0x40);
});

test('ICW1 clears mask, service and latched edges, but not ELCR', () => {
  const { irq, intr, master, out } = initialized();
  master.elcrPort.write(0, 1, 0x20);
  irq[4].set(true);
  irq[5].set(true);
  out(0x20, 0x11);
  expect(master.infoText('pic0')).toBe(
    'pic0: irr=20 imr=00 isr=00 hprio=0 irq_base=00 rr_sel=0 elcr=20 fnm=0',
  );
  expect(intr.level).toBe(true);
});

test('a loaded snapshot takes a line that was already high for no new edge', () => {
  const before = initialized();
  before.irq[4].set(true);
  before.master.acknowledge();
  before.out(0x20, 0x20);
  const after = powerOn();
  after.master.load(before.master.save());
  after.irq[4].set(true);
  expect(after.intr.level).toBe(false);
});
