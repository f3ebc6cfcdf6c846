import { describe, expect, test } from 'vitest';
import type { KernelBoot } from '../../../src/hw/board/boot-image.ts';
import { loadKernel } from '../../../src/hw/board/boot-kernel.ts';

const MIB = 1024 * 1024;

/** A file by pieces: `[offset, bytes or 32-bit words]`. */
function file(size: number, ...pieces: readonly [number, readonly number[] | string][]) {
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  for (const [offset, content] of pieces) {
    if (typeof content === 'string') bytes.set(new TextEncoder().encode(content), offset);
    else {
      content.forEach((word, i) => {
        view.setUint32(offset + i * 4, word, true);
      });
    }
  }
  return bytes;
}

function load(files: { [path: string]: Uint8Array }, more: object = {}): KernelBoot {
  return loadKernel({
    kernel: 'kernel',
    ramBelow4g: 128 * MIB,
    readFile: path => files[path] ?? { strerror: 'No such file or directory' },
    ...more,
  });
}

function bytesOf(boot: KernelBoot, key: number): Uint8Array {
  const entry = boot.entries.find(e => e.key === key);
  if (!entry) throw new Error(`no entry ${key}`);
  return entry.bytes;
}

function word(bytes: Uint8Array, offset = 0): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(offset, true);
}

function text(bytes: Uint8Array, start: number): string {
  return new TextDecoder().decode(bytes.subarray(start, bytes.indexOf(0, start)));
}

const MAGIC = 0x1badb002;
/** Header at 0x10 of the file, loaded to 1 MiB, 0x100 bytes of file, 0x1100 of memory. */
const FLAGS = 0x10003;
const kludge = file(
  0x200,
  [0x10, [MAGIC, FLAGS, -(MAGIC + FLAGS)]],
  [0x1c, [0x100010, 0x100000, 0x100100, 0x101100, 0x100030]],
  [0x30, 'code'],
  [0x100, 'not loaded'],
);

describe('a multiboot kernel', () => {
  test('with address fields is loaded as they say, its bss zero', () => {
    const boot = load({ kernel: kludge });
    expect(boot.rom).toBe('multiboot.bin');
    expect(word(bytesOf(boot, 0x07))).toBe(0x100000);
    expect(word(bytesOf(boot, 0x10))).toBe(0x100030);
    const data = bytesOf(boot, 0x11);
    expect(word(bytesOf(boot, 0x08))).toBe(data.length);
    expect(text(data, 0x30)).toBe('code');
    expect(data.subarray(0x100, 0x1100).every(byte => byte === 0)).toBe(true);
  });

  test('finds list, strings and modules where the structure says', () => {
    const modules = { mod1: file(12, [0, 'first module']), mod2: file(6, [0, 'second']) };
    const options = { append: 'hello world', initrd: 'mod1 arg one, mod2 two' };
    const boot = load({ kernel: kludge, ...modules }, options);
    const data = bytesOf(boot, 0x11);
    const info = bytesOf(boot, 0x12);
    const at = (offset: number) => word(info, offset) - 0x100000;
    expect(word(bytesOf(boot, 0x0a))).toBe(0x9500);
    expect(word(info)).toBe(0x24f);
    expect(text(data, at(16))).toBe('kernel hello world');
    expect(text(data, at(64))).toBe('qemu');
    expect(word(info, 20)).toBe(2);
    expect(at(24)).toBe(0x2000);
    const [start, end, name] = [0, 4, 8].map(o => word(data, 0x2010 + o) - 0x100000);
    expect([start, end]).toEqual([0x4000, 0x4006]);
    expect(text(data, name!)).toBe('mod2 two');
    expect(text(data, 0x3000)).toBe('first module');
  });

  test('as ELF goes to its physical addresses and is entered at one', () => {
    const elf = file(
      0x300,
      [0, [0x464c457f, 0x00010101]],
      [16, [0x00030002, 1, 0xc0100020, 52]],
      [40, [0x00200034, 0x00000002]],
      [52, [1, 0x100, 0xc0100000, 0x100000, 0x40, 0x40, 5, 0x1000]],
      [84, [1, 0x200, 0xc0102000, 0x102000, 4, 0x800, 6, 0x1000]],
      [0x100, [MAGIC, 3, -(MAGIC + 3)]],
      [0x200, 'data'],
    );
    new DataView(elf.buffer).setUint16(42, 32, true);
    const boot = load({ kernel: elf });
    expect(word(bytesOf(boot, 0x07))).toBe(0x100000);
    expect(word(bytesOf(boot, 0x10))).toBe(0x100020);
    expect(text(bytesOf(boot, 0x11), 0x2000)).toBe('data');
    expect(text(bytesOf(boot, 0x11), word(bytesOf(boot, 0x12), 16) - 0x100000)).toBe('kernel ');
  });

  test('that wants a video mode is loaded with a warning', () => {
    const flags = FLAGS | 4;
    const image = file(0x200, [0x10, [MAGIC, flags, -(MAGIC + flags)]]);
    image.set(kludge.subarray(0x1c, 0x30), 0x1c);
    expect(load({ kernel: image }).warnings).toEqual(["qemu: multiboot knows VBE. we don't."]);
  });

  test.each<[string, Uint8Array, object, string]>([
    [
      'for 64 bits',
      file(64, [0, [0x464c457f, 0x00010102]], [16, [0x003e0002]], [52, [MAGIC, 0, -MAGIC]]),
      {},
      'Cannot load x86-64 image, give a 32bit one.',
    ],
    ['that is no ELF', file(64, [0, [MAGIC, 0, -MAGIC]]), {}, 'Error while loading elf kernel'],
    ['with a missing module', kludge, { initrd: 'gone x' }, "Failed to open file 'gone'"],
    ['cut off', kludge.slice(0, 0x80), {}, 'fread() failed'],
  ])('%s is refused', (_, kernel, options, message) => {
    expect(() => load({ kernel }, options)).toThrow(message);
  });
});

