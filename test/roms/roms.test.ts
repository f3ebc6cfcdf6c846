import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { missing, Program, ROOT, SEABIOS, TINAMOU } from '../support/program.ts';

const QEMU = '/usr/bin/qemu-system-i386';
const NASM = '/usr/bin/nasm';
const ROMS = join(ROOT, 'roms');
const BIOS = join(ROMS, 'bios/bios.bin');
const DEMO = join(ROMS, 'demo/demo.img');
const SECONDS = 1000;

const folder = mkdtempSync(join(tmpdir(), 'tinamou-roms-'));
afterAll(() => rmSync(folder, { recursive: true }));

const noAssembler = missing('roms/build', NASM);
const noPeer = missing('roms', QEMU, NASM, SEABIOS);

function assemble(name: string, ...options: readonly string[]): string {
  const image = join(folder, name);
  const source = join(import.meta.dirname, `${name}.asm`);
  execFileSync(NASM, ['-f', 'bin', ...options, '-o', image, source]);
  return image;
}

const BARE = ['-M', 'pc-i440fx-2.2', '-display', 'none', '-nodefaults'];

/** Starts a machine without defaults on Debian's QEMU; `screen` is what its serial port says. */
function start(...args: readonly string[]): Program {
  const quiet = [...BARE, '-serial', 'stdio', '-m', '32', '-no-reboot'];
  return new Program([...quiet, ...args], QEMU);
}

function disk(image: string, type = 'ide'): string[] {
  return ['-drive', `file=${image},format=raw,if=${type}`, '-snapshot'];
}

/** The 25 rows of the display, as text of code page 437's ASCII part. */
function screenText(cells: Uint8Array): string[] {
  return Array.from({ length: 25 }, (_, row) =>
    Array.from({ length: 80 }, (_, column) => cells[(row * 80 + column) * 2] ?? 0)
      .map(code => (code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '#'))
      .join('')
      .trimEnd(),
  );
}

/** Looks at the display until its first row matches; gives all rows. */
async function screenWhen(program: Program, title: RegExp): Promise<string[]> {
  for (let tries = 1; ; tries++) {
    const dump = join(folder, `screen${tries}.bin`);
    program.type(`pmemsave 0xb8000 4000 "${dump}"\nprint /d ${1000 + tries}\n`);
    await program.seen([`\n${1000 + tries}`], 5 * SECONDS);
    const rows = screenText(readFileSync(dump));
    if (title.test(rows[0] ?? '') || tries === 100) return rows;
    await new Promise(resolve => setTimeout(resolve, 200));
  }
}

test.skipIf(noAssembler)('the committed images are what their sources give', () => {
  const build = spawnSync('node', [join(ROMS, 'build.mjs'), '--check'], { encoding: 'utf8' });
  expect(build.stdout).not.toContain('DIFFERS');
  expect(build.status).toBe(0);
});

test.each(['$PnP', '$PIR'])('the BIOS has one table %s, whose bytes add up to zero', name => {
  const bios = readFileSync(BIOS);
  const sums: number[] = [];
  for (let at = 0; at < bios.length; at += 16) {
    if (bios.toString('latin1', at, at + 4) !== name) continue;
    const length = name === '$PnP' ? bios[at + 5] : bios.readUInt16LE(at + 6);
    sums.push(bios.subarray(at, at + length).reduce((sum, byte) => (sum + byte) & 0xff, 0));
  }
  expect(sums.filter(sum => sum === 0)).toEqual([0]);
});

test('every option ROM has a signature, a length and a checksum', () => {
  for (const name of ['option/multiboot.bin', 'option/linuxboot.bin', 'vgabios/vgabios.bin']) {
    const rom = readFileSync(join(ROMS, name));
    expect([rom[0], rom[1], (rom[2] ?? 0) * 512], name).toEqual([0x55, 0xaa, rom.length]);
    expect(
      rom.reduce((sum, byte) => (sum + byte) & 0xff, 0),
      name,
    ).toBe(0);
  }
});

