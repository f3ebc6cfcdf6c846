/**
 * A request for which the machine has stopped is part of its state: made again after `loadvm`.
 */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from './support/emulator.ts';
import { missing, SEABIOS } from './support/program.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const path = (name: string): string => join(workshop.folder, name);

const SECTORS = 2048;
/** As isa-debug-exit makes it of AH 0. */
const SUCCESS = 1;

/** Writes the sector that it was loaded from once more, five sectors on, and ends. */
function disk(): Buffer {
  const code = Buffer.from([
    ...[0x31, 0xc0, 0x8e, 0xc0], // xor ax,ax; mov es,ax
    ...[0xb8, 0x01, 0x03], // mov ax,0301
    ...[0xb9, 0x06, 0x00], // mov cx,6
    ...[0xba, 0x80, 0x00], // mov dx,80
    ...[0xbb, 0x00, 0x7c], // mov bx,7c00
    ...[0xcd, 0x13], // int 13
    ...[0x88, 0xe0, 0xe6, 0xf4], // mov al,ah; out f4,al
    ...[0xf4, 0xeb, 0xfd], // hlt; jmp
  ]);
  const bytes = Buffer.alloc(SECTORS * 512, 0xee);
  code.copy(bytes);
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

interface Ended {
  readonly text: string;
  readonly status: number | null;
}

/** Types the lines once the machine has stopped. */
function run(argv: readonly string[], ...whenStopped: string[]): Promise<Ended> {
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const quiet = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-m', '16', ...exit];
  const child = spawn(workshop.program, [...quiet, ...argv], { cwd: workshop.folder });
  child.stdin.on('error', () => {});
  child.stdin.write('{"execute":"qmp_capabilities"}\n');
  let text = '';
  let isTyped = false;
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (isTyped || !text.includes('"STOP"')) return;
    isTyped = true;
    for (const line of whenStopped) child.stdin.write(`${line}\n`);
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), 25_000);
  return new Promise(resolve => {
    child.on('close', status => {
      clearTimeout(timer);
      resolve({ text, status });
    });
  });
}

const human = (line: string): string =>
  JSON.stringify({ execute: 'human-monitor-command', arguments: { 'command-line': line } });

function prepare(): void {
  writeFileSync(path('disk.raw'), disk());
  workshop.imageTool('convert', '-f', 'raw', '-O', 'qcow2', 'disk.raw', 'disk.qcow2');
  const rule = '[inject-error]\nevent = "write_aio"\nerrno = "28"\nonce = "on"\n';
  writeFileSync(path('debug.conf'), rule);
}

function written(): Buffer {
  workshop.imageTool('convert', '-O', 'raw', 'disk.qcow2', 'after.raw');
  return readFileSync(path('after.raw')).subarray(5 * 512, 6 * 512);
}

/** Our own firmware boots from IDE disks only. */
const absent = missing('held requests of virtio, SCSI and USB disks', SEABIOS);
const BIOS = ['-bios', SEABIOS];
const STICK = ['-usb', '-device', 'usb-storage,drive=stick'];
const DRIVES: readonly (readonly [string, string, readonly string[]])[] = [
  ['ide', 'if=ide', []],
  ['virtio', 'if=virtio', BIOS],
  ['scsi', 'if=scsi', BIOS],
  ['usb', 'if=none,id=stick', [...BIOS, ...STICK]],
];

test.each(DRIVES)(
  '%s: saved, loaded by another machine, and made there',
  async (_, type, more) => {
    if (absent && more.length > 0) return;
    prepare();
    const drive = (file: string): string[] => [
      ...['-drive', `file=${file},format=qcow2,werror=stop,${type}`],
      ...more,
    ];
    const first = await run(
      drive('blkdebug:debug.conf:disk.qcow2'),
      ...[human('savevm one'), human('info status'), '{"execute":"quit"}'],
    );
    expect(first.text).toContain('VM status: paused (io-error)');
    expect(first.status).toBe(0);
    expect(written().every(byte => byte === 0xee)).toBe(true);
    const second = await run([...drive('disk.qcow2'), '-loadvm', 'one']);
    expect(second.status).toBe(SUCCESS);
    expect(written().equals(disk().subarray(0, 512))).toBe(true);
  },
  60_000,
);

test('going back forgets the request of now and has the one of then', async () => {
  prepare();
  const { text, status } = await run(
    ['-drive', 'file=blkdebug:debug.conf:disk.qcow2,format=qcow2,werror=stop'],
    ...[human('savevm one'), human('loadvm one'), human('savevm one'), human('loadvm one')],
    '{"execute":"cont"}',
  );
  expect(status).toBe(SUCCESS);
  expect(text).toContain('"RESUME"');
  expect(written().equals(disk().subarray(0, 512))).toBe(true);
}, 60_000);
