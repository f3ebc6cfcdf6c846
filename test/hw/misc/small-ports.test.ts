import { expect, test } from 'vitest';
import { Char } from '../../../src/char.ts';
import { DebugExit } from '../../../src/hw/misc/debug-exit.ts';
import { DebugCon } from '../../../src/hw/misc/debugcon.ts';
import { Port92 } from '../../../src/hw/misc/port92.ts';
import { stubPort } from '../../../src/hw/misc/stub-port.ts';
import { Line } from '../../../src/line.ts';
import { Ports } from '../../../src/ports.ts';
import { Bench } from '../../support/board.ts';

test('port 92h opens and closes A20, and resets when bit 0 rises', () => {
  const a20 = new Line('a20');
  const reset = new Line('reset');
  let resets = 0;
  reset.connect(level => {
    if (level) resets++;
  });
  const { ports } = new Port92({ a20, reset });
  ports.write(0, 1, 0x02);
  expect([a20.level, ports.read(0, 1)]).toEqual([true, 0x02]);
  ports.write(0, 1, 0x00);
  expect(a20.level).toBe(false);
  ports.write(0, 1, 0x01);
  ports.write(0, 1, 0x01);
  expect(resets).toBe(1);
});

test('kvmvapic takes what is written; without a local APIC it is absent', () => {
  const bench = new Bench();
  bench.outw(0x7e, 0x2211);
  expect([bench.inb(0x7e), bench.inw(0x7e)]).toEqual([0xff, 0xffff]);
  const names = (hasApic: boolean): string[] =>
    new Bench({ hasApic }).ports.regions.map(({ name }) => name);
  expect(names(true)).toContain('kvmvapic');
  expect(names(false)).not.toContain('kvmvapic');
  expect(new Bench({ hasApic: false }).pc.texts.qtreeText()).not.toContain('kvmvapic');
});

test('isa-debugcon hands on what is written and answers with its readback value', () => {
  const char = new Char('debugcon', 'test');
  let text = '';
  char.attach({
    write: bytes => {
      text += String.fromCharCode(...bytes);
    },
  });
  const ports = new Ports();
  const debugcon = new DebugCon({ char });
  ports.map({ name: 'isa-debugcon', base: 0xe9, length: 1, handler: debugcon.ports });
  for (const c of 'boot\n') ports.write(0xe9, 1, c.charCodeAt(0));
  expect(text).toBe('boot\n');
  expect(ports.read(0xe9, 1)).toBe(0xe9);
  expect(new DebugCon({ char, readback: 0x42 }).ports.read(0, 1)).toBe(0x42);
});

test('isa-debug-exit ends with the value doubled plus one', () => {
  const statuses: number[] = [];
  const ports = new Ports();
  const debugExit = new DebugExit(status => statuses.push(status));
  ports.map({
    name: 'isa-debug-exit',
    base: 0x501,
    length: 2,
    maxSize: 4,
    handler: debugExit.ports,
  });
  ports.write(0x501, 1, 0x10);
  ports.write(0x501, 2, 0x01);
  expect(statuses).toEqual([0x21, 0x03]);
  expect(ports.read(0x501, 1)).toBe(0);
});

test('stub ports read all ones and tell of writes', () => {
  const written: number[] = [];
  const ports = new Ports();
  ports.map({ name: 'ioportF0', base: 0xf0, length: 1, handler: stubPort(v => written.push(v)) });
  ports.write(0xf0, 1, 0);
  expect(ports.read(0xf0, 1)).toBe(0xff);
  expect(written).toEqual([0]);
});