/** The boot disk that calls the BIOS's services: every line it says ends in `ok`. */
async function checkServices(program: Program): Promise<void> {
  const { output, status } = await program.end(100 * SECONDS);
  const lines = output.split(/\r?\n/).filter(line => / (ok|FAIL .*)$/.test(line));
  expect(lines.filter(line => !line.endsWith(' ok'))).toEqual([]);
  expect(lines.length, output.slice(-500)).toBeGreaterThan(45);
  expect(output).toMatch(/end\n$/);
  expect(status).toBe(33);
}

/** The demo on a machine without display: text on the serial port, keys from it. */
async function checkDemo(program: Program): Promise<void> {
  try {
    await program.seen(
      ['tinamou BIOS', 'Memory: 32 MiB', 'Disk 80h: QEMU HARDDISK, 64 KiB', 'Key? '],
      60 * SECONDS,
    );
    expect(program.output).not.toContain('\x1b');
    program.type('p');
    expect((await program.end(20 * SECONDS)).status).toBe(0);
    expect(program.output).toContain('Switching off');
  } finally {
    await program.kill();
  }
}

/** Boot media that check themselves end with 33, and say why not. */
async function checkItself(program: Program): Promise<void> {
  const { output, status } = await program.end(50 * SECONDS);
  expect(output).toMatch(/ OK\n$/);
  expect(status).toBe(33);
}

function diskette(image: string): string[] {
  return ['-drive', `file=${image},format=raw,if=floppy`, '-snapshot'];
}

/** A diskette that gives up comes first; the disk, which the order does not name, is next. */
function afterDiskette(): string[] {
  return [...diskette(assemble('gives-up')), ...disk(assemble('graphics')), ...EXIT, '-boot', 'a'];
}

async function checkNext(program: Program): Promise<void> {
  const { output, status } = await program.end(50 * SECONDS);
  expect(output).toMatch(/^Z OK\n$/);
  expect(status).toBe(33);
}

/** APM's 32-bit entry ends the machine; before it the guest says that it got that far. */
async function checkPowerOff(program: Program): Promise<void> {
  const { output, status } = await program.end(50 * SECONDS);
  expect(output).toMatch(/s$/);
  expect(status).toBe(0);
}

function stick(image: string): string[] {
  const drive = ['-usb', '-drive', `file=${image},format=raw,if=none,id=stick`, '-snapshot'];
  return [...drive, '-device', 'usb-storage,drive=stick'];
}

