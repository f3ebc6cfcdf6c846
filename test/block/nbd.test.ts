import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { NbdConnection, type NbdExport } from '../../src/block/nbd.ts';
import { Workshop } from '../support/emulator.ts';
import { LEGACY } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

function memoryDisk(length: number) {
  const bytes = new Uint8Array(length);
  return {
    bytes,
    length,
    inserted: true,
    readOnly: false,
    flushes: 0,
    async read(offset: number, into: Uint8Array) {
      into.set(bytes.subarray(offset, offset + into.length));
    },
    async write(offset: number, from: Uint8Array) {
      bytes.set(from, offset);
    },
    async flush() {
      this.flushes++;
    },
    async discard(offset: number, size: number) {
      bytes.fill(0, offset, offset + size);
    },
  };
}

/** A client that says bytes, and what the server said since. */
function connect(exports: readonly NbdExport[]) {
  let said: number[] = [];
  const state = { ended: false };
  const connection = new NbdConnection(() => exports, {
    send: bytes => {
      said.push(...bytes);
    },
    end: () => {
      state.ended = true;
    },
  });
  return {
    connection,
    state,
    async say(...parts: readonly (Uint8Array | readonly number[])[]) {
      for (const part of parts) connection.feed(Uint8Array.from(part));
      for (let i = 0; i < 20; i++) await Promise.resolve();
      const now = Buffer.from(said);
      said = [];
      return now;
    },
  };
}

const words = (...values: readonly number[]): number[] =>
  values.flatMap(value => [value >>> 24, (value >> 16) & 0xff, (value >> 8) & 0xff, value & 0xff]);
const ascii = (text: string): number[] => [...Buffer.from(text)];

function option(number: number, data: readonly number[] = []): number[] {
  return [...ascii('IHAVEOPT'), ...words(number, data.length), ...data];
}

function request(type: number, offset: number, length: number, flags = 0): number[] {
  return [...words(0x25609513), 0, flags, 0, type, ...words(7, 8, 0, offset, length)];
}

test('an export is chosen by name, then read and written', async () => {
  const disk = memoryDisk(4096);
  const { say, state } = connect([{ name: 'a', disk, isWritable: true }]);
  expect((await say()).toString('latin1').slice(0, 16)).toBe('NBDMAGICIHAVEOPT');
  const list = await say(words(1), option(3));
  expect(list.includes('a')).toBe(true);
  const unknown = await say(option(7));
  expect(unknown.readUInt32BE(12)).toBe(0x80000001);
  const chosen = await say(option(1, ascii('a')));
  expect(chosen.readBigUInt64BE(0)).toBe(4096n);
  expect(chosen.readUInt16BE(8) & 2).toBe(0);
  const sector = new Uint8Array(512).fill(9);
  // In two pieces, and with FUA.
  const write = [...request(1, 1024, 512, 1), ...sector];
  const written = await say(write.slice(0, 100), write.slice(100));
  expect([...written]).toEqual([...words(0x67446698, 0, 7, 8)]);
  expect([disk.bytes[1023], disk.bytes[1024], disk.flushes]).toEqual([0, 9, 1]);
  const read = await say(request(0, 1024, 512));
  expect(read.subarray(16).equals(sector)).toBe(true);
  expect((await say(request(4, 1024, 512))).readUInt32BE(4)).toBe(0);
  expect(disk.bytes[1024]).toBe(0);
  expect((await say(request(0, 4096, 512))).readUInt32BE(4)).toBe(22);
  expect((await say(request(1, 4096, 512), sector)).readUInt32BE(4)).toBe(28);
  await say(request(2, 0, 0));
  expect(state.ended).toBe(true);
});

test('what is exported for reading is not written; nonsense ends the connection', async () => {
  const disk = memoryDisk(1024);
  const reader = connect([{ name: 'a', disk, isWritable: false }]);
  await reader.say(words(1), option(1, ascii('a')));
  const refused = await reader.say(request(1, 0, 512), new Uint8Array(512));
  expect(refused.readUInt32BE(4)).toBe(1);
  await reader.say(new Uint8Array(28));
  expect(reader.state.ended).toBe(true);
  const stranger = connect([]);
  await stranger.say(words(1), option(1, ascii('nope')));
  expect(stranger.state.ended).toBe(true);
});

const hasImageTool = spawnSync('qemu-img', ['--version']).status === 0;

test.skipIf(!hasImageTool)('clients of others read and write a drive of ours', async () => {
  workshop.imageTool('create', '-q', '-f', 'qcow2', 'disk.qcow2', '1M');
  const socket = join(workshop.folder, 'nbd.sock');
  const argv = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio'];
  const drive = ['-drive', 'if=none,id=d,file=disk.qcow2'];
  const child = spawn(workshop.program, [...argv, ...drive], { cwd: workshop.folder });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  const say = async (line: string): Promise<void> => {
    const before = out.length;
    child.stdin.write(`${line}\n`);
    while (!out.slice(before).includes('\n(qemu) ')) await once(child.stdout, 'data');
  };
  while (!out.includes('(qemu) ')) await once(child.stdout, 'data');
  await say(`nbd_server_start unix:${socket}`);
  await say('nbd_server_add -w d');
  const uri = `nbd+unix:///d?socket=${socket}`;
  const io = (...commands: string[]): string =>
    spawnSync('qemu-io', ['-f', 'raw', ...commands.flatMap(c => ['-c', c]), uri], {
      encoding: 'utf8',
      timeout: 10_000,
    }).stdout;
  expect(io('write -P 5 64k 4k', 'flush', 'read -P 5 64k 4k')).toMatch(
    /wrote 4096[\s\S]*read 4096/,
  );
  const info = spawnSync('qemu-img', ['info', uri], { encoding: 'utf8', timeout: 10_000 }).stdout;
  expect(info).toContain('virtual size: 1 MiB');
  await say('qemu-io d "read -P 5 64k 4k"');
  expect(out).not.toContain('verification failed');
  await say('nbd_server_start unix:/tmp/x');
  expect(out).toContain('NBD server already running');
  await say('nbd_server_stop');
  child.stdin.write('quit\n');
  const [status] = (await once(child, 'close')) as [number];
  expect(status).toBe(0);
});
if (!hasImageTool) console.log('qemu-img is not installed: no other NBD client was tried');

test.skipIf(!hasImageTool)('an export outlives its password, not its medium', async () => {
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', 'encryption', 'enc.qcow2', '1M');
  const socket = join(workshop.folder, 'enc.sock');
  const prompt = new Prompt(workshop, [...LEGACY, '-drive', 'if=none,id=d,file=enc.qcow2']);
  expect(await prompt.ask(`nbd_server_start unix:${socket}`)).toBe('');
  expect(await prompt.ask('nbd_server_add d')).toBe('');
  const look = (): Promise<number> => {
    const child = spawn('qemu-img', ['info', `nbd:unix:${socket}:exportname=d`]);
    return once(child, 'exit').then(([status]) => status);
  };
  expect(await look()).toBe(0);
  expect(await prompt.ask('block_passwd d secret')).toBe('');
  expect(await look()).toBe(0);
  expect(await prompt.ask('eject d')).toBe('');
  expect(await look()).toBe(1);
  expect(await prompt.quit()).toBe(0);
});
