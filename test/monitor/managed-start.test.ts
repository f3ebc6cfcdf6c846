/** Start-up as programs that manage virtual machines write it. */

import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { QmpClient } from '../support/qmp.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

test('without defaults and configuration, with a monitor on a socket', async () => {
  const bare = ['-nodefaults', '-no-user-config', '-nodefconfig', '-display', 'none', '-S'];
  const socket = ['-chardev', 'socket,id=charmonitor,path=m.sock,server,nowait'];
  const monitor = ['-mon', 'chardev=charmonitor,id=monitor,mode=control'];
  const argv = [...bare, ...socket, ...monitor];
  const child = spawn(workshop.program, argv, { cwd: workshop.folder, stdio: 'ignore' });
  const ended = new Promise<number | null>(resolve => child.on('close', resolve));
  const client = await QmpClient.to(join(workshop.folder, 'm.sock'));
  await client.ask('qmp_capabilities');
  expect((await client.ask('query-status')).return).toMatchObject({ status: 'prelaunch' });
  const help = spawnSync(workshop.program, ['-device', 'help'], { encoding: 'utf8' }).stdout;
  const drivers = [...help.matchAll(/^name "([^"]+)"/gm)].map(([, name]) => name);
  expect(drivers).toContain('ide-drive');
  for (const typename of drivers) {
    const { return: properties } = await client.ask('device-list-properties', { typename });
    expect(properties, typename).toBeInstanceOf(Array);
  }
  client.send('quit');
  expect(await ended).toBe(0);
}, 60_000);