/** Codes that INT 16h gives for keys pressed at the monitor, one after the other. */
async function keyCodes(
  program: Program,
  serial: string,
  keys: readonly string[],
): Promise<string> {
  const said = (): string => readFileSync(serial, 'latin1');
  const until = async (text: RegExp, what: string): Promise<void> => {
    for (let tries = 0; !text.test(said()); tries++) {
      if (tries > 400) throw new Error(`${what}: no key after ${said()}`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  };
  try {
    await until(/\?/, 'start');
    for (const [i, key] of keys.entries()) {
      program.type(`sendkey ${key} 50\n`);
      await until(new RegExp(`([0-9A-F]{4}\n){${i + 1}}`), key);
    }
    await program.end(20 * SECONDS);
  } finally {
    await program.kill();
  }
  return said().slice(said().indexOf('?') + 1);
}

const KEYS =
  'a shift-b ctrl-c alt-d 1 shift-2 f1 shift-f10 f12 up ctrl-left delete home pgdn kp_7 esc';

/** USB and PS/2 keyboards give the same codes. */
async function checkKeys(program: (...args: readonly string[]) => Program): Promise<void> {
  const image = assemble('keys');
  const codes: string[] = [];
  for (const more of [[], ['-usb', '-device', 'usb-kbd']]) {
    const serial = join(folder, `keys${codes.length}.txt`);
    writeFileSync(serial, '');
    const drive = ['-drive', `file=${image},format=raw,if=ide`, '-snapshot'];
    const args = ['-serial', `file:${serial}`, '-monitor', 'stdio', ...drive, ...EXIT, ...more];
    codes.push(await keyCodes(program('-vga', 'std', ...args), serial, KEYS.split(' ')));
  }
  expect(codes[0].split('\n').slice(0, 4)).toEqual(['1E61', '3042', '2E03', '2000']);
  expect(codes[1]).toBe(codes[0]);
}

const EXIT = ['-device', 'isa-debug-exit,iobase=0xf4'];

describe.skipIf(noAssembler)('the BIOS on tinamou', () => {
  const bare = ['-display', 'none', '-nodefaults', '-m', '32', '-no-reboot'];
  const quiet = [...bare, '-serial', 'stdio'];

  const services = 'offers its services as their documents say, from an %s disk';
  test.each(['ide', 'virtio'])(services, { timeout: 120 * SECONDS }, async type => {
    const image = ['-drive', `file=${assemble('services')},format=raw,snapshot=on,if=${type}`];
    await checkServices(new Program([...quiet, ...image, ...EXIT, '-vga', 'std'], TINAMOU));
  });

  test('starts the disk that the user puts first', { timeout: 90 * SECONDS }, async () => {
    const drive = (id: string): string[] => [
      ...['-drive', `if=none,id=${id},file=${DEMO},format=raw,snapshot=on`],
    ];
    const first = ['-device', 'virtio-blk-pci,addr=0x1c,drive=v,bootindex=1'];
    const devices = ['-device', 'ide-hd,drive=d', '-device', 'virtio-blk-pci,drive=w', ...first];
    const disks = [...drive('d'), ...drive('v'), ...drive('w'), ...devices];
    const program = new Program([...quiet, ...disks], TINAMOU);
    try {
      const start = ['Disk 80h: virtio', 'Disk 81h: QEMU HARDDISK', 'Disk 82h: virtio', 'Key? '];
      await program.seen(start, 60 * SECONDS);
    } finally {
      await program.kill();
    }
  });

  test('says on the serial port what it does', { timeout: 90 * SECONDS }, async () => {
    const image = ['-drive', `file=${DEMO},format=raw,snapshot=on`];
    await checkDemo(new Program([...quiet, ...image], TINAMOU));
  });

  test('starts and serves a diskette', { timeout: 60 * SECONDS }, () =>
    checkItself(new Program([...quiet, ...diskette(assemble('floppy')), ...EXIT], TINAMOU)),
  );

  test('draws in every graphics mode', { timeout: 60 * SECONDS }, () => {
    const image = disk(assemble('graphics'));
    return checkItself(new Program([...quiet, ...image, ...EXIT, '-vga', 'std'], TINAMOU));
  });

  test('starts the next device when one gives up', { timeout: 60 * SECONDS }, () =>
    checkNext(new Program([...quiet, ...afterDiskette(), '-vga', 'std'], TINAMOU)),
  );

  const order = 'goes on to drive A after the disk with an index, but not with strict=on';
  test.each([true, false])(`${order} (%s)`, { timeout: 60 * SECONDS }, async strict => {
    const image = assemble('gives-up');
    const stick = ['-drive', `if=none,id=g,file=${image},format=raw,snapshot=on`, '-usb'];
    const first = ['-device', 'usb-storage,drive=g,bootindex=1', ...diskette(image)];
    const how = ['-boot', `order=c,strict=${strict ? 'on' : 'off'}`];
    const program = new Program([...quiet, ...stick, ...first, ...how], TINAMOU);
    try {
      await program.seen(['Booting from disk 80h', 'Z', 'No bootable device'], 50 * SECONDS);
      expect(program.output.includes('Booting from disk 00h')).toBe(!strict);
    } finally {
      await program.kill();
    }
  });

  test('starts an El Torito disc that is a hard disk', { timeout: 60 * SECONDS }, () => {
    const disc = ['-cdrom', assemble('hard-disc'), '-boot', 'd', ...disk(DEMO)];
    return checkItself(new Program([...quiet, ...disc, ...EXIT], TINAMOU));
  });

  test('lets the user choose in a menu', { timeout: 60 * SECONDS }, async () => {
    const drives = [...disk(DEMO), ...diskette(assemble('gives-up'))];
    const menu = ['-boot', 'menu=on,splash-time=20000', '-boot', 'c'];
    const program = new Program([...quiet, ...drives, ...menu], TINAMOU);
    try {
      await program.seen(['boot menu'], 40 * SECONDS);
      program.type('\x1b');
      await program.seen(['1. Disk 80h: QEMU HARDDISK', '2. Diskette'], 20 * SECONDS);
      program.type('2');
      await program.seen(['Booting from disk 00h', 'Z', 'disk 80h', 'Key? '], 20 * SECONDS);
    } finally {
      await program.kill();
    }
  });

  test('tries again with -boot reboot-timeout', { timeout: 60 * SECONDS }, async () => {
    const program = new Program([...quiet, '-boot', 'reboot-timeout=1200'], TINAMOU);
    const { output, status } = await program.end(50 * SECONDS);
    expect(output).toMatch(/No bootable device\s+Restarting in 1 s\s+$/);
    expect(status).toBe(0);
  });

  test('switches the machine off by APM', { timeout: 60 * SECONDS }, () =>
    checkPowerOff(new Program([...quiet, ...disk(assemble('apm')), ...EXIT], TINAMOU)),
  );

  test('offers them on a USB disk, too', { timeout: 120 * SECONDS }, async () => {
    const image = stick(assemble('services', '-dKIB=632'));
    await checkServices(new Program([...quiet, ...image, ...EXIT, '-vga', 'std'], TINAMOU));
  });

  test('starts a USB disk smaller than a cylinder', { timeout: 60 * SECONDS }, async () => {
    const program = new Program([...quiet, ...stick(DEMO)], TINAMOU);
    try {
      await program.seen(['Disk 80h: QEMU QEMU HARDDISK, 64 KiB', 'Key? '], 50 * SECONDS);
    } finally {
      await program.kill();
    }
  });

  test('takes keys from a USB keyboard', { timeout: 120 * SECONDS }, () =>
    checkKeys((...args) => new Program([...bare, ...args], TINAMOU)),
  );

  test('starts a multiboot kernel with modules', { timeout: 90 * SECONDS }, async () => {
    const module = join(folder, 'words');
    writeFileSync(module, 'text of the module');
    const boot = ['-kernel', assemble('multiboot-probe'), '-initrd', `${module} its words`];
    const { output, status } = await new Program([...quiet, ...boot, ...EXIT]).end(60 * SECONDS);
    expect(output).toContain('magic 2BADB002 info 00009500');
    expect(output).toContain(`${module} its words:text of the module`);
    expect(status).toBe(33);
  });
});

/** Firmware with INT 10h of ours: built in, and as the card's ROM. */
const DISPLAYS: readonly (readonly [string, readonly string[]])[] = [
  ['our BIOS', ['-bios', BIOS, '-vga', 'std']],
  [
    'SeaBIOS and our video ROM',
    ['-device', `VGA,romfile=${join(ROMS, 'vgabios/vgabios.bin')}`, '-bios', SEABIOS],
  ],
];

describe.skipIf(noPeer)('the BIOS on a peer machine', () => {
  const services = 'offers its services as their documents say, from an %s disk';
  test.each(['ide', 'virtio'])(services, { timeout: 120 * SECONDS }, async type => {
    const image = disk(assemble('services'), type);
    await checkServices(start('-bios', BIOS, ...image, ...EXIT, '-vga', 'std'));
  });

  test('says on the serial port what it does', { timeout: 90 * SECONDS }, async () => {
    await checkDemo(start('-bios', BIOS, '-vga', 'none', ...disk(DEMO)));
  });

  test('starts and serves a diskette', { timeout: 60 * SECONDS }, () =>
    checkItself(
      start('-bios', BIOS, ...diskette(assemble('floppy', '-dPEER')), ...EXIT, '-vga', 'std'),
    ),
  );

  test('offers them on a USB disk, too', { timeout: 120 * SECONDS }, async () => {
    const image = stick(assemble('services', '-dKIB=632'));
    await checkServices(start('-bios', BIOS, ...image, ...EXIT, '-vga', 'std'));
  });

  test('starts the next device when one gives up', { timeout: 60 * SECONDS }, () =>
    checkNext(start('-bios', BIOS, '-vga', 'std', ...afterDiskette())),
  );

  test('switches the machine off by APM', { timeout: 60 * SECONDS }, () =>
    checkPowerOff(start('-bios', BIOS, '-vga', 'none', ...disk(assemble('apm')), ...EXIT)),
  );

  test('takes keys from a USB keyboard', { timeout: 120 * SECONDS }, () =>
    checkKeys(
      (...args) => new Program([...BARE, '-m', '32', '-no-reboot', '-bios', BIOS, ...args], QEMU),
    ),
  );

  test('starts an El Torito disc, which reads itself', { timeout: 60 * SECONDS }, async () => {
    const disc = ['-drive', `file=${assemble('cdrom')},format=raw,if=ide,index=2,media=cdrom`];
    const program = start('-bios', BIOS, '-vga', 'none', ...disc, ...EXIT);
    const { output, status } = await program.end(50 * SECONDS);
    expect(output).toMatch(/Booting from CD-ROM\r\nTINAMOU-DISC\n$/);
    expect(status).toBe(33);
  });

  test('starts an El Torito disc that is a diskette', { timeout: 60 * SECONDS }, async () => {
    const disc = ['-drive', `file=${assemble('diskette')},format=raw,if=ide,index=2,media=cdrom`];
    const program = start('-bios', BIOS, '-vga', 'none', ...disc, ...EXIT);
    const { output, status } = await program.end(50 * SECONDS);
    expect(output).toMatch(/Booting from CD-ROM\r\nEIGHTEEN\nNINETEEN\nTWENTY\n$/);
    expect(status).toBe(33);
  });

  test('starts an El Torito disc that is a hard disk', { timeout: 60 * SECONDS }, () => {
    const disc = ['-drive', `file=${assemble('hard-disc')},format=raw,if=ide,index=2,media=cdrom`];
    const more = ['-boot', 'd', '-vga', 'none', ...disk(DEMO), ...EXIT];
    return checkItself(start('-bios', BIOS, ...disc, ...more));
  });

  test('says so when there is nothing to boot', async () => {
    const program = start('-bios', BIOS, '-vga', 'none');
    try {
      await program.seen(['No bootable device'], 15 * SECONDS);
    } finally {
      await program.kill();
    }
  });

  test.each(DISPLAYS)('%s draws in every graphics mode', { timeout: 60 * SECONDS }, (...row) =>
    checkItself(start(...row[1], ...disk(assemble('graphics')), ...EXIT)),
  );

  test.each(DISPLAYS)(
    'shows the demo on a display with %s',
    { timeout: 60 * SECONDS },
    async (_name, firmware) => {
      const args = ['-M', 'pc-i440fx-2.2', '-display', 'none', '-nodefaults', '-monitor', 'stdio'];
      const program = new Program([...args, '-m', '32', ...firmware, ...disk(DEMO)], QEMU);
      try {
        const rows = await screenWhen(program, /^ {2}tinamou demo +\d\d:\d\d:\d\d$/);
        expect(rows[9]).toMatch(/^ #+ Memory #+ #+ Processor #+$/);
        expect(rows[10]).toMatch(/^ # 00000000-0009FBFF {3}639 KiB RAM +# # Vendor/);
        expect(rows[24]).toBe('  r restart   p power off   c characters   m main page');
      } finally {
        await program.kill();
      }
    },
  );
});

describe.skipIf(noPeer)('the multiboot ROM', () => {
  test.each([
    ['our BIOS', BIOS],
    ['SeaBIOS', SEABIOS],
  ])('starts a kernel with modules on %s', { timeout: 40 * SECONDS }, async (_name, bios) => {
    const kernel = assemble('multiboot-probe');
    const module = join(folder, 'module');
    writeFileSync(module, 'text of the module');
    const roms = ['-L', join(ROMS, 'option'), '-L', '/usr/share/qemu', '-L', '/usr/share/seabios'];
    const boot = ['-kernel', kernel, '-append', 'some words', '-initrd', `${module} its words`];
    const exit = ['-device', 'isa-debug-exit,iobase=0xf4', '-vga', 'none', '-bios', bios];
    const { output, status } = await start(...roms, ...boot, ...exit).end(30 * SECONDS);
    expect(output).toContain('magic 2BADB002 info 00009500');
    expect(output).toContain(`command ${kernel} some words`);
    expect(output).toContain(`${module} its words:text of the module`);
    expect(output).toContain('map 00000014 00000000 00000000 0009FC00 00000000 00000001');
    expect(status).toBe(33);
  });
});
