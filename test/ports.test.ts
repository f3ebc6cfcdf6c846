import { expect, test } from 'vitest';
import { Ports } from '../src/ports.ts';

function recorder(values: readonly number[] = [0x11, 0x22, 0x33, 0x44]) {
  const log: string[] = [];
  return {
    log,
    handler: {
      read: (offset: number, size: number) => {
        log.push(`r${size}@${offset}`);
        let value = 0;
        for (let i = size - 1; i >= 0; i--) value = value * 256 + values[offset + i];
        return value;
      },
      write: (offset: number, size: number, value: number) => {
        log.push(`w${size}@${offset}=${value.toString(16)}`);
      },
    },
  };
}

test('unmapped ports read as all ones', () => {
  const ports = new Ports();
  expect([ports.read(0x80, 1), ports.read(0x80, 2), ports.read(0xffff, 4)]).toEqual([
    0xff, 0xffff, 0xffffffff,
  ]);
});

test('wide accesses to byte registers are split, lower port first', () => {
  const ports = new Ports();
  const { log, handler } = recorder();
  ports.map({ name: 'dev', base: 0x60, length: 4, handler });
  expect(ports.read(0x60, 4)).toBe(0x44332211);
  ports.write(0x61, 2, 0xbeef);
  expect(log).toEqual(['r1@0', 'r1@1', 'r1@2', 'r1@3', 'w1@1=ef', 'w1@2=be']);
});

test('a wide access that leaves the region reads ones beyond it', () => {
  const ports = new Ports();
  const { handler } = recorder();
  ports.map({ name: 'dev', base: 0x60, length: 2, maxSize: 4, handler });
  expect(ports.read(0x60, 4)).toBe(0xffff2211);
});

test('a narrow read of a register that is only whole takes its bytes', () => {
  const ports = new Ports();
  const { log, handler } = recorder();
  ports.map({ name: 'timer', base: 0x608, length: 4, minSize: 4, maxSize: 4, handler });
  expect(ports.read(0x60a, 1)).toBe(0x33);
  expect(ports.read(0x60a, 2)).toBe(0x4433);
  expect(log).toEqual(['r4@0', 'r4@0']);
});

test('the higher priority answers, and a region can move and be disabled', () => {
  const ports = new Ports();
  const low = recorder([1, 2, 3, 4]);
  const high = recorder([9, 9, 9, 9]);
  ports.map({ name: 'low', base: 0xcf8, length: 4, handler: low.handler });
  const reset = ports.map({
    name: 'high',
    base: 0xcf9,
    length: 1,
    priority: 1,
    handler: high.handler,
  });
  expect([ports.read(0xcf8, 1), ports.read(0xcf9, 1), ports.read(0xcfa, 1)]).toEqual([1, 9, 3]);
  ports.place(reset, 0x100, true);
  expect([ports.read(0xcf9, 1), ports.read(0x100, 1)]).toEqual([2, 9]);
  ports.place(reset, 0x100, false);
  expect(ports.read(0x100, 1)).toBe(0xff);
  ports.unmap(reset);
  expect(ports.regions.map(r => r.name)).toEqual(['low']);
});
