/**
 * Events as their listeners have them: the same to all who negotiated, in order, with sane times
 * and the documented members; and what becomes of a job when whoever began it has gone.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EVENT_TABLE } from '../../../src/monitor/event-table.ts';
import { unfit } from '../../support/answer-types.ts';
import { Workshop } from '../../support/emulator.ts';
import { type Message, QmpClient } from '../../support/qmp.ts';

const workshop = new Workshop();
const place = (name: string): string => join(workshop.folder, name);
const started = Math.floor(Date.now() / 1000);
let child: ChildProcess;
/** The last one has not negotiated. */
let clients: readonly QmpClient[];

beforeAll(async () => {
  for (const name of ['a.img', 'cd.iso', 'u.img']) {
    writeFileSync(place(name), '');
    truncateSync(place(name), 1 << 20);
  }
  const names = ['a', 'b', 'c'];
  const monitors = names.flatMap(name => ['-qmp', `unix:${name}.sock,server,nowait`]);
  const argv = [
    ...['-nodefaults', '-display', 'none', '-usb', '-m', '8', ...monitors],
    ...['-drive', 'file=a.img,format=raw', '-cdrom', 'cd.iso'],
    ...['-drive', 'if=none,id=u,file=u.img,format=raw', '-device', 'usb-storage,drive=u,id=stick'],
  ];
  child = spawn(workshop.program, argv, { cwd: workshop.folder, stdio: 'ignore' });
  clients = await Promise.all(names.map(name => QmpClient.to(place(`${name}.sock`))));
  for (const client of clients.slice(0, 2)) await client.ask('qmp_capabilities');
}, 60_000);

afterAll(() => {
  child.kill('SIGKILL');
  workshop.close();
});

const MIRROR = { device: 'ide0-hd0', sync: 'full', format: 'raw' };

/** What is asked for, and the events; the machine stands, so that none are the guest's. */
const STEPS: readonly (readonly [string, object, ...string[]])[] = [
  ['stop', {}, 'STOP'],
  ['cont', {}, 'RESUME'],
  ['stop', {}, 'STOP'],
  ['system_reset', {}, 'RESET'],
  ['system_powerdown', {}, 'POWERDOWN'],
  ['eject', { device: 'ide1-cd0', force: true }, 'DEVICE_TRAY_MOVED'],
  // It stands open.
  ['change', { device: 'ide1-cd0', target: 'cd.iso', arg: 'raw' }, 'DEVICE_TRAY_MOVED'],
  ['drive-mirror', { ...MIRROR, target: 'one.img' }, 'BLOCK_JOB_READY'],
  ['block-job-complete', { device: 'ide0-hd0' }, 'BLOCK_JOB_COMPLETED'],
  ['drive-mirror', { ...MIRROR, target: 'two.img', speed: 1 }],
  ['block-job-cancel', { device: 'ide0-hd0', force: true }, 'BLOCK_JOB_CANCELLED'],
  ['device_del', { id: 'stick' }, 'DEVICE_DELETED', 'DEVICE_DELETED'],
];

const micros = ({ timestamp }: Message): number =>
  (timestamp?.seconds ?? 0) * 1e6 + (timestamp?.microseconds ?? 0);

/** What is wrong with an event by itself. */
function faults({ event = '', data, timestamp, ...others }: Message): string[] {
  const row = EVENT_TABLE.find(({ name }) => name === event);
  const { seconds = 0, microseconds = -1 } = timestamp ?? {};
  return [
    ...(row === undefined ? [`${event} is unknown`] : unfit(data ?? {}, row.data, event)),
    ...(row?.data === '' && data !== undefined ? [`${event} has data`] : []),
    ...(microseconds >= 0 && microseconds < 1e6 ? [] : [`${event}: ${microseconds} µs`]),
    ...(seconds >= started && seconds <= Date.now() / 1000 ? [] : [`${event}: ${seconds} s`]),
    ...Object.keys(others).map(name => `${event} has ${name}`),
  ];
}

test('all who negotiated are told the same, in order; the others nothing', async () => {
  const [first, second, silent] = clients;
  const wanted: string[] = [];
  for (const [command, args, ...events] of STEPS) {
    expect((await first.ask(command, args)).error).toBeUndefined();
    wanted.push(...events);
    await expect.poll(() => first.events.length, { timeout: 20_000 }).toBe(wanted.length);
  }
  expect(first.events.map(({ event }) => event)).toEqual(wanted);
  await expect.poll(() => second.events.length, { timeout: 20_000 }).toBe(wanted.length);
  expect(second.events).toEqual(first.events);
  expect(first.events.flatMap(faults)).toEqual([]);
  const times = first.events.map(micros);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  // What was told before it negotiated is not told again.
  expect(silent.heard).toHaveLength(1);
  await silent.ask('qmp_capabilities');
  expect(silent.events).toEqual([]);
  await first.ask('cont');
  await silent.event('RESUME');
}, 60_000);

test('a job goes on when the client that began it has gone', async () => {
  const [first, second] = clients;
  const from = second.heard.length;
  const backup = { device: 'ide0-hd0', sync: 'full', format: 'raw', target: 'late.img' };
  await first.ask('drive-backup', { ...backup, speed: 1 });
  // In the middle of an answer, of a command, and of the job.
  first.send('query-command-line-options');
  first.socket.write('{"execute":"query-blo');
  first.socket.destroy();
  expect(JSON.stringify(await second.ask('query-block-jobs'))).toContain('"backup"');
  await second.ask('block-job-set-speed', { device: 'ide0-hd0', speed: 0 });
  const { data } = await second.event('BLOCK_JOB_COMPLETED', from);
  expect(data).toMatchObject({ device: 'ide0-hd0', len: 1 << 20, offset: 1 << 20 });
  const again = await QmpClient.to(place('a.sock'));
  expect(again.heard).toHaveLength(1);
  expect((await again.ask('query-status')).error?.class).toBe('CommandNotFound');
  await again.ask('qmp_capabilities');
  expect((await again.ask('query-block-jobs')).return).toEqual([]);
}, 60_000);

test('the end is told to all, before they are left', async () => {
  const [, second, third] = clients;
  const ended = once(child, 'exit');
  second.send('quit');
  await third.event('SHUTDOWN');
  await second.event('SHUTDOWN');
  expect(await ended).toEqual([0, null]);
  const quit = second.heard.findLastIndex(message => 'return' in message);
  const last = second.heard.slice(quit + 1);
  expect(last.map(({ event }) => event)).toContain('SHUTDOWN');
  expect(last.flatMap(faults)).toEqual([]);
});
