/**
 * Passwords where several monitors and drives are about: each prompt is for the drive that was
 * first without a key when it was asked.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';
import { render } from '../support/sessions.ts';

const workshop = new Workshop();
makeImages(workshop);
let child: ChildProcess | undefined;
let starts = 0;

/** Its images are free again. */
afterEach(async () => {
  const ended = once(child as ChildProcess, 'exit');
  child?.kill('SIGKILL');
  await ended;
});
afterAll(() => workshop.close());

class Monitor {
  private bytes = Buffer.alloc(0);
  private constructor(private readonly socket: Socket) {
    socket.on('data', (chunk: Buffer) => {
      this.bytes = Buffer.concat([this.bytes, chunk]);
    });
  }

  static async at(name: string): Promise<Monitor> {
    for (;;) {
      const socket = connect(join(workshop.folder, name));
      const isUp = await new Promise<boolean>(resolve => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (!isUp) continue;
      const monitor = new Monitor(socket);
      await monitor.until('(qemu) ');
      return monitor;
    }
  }

  private async until(...ends: string[]): Promise<string> {
    for (let tries = 0; ; tries++) {
      const text = render(this.bytes);
      if (ends.some(end => text.endsWith(end))) return text;
      if (tries > 1000) throw new Error(`${ends.join(' or ')} is missing in ${text}`);
      await new Promise(resolve => setTimeout(resolve, 10));
    }
  }

  /** What follows the line that was typed. */
  async ask(line: string | Uint8Array): Promise<string> {
    this.bytes = Buffer.alloc(0);
    this.socket.write(Buffer.concat([Buffer.from(line), Buffer.from('\n')]));
    const text = await this.until('\n(qemu) ', 'Password: ');
    return text.slice(text.indexOf('\n') + 1).replace(/\(qemu\) $/, '');
  }

  leave(): void {
    this.socket.destroy();
  }
}

async function start(...args: readonly string[]): Promise<[Monitor, Monitor]> {
  const names = [`a${++starts}.sock`, `b${starts}.sock`];
  const monitors = names.flatMap(name => ['-monitor', `unix:${name},server,nowait`]);
  const argv = ['-nodefaults', '-display', 'none', ...LEGACY, ...monitors, ...args];
  child = spawn(workshop.program, argv, { cwd: workshop.folder, stdio: 'ignore' });
  return [await Monitor.at(names[0]), await Monitor.at(names[1])];
}

const DRIVES = [
  ...['-drive', 'file=enc.qcow2,if=none,id=x.1_-'],
  ...['-drive', 'file=enc.qcow,if=virtio', '-drive', 'file=encoverenc.qcow2,if=floppy,snapshot=on'],
];

test('two monitors ask for the same drive, whoever comes later asks for the next', async () => {
  const [a, b] = await start(...DRIVES);
  expect(await a.ask('c')).toBe('x.1_- (enc.qcow2) is encrypted.\nPassword: ');
  expect(await b.ask('cont')).toBe('x.1_- (enc.qcow2) is encrypted.\nPassword: ');
  expect(await b.ask('first')).toBe('');
  expect(await a.ask('second')).toBe('');
  expect(await a.ask('c')).toBe('virtio0 (enc.qcow) is encrypted.\nPassword: ');
  a.leave();
  expect(await b.ask('c')).toBe('virtio0 (enc.qcow) is encrypted.\nPassword: ');
  expect(await b.ask('p'.repeat(1100))).toBe('');
  expect(await b.ask('c')).toBe('floppy0 (encoverenc.qcow2) is encrypted.\nPassword: ');
  expect(await b.ask('')).toBe('');
  expect(await b.ask('info status')).toBe('VM status: running\n');
}, 60_000);

test('the drive goes while its password is asked for', async () => {
  const [a, b] = await start('-drive', 'file=enc.qcow2,if=none,id=x', '-hda', 'enc2.qcow2');
  expect(await a.ask('c')).toContain('x (enc.qcow2) is encrypted.');
  expect(await b.ask('drive_del x')).toBe('');
  expect(await a.ask('pw')).toBe('Cannot find device=x nor node_name=\n');
  expect(await a.ask('c')).toContain('ide0-hd0 (enc2.qcow2) is encrypted.');
  expect(await b.ask('system_reset')).toBe('');
  expect(await b.ask('block_passwd ide0-hd0 other')).toBe('');
  expect(await b.ask('info status')).toBe('VM status: paused (prelaunch)\n');
  expect(await a.ask('pw')).toBe('');
  expect(await b.ask('info status')).toBe('VM status: running\n');
}, 60_000);

test('a password is bytes, UTF-8 or not', async () => {
  const [a, b] = await start('-drive', 'file=enc.qcow2,if=none,id=x', '-hda', 'enc2.qcow2');
  const latin = Buffer.from('gru\xdf\xff', 'latin1');
  await a.ask('c');
  await a.ask(latin);
  expect(await b.ask('qemu-io x "write -P 0x41 0 512"')).toContain('');
  // The same bytes by command, then another key.
  await b.ask(Buffer.concat([Buffer.from('block_passwd x '), latin]));
  await b.ask('drive_backup -f x same.img raw');
  const idle = () => expect.poll(() => b.ask('info block-jobs')).toBe('No active jobs\n');
  await idle();
  await b.ask('block_passwd x gru\u00df');
  await b.ask('drive_backup -f x other.img raw');
  const first = (name: string): number => readFileSync(join(workshop.folder, name))[0];
  await idle();
  expect(first('same.img')).toBe(0x41);
  expect(first('other.img')).not.toBe(0x41);
}, 60_000);
