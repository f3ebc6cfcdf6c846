// Boots a multiboot image in v86 (npm, development only) with its serial line on stdout.
// node v86-peer.mjs IMAGE [nojit]. Its BIOS comes from Debian's seabios package.
import { readFileSync } from 'node:fs';
import { V86 } from 'v86';

const [image, jit] = process.argv.slice(2);
const wasm = new URL('../../node_modules/v86/build/v86.wasm', import.meta.url).pathname;

function buffer(path) {
  const data = readFileSync(path);
  return { buffer: data.buffer.slice(data.byteOffset, data.byteOffset + data.length) };
}

const emulator = new V86({
  wasm_path: wasm,
  memory_size: 64 << 20,
  vga_memory_size: 2 << 20,
  bios: buffer('/usr/share/seabios/bios.bin'),
  vga_bios: buffer('/usr/share/seabios/vgabios-stdvga.bin'),
  multiboot: buffer(image),
  autostart: true,
  disable_jit: jit === 'nojit' ? 1 : 0,
  disable_keyboard: true,
  disable_mouse: true,
  disable_speaker: true,
});
emulator.add_listener('serial0-output-byte', byte => process.stdout.write(Buffer.of(byte)));
