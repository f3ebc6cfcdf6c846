/** A terminal that nobody reads: the rest of the program goes on, and ends when asked. */

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
