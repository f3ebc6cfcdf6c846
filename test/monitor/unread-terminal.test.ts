/** A terminal that nobody reads: the rest of the program goes on, and ends when asked. */

import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import * as pty from 'node-pty';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { QmpClient } from '../support/qmp.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

test('a terminal that is not read holds nobody up', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-S', '-monitor', 'stdio'];
  const qmp = ['-qmp', 'unix:q.sock,server,nowait'];
  const terminal = pty.spawn(workshop.program, [...argv, ...qmp], { cwd: workshop.folder });
  let text = '';
  terminal.onData(chunk => {
    text += chunk;
  });
  const ended = new Promise<number>(resolve => terminal.onExit(e => resolve(e.exitCode)));
  const client = await QmpClient.to(join(workshop.folder, 'q.sock'));
  await client.ask('qmp_capabilities');
  terminal.pause();
  // Each key draws the whole line: some 8 MB.
  terminal.write(`p 1${'+1'.repeat(1000)}\r`);
  for (let i = 0; i < 20; i++) {
    expect((await client.ask('query-status')).return).toMatchObject({ status: 'prelaunch' });
  }
  terminal.resume();
  await expect.poll(() => text.includes('\n0x3e9\r'), { timeout: 30_000 }).toBe(true);
  terminal.pause();
  terminal.write(`p 1${'+1'.repeat(1000)}\r`);
  client.send('quit');
  expect(await ended).toBe(0);
}, 60_000);

/** Typed while the first command runs; each key draws the line anew: 6 MB. */
const KEYS = 1800;
const TYPED = `info status\n${'x'.repeat(KEYS)}\n`;
const DRAWN = KEYS * (1 + '\x1b[K'.length) + ((KEYS * (KEYS - 1)) / 2) * (1 + '\x1b[D'.length);

const lastLine = (bytes: Buffer): Buffer => bytes.subarray(bytes.indexOf('\n(qemu) x'));

test('what is typed ahead is drawn whole, on a pipe and on a socket', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-S', '-monitor'];
  const piped = await workshop.run([...argv, 'stdio'], `${TYPED}quit\n`);
  const answer = `\r\nunknown command: '${'x'.repeat(KEYS)}'\r\n(qemu) `;
  const after = piped.stdout.indexOf(answer);
  expect(after - piped.stdout.indexOf('(qemu) x') - '(qemu) '.length).toBe(DRAWN);

  const socket = ['unix:m.sock,server,wait', '-monitor', 'null'];
  const child = spawn(workshop.program, [...argv, ...socket], { cwd: workshop.folder });
  const client = await connected(join(workshop.folder, 'm.sock'));
  const parts: Buffer[] = [];
  client.on('data', (part: Buffer) => parts.push(part));
  const ended = new Promise(resolve => client.on('close', resolve));
  client.write(`${TYPED}quit\n`);
  await ended;
  child.kill('SIGKILL');
  expect(lastLine(Buffer.concat(parts)).equals(lastLine(piped.stdout))).toBe(true);
}, 60_000);

async function connected(path: string) {
  for (;;) {
    const socket = connect(path);
    const isUp = await new Promise<boolean>(resolve => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    if (isUp) return socket;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}
