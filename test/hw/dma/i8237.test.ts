import { expect, test } from 'vitest';
import { I8237 } from '../../../src/hw/dma/i8237.ts';
import { Log } from '../../../src/log.ts';
import { Memory } from '../../../src/memory.ts';

function powerOn(width: 'byte' | 'word' = 'byte') {
  const memory = new Memory(4 << 20);
  const ram = memory.allocate(2 << 20);
  memory.map({ name: 'ram', base: 0, length: 2 << 20, backing: { arenaOffset: ram } });
  const dma = new I8237({ memory, log: new Log(), width });
  const step = width === 'word' ? 2 : 1;
  const channelPort = (index: number, value: number): void =>
    dma.channelPorts.write(index * step, 1, value);
  const control = (index: number, value: number): void =>
    dma.controlPorts.write(index * step, 1, value);
  const readControl = (index: number): number => dma.controlPorts.read(index * step, 1);
  /** As a floppy driver does for channel 2. */
  const program = (mode: number, page: number, address: number, count: number): void => {
    control(2, 0x06);
    control(4, 0);
    control(3, mode);
    channelPort(4, address & 0xff);
    channelPort(4, address >> 8);
    dma.pagePorts.write(0, 1, page);
    channelPort(5, count & 0xff);
    channelPort(5, count >> 8);
    control(2, 0x02);
  };
  const at = (address: number, length: number): number[] => {
    const bytes = new Uint8Array(length);
    memory.readBytes(address, bytes);
    return [...bytes];
  };
  return { memory, dma, control, readControl, program, at };
}

test('a masked channel takes nothing', () => {
  const { dma } = powerOn();
  expect(dma.channel(2).remaining).toBe(0);
  expect(dma.channel(2).writeMemory(Uint8Array.of(1))).toBe(0);
});

test('a floppy read goes to memory in pieces and stops at terminal count', () => {
  const { dma, program, at, readControl } = powerOn();
  program(0x46, 0x01, 0x2000, 4);
  const channel = dma.channel(2);
  expect(channel.remaining).toBe(5);
  expect(channel.writeMemory(Uint8Array.of(1, 2, 3))).toBe(3);
  expect(readControl(0)).toBe(0);
  expect(channel.writeMemory(Uint8Array.of(4, 5, 6, 7))).toBe(2);
  expect(at(0x12000, 6)).toEqual([1, 2, 3, 4, 5, 0]);
  expect(readControl(0)).toBe(0x04);
  expect(readControl(0)).toBe(0x00);
  expect(channel.remaining).toBe(0);
  expect(readControl(7)).toBe(0x0f);
});

test('addresses wrap within their page', () => {
  const { dma, program, at } = powerOn();
  program(0x46, 0x01, 0xffff, 1);
  dma.channel(2).writeMemory(Uint8Array.of(0xaa, 0xbb));
  expect([at(0x1ffff, 1), at(0x10000, 1)]).toEqual([[0xaa], [0xbb]]);
});

test('auto-initialize starts again at the base', () => {
  const { dma, program, at } = powerOn();
  program(0x56, 0x00, 0x8000, 1);
  const channel = dma.channel(2);
  expect(channel.writeMemory(Uint8Array.of(1, 2, 3))).toBe(2);
  expect(channel.remaining).toBe(2);
  channel.writeMemory(Uint8Array.of(9));
  expect(at(0x8000, 2)).toEqual([9, 2]);
});

test('memory goes to the device, downwards when told', () => {
  const { dma, memory, program } = powerOn();
  memory.writeBytes(0x9000, Uint8Array.of(1, 2, 3, 4));
  program(0x6a, 0x00, 0x9003, 3);
  const bytes = new Uint8Array(4);
  expect(dma.channel(2).readMemory(bytes)).toBe(4);
  expect([...bytes]).toEqual([4, 3, 2, 1]);
});

test('word channels count words and ignore page bit 0', () => {
  const { dma, program, at } = powerOn('word');
  program(0x46, 0x11, 0x0008, 1);
  expect(dma.channel(2).remaining).toBe(4);
  expect(dma.channel(2).writeMemory(Uint8Array.of(1, 2, 3, 4, 5))).toBe(4);
  expect(at(0x100010, 5)).toEqual([1, 2, 3, 4, 0]);
});

test('current registers read back low byte first; page registers keep their value', () => {
  const { dma, program, control } = powerOn();
  program(0x46, 0x12, 0x3456, 0x0789);
  dma.channel(2).writeMemory(new Uint8Array(1));
  control(4, 0);
  const bytes = [4, 4, 5, 5].map(index => dma.channelPorts.read(index, 1));
  expect(bytes).toEqual([0x57, 0x34, 0x88, 0x07]);
  expect(dma.pagePorts.read(0, 1)).toBe(0x12);
  dma.page0Port.write(0, 1, 0x77);
  expect(dma.page0Port.read(0, 1)).toBe(0x77);
});

test('a disabled controller and master clear stop everything', () => {
  const { dma, program, control, readControl } = powerOn();
  program(0x46, 0, 0, 0xff);
  control(0, 0x04);
  expect(dma.channel(2).remaining).toBe(0);
  control(0, 0x00);
  expect(dma.channel(2).remaining).toBe(256);
  control(5, 0);
  expect(readControl(7)).toBe(0x0f);
  control(6, 0);
  expect(readControl(7)).toBe(0);
});