/** A bzImage of one setup sector; `version` is the protocol. */
function linux(version: number, loadFlags = 1): Uint8Array {
  const image = file(
    0x800,
    [0x1f0, [1 << 8, 0, 0, 0xaa550000]],
    [0x202, 'HdrS'],
    [0x22c, [0x37ffffff]],
    [0x400, 'kernel'],
  );
  new DataView(image.buffer).setUint16(0x206, version, true);
  image[0x211] = loadFlags;
  return image;
}

describe('a Linux image', () => {
  test('of protocol 2.15 gets command line, heap, loader and RAM disk in its header', () => {
    const files = { kernel: linux(0x20f), initrd: new Uint8Array(5000) };
    const boot = load(files, { append: 'console=ttyS0 vga=0x305', initrd: 'initrd' });
    expect(boot.rom).toBe('linuxboot.bin');
    const [setup, kernel, cmdline, initrd] = [0x16, 0x07, 0x13, 0x0a].map(key =>
      word(bytesOf(boot, key)),
    );
    expect([setup, kernel, cmdline]).toEqual([0x10000, 0x100000, 0x20000]);
    expect(text(bytesOf(boot, 0x15), 0)).toBe('console=ttyS0 vga=0x305');
    expect(text(bytesOf(boot, 0x11), 0)).toBe('kernel');
    const header = bytesOf(boot, 0x18);
    expect(header.length).toBe(0x400);
    expect(word(header, 0x228)).toBe(0x20000);
    expect(word(header, 0x224) & 0xffff).toBe(0xfe00);
    expect([header[0x210], header[0x211]]).toEqual([0xb0, 0x81]);
    expect(word(header, 0x1fa) & 0xffff).toBe(0x305);
    expect(word(header, 0x218)).toBe(initrd);
    expect(initrd).toBe(128 * MIB - 0x28000 - 0x2000);
    expect(word(header, 0x21c)).toBe(5000);
  });

  test('keeps its RAM disk below what the kernel can reach', () => {
    const files = { kernel: linux(0x20f), initrd: new Uint8Array(4096) };
    const boot = load(files, { initrd: 'initrd', ramBelow4g: 2048 * MIB });
    expect(word(bytesOf(boot, 0x0a))).toBe(0x37ffe000);
  });

  test('that is small goes below 640 KiB with the old command line convention', () => {
    const boot = load({ kernel: linux(0x200, 0) }, { append: 'a' });
    const [setup, kernel, cmdline] = [0x16, 0x07, 0x13].map(key => word(bytesOf(boot, key)));
    expect([setup, kernel, cmdline]).toEqual([0x90000, 0x10000, 0x99ffe]);
    expect(word(bytesOf(boot, 0x18), 0x20)).toBe(0x9ffea33f);
  });

  test.each([
    ['normal', 0xffff],
    ['ext', 0xfffe],
    ['legacy', 0xfffd],
    ['791 quiet', 791],
    ['010', 8],
    ['what', 0],
  ])('takes vga=%s', (value, mode) => {
    const boot = load({ kernel: linux(0x20f) }, { append: `vga=${value}` });
    expect(word(bytesOf(boot, 0x18), 0x1fa) & 0xffff).toBe(mode);
  });

  test.each<[string, Uint8Array, object, string]>([
    [
      'missing',
      new Uint8Array(0),
      { kernel: 'x' },
      "qemu: could not load kernel 'x': No such file or directory",
    ],
    ['empty', new Uint8Array(0), {}, "qemu: could not load kernel 'kernel': Success"],
    [
      'too old for a RAM disk',
      file(0x800),
      { initrd: 'i' },
      'qemu: linux kernel too old to load a ram disk',
    ],
    [
      'with a missing RAM disk',
      linux(0x20f),
      { initrd: 'i' },
      'qemu: error reading initrd i: No such file or directory',
    ],
  ])('that is %s is refused', (_, kernel, options, message) => {
    expect(() => load({ kernel }, options)).toThrow(message);
  });
});
