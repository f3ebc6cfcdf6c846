// Builds the firmware images of this folder with nasm. The images are committed beside their
// sources, so nobody needs nasm to run the program.
//
//   node roms/build.mjs           rebuild every image
//   node roms/build.mjs --check   rebuild elsewhere and compare byte for byte; exit 1 on a difference
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fontBinary } from './font/font.mjs';

const ROMS = import.meta.dirname;

/** Source, image, and whose checksums the image needs: see FINISH. */
const IMAGES = [
  { source: 'bios/bios.asm', image: 'bios/bios.bin', kind: 'bios' },
  { source: 'vgabios/vgabios.asm', image: 'vgabios/vgabios.bin', kind: 'rom' },
  { source: 'option/multiboot.asm', image: 'option/multiboot.bin', kind: 'rom' },
  { source: 'option/linuxboot.asm', image: 'option/linuxboot.bin', kind: 'rom' },
  { source: 'bench/kernels.asm', image: 'bench/kernels.elf', kind: 'raw' },
  { source: 'demo/demo.asm', image: 'demo/demo.img', kind: 'raw' },
];

/** Makes the bytes of `rom` from `start` to `end` add up to zero by the one at `at`. */
function fixSum(rom, start, end, at) {
  let sum = 0;
  for (const byte of rom.subarray(start, end)) sum += byte;
  rom[at] = (rom[at] - sum) & 0xff;
}

/** An option ROM has two checksums: its Plug and Play header's and, in the last byte, its own. */
function withChecksums(bytes) {
  const rom = Uint8Array.from(bytes);
  const pnp = rom[0x1a] | (rom[0x1b] << 8);
  if (pnp !== 0) fixSum(rom, pnp, pnp + 32, pnp + 9);
  fixSum(rom, 0, rom.length, rom.length - 1);
  return rom;
}

/** Signature and version, as tables of the BIOS begin. The signature alone also stands in code. */
const PNP_TABLE = '$PnP\x10\x21';
const PIR_TABLE = '$PIR\x00\x01';

/** The BIOS's tables have checksums, too; they stand at multiples of 16. */
function withTableSums(bytes) {
  const rom = Uint8Array.from(bytes);
  for (let at = 0; at < rom.length; at += 16) {
    const begin = String.fromCharCode(...rom.subarray(at, at + 6));
    if (begin === PNP_TABLE) fixSum(rom, at, at + rom[at + 5], at + 8);
    if (begin === PIR_TABLE) fixSum(rom, at, at + (rom[at + 6] | (rom[at + 7] << 8)), at + 31);
  }
  return rom;
}

const FINISH = { raw: bytes => bytes, rom: withChecksums, bios: withTableSums };

function assemble(work, entry) {
  const out = join(work, entry.image);
  mkdirSync(dirname(out), { recursive: true });
  const source = join(ROMS, entry.source);
  const args = ['-f', 'bin', '-i', `${dirname(source)}/`];
  args.push('-i', `${ROMS}/`, '-i', `${work}/`, '-o', out, source);
  const run = spawnSync('nasm', args, { encoding: 'utf8' });
  if (run.stderr) process.stderr.write(run.stderr);
  if (run.status !== 0) throw new Error(`nasm failed on ${entry.source}`);
  const bytes = readFileSync(out);
  return FINISH[entry.kind](bytes);
}

function main() {
  const check = process.argv.includes('--check');
  if (spawnSync('nasm', ['-v']).error) {
    console.log('roms: nasm is not installed; the committed images are used as they are');
    return 0;
  }
  const work = mkdtempSync(join(tmpdir(), 'tinamou-roms-'));
  let differences = 0;
  try {
    for (const rows of [8, 14, 16])
      writeFileSync(join(work, `font8x${rows}.bin`), fontBinary(rows));
    for (const entry of IMAGES.filter(e => existsSync(join(ROMS, e.source)))) {
      const bytes = assemble(work, entry);
      const path = join(ROMS, entry.image);
      const same = existsSync(path) && Buffer.compare(readFileSync(path), bytes) === 0;
      if (check && !same) differences++;
      if (!check && !same) writeFileSync(path, bytes);
      const verdict = same ? 'unchanged' : check ? 'DIFFERS from its source' : 'written';
      console.log(`${entry.image}: ${bytes.length} bytes, ${verdict}`);
    }
  } finally {
    rmSync(work, { recursive: true });
  }
  return differences ? 1 : 0;
}

process.exitCode = main();
