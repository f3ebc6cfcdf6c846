/**
 * Commands that read all of memory: whoever else talks to the program is answered meanwhile, the
 * guest stands still, and a file that cannot be written is no secret.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { QmpClient } from '../support/qmp.ts';

const workshop = new Workshop();
const { folder, program } = workshop;
let child: ChildProcess | undefined;
afterEach(() => child?.kill('SIGKILL'));
afterAll(() => workshop.close());

const QUIET = ['-nodefaults', '-display', 'none', '-m', '16'];

async function twoClients(): Promise<readonly [QmpClient, QmpClient]> {
  const names = ['one', 'two'];
  for (const name of names) rmSync(join(folder, name), { force: true });
  const sockets = names.flatMap(name => ['-qmp', `unix:${name},server,nowait`]);
  child = spawn(program, [...QUIET, ...sockets], { cwd: folder });
  const [one, two] = [
    await QmpClient.to(join(folder, 'one')),
    await QmpClient.to(join(folder, 'two')),
  ];
  for (const client of [one, two]) await client.ask('qmp_capabilities');
  return [one, two];
}

const WHOLE = 0xffffffff;
const LONG = [
  ['human-monitor-command', { 'command-line': `sum 0 ${WHOLE}` }],
  ['pmemsave', { val: 0, size: WHOLE, filename: '/dev/null' }],
  ['memsave', { val: 0, size: WHOLE, filename: '/dev/null' }],
] as const;

test.each(LONG)('%s of 4 GiB: others are answered meanwhile', async (name, args) => {
  const [one, two] = await twoClients();
  const before = one.heard.length;
  one.send(name, args);
  for (let asked = 0; asked < 10; asked++) {
    expect((await two.ask('query-status')).return).toMatchObject({ status: 'running' });
  }
  expect(one.heard.slice(before)).toEqual([]);
  expect((await two.ask('quit')).return).toEqual({});
});

test('dump-guest-memory stops the machine, and lets it go on', async () => {
  const [one] = await twoClients();
  const answer = await one.ask('dump-guest-memory', { paging: false, protocol: 'file:core' });
  expect(answer.return).toEqual({});
  expect(one.events.map(({ event }) => event)).toEqual(['STOP', 'RESUME']);
  expect(statSync(join(folder, 'core')).size).toBeGreaterThan(15 << 20);
  await one.ask('stop');
  await one.ask('dump-guest-memory', { paging: false, protocol: 'file:core' });
  expect((await one.ask('query-status')).return).toMatchObject({ status: 'paused' });
});

const UNWRITABLE = [
  ['memsave 0 16 "/dev/full"', 'An IO error has occurred'],
  ['pmemsave 0 16 "/dev/full"', 'An IO error has occurred'],
  ['dump-guest-memory /dev/full', 'dump: failed to save memory'],
  ['screendump /dev/full', "failed to write file '/dev/full': No space left on device"],
  ['pmemsave 0 16 "unread"', "Could not open 'unread': No such device or address"],
  ['logfile .', '.: Is a directory'],
] as const;

const isFull = existsSync('/dev/full') && statSync('/dev/full').isCharacterDevice();
if (!isFull) console.log('no /dev/full here: nothing that cannot be written');

test.skipIf(!isFull)(
  'what cannot be written is said; a pipe that nobody reads is not waited for',
  async () => {
    execFileSync('mkfifo', [join(folder, 'unread')]);
    const typed = [...UNWRITABLE.map(([line]) => line), 'quit'].join('\n');
    const argv = ['-display', 'none', '-m', '16', '-S', '-monitor', 'stdio'];
    const { text, status } = await workshop.run(argv, `${typed}\n`);
    const wanted = UNWRITABLE.map(([line, answer]) => `(qemu) ${line}\n${answer}\n`).join('');
    expect(text).toContain(wanted);
    expect(status).toBe(0);
  },
);
