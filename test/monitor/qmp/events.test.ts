import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Events } from '../../../src/events.ts';
import { EventLimits } from '../../../src/monitor/qmp/event-limits.ts';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const image = join(workshop.folder, 'cd.iso');
writeFileSync(image, '');
truncateSync(image, 1 << 20);

test('of many events the first is told at once, the last at the end of a second', () => {
  let now = 0;
  const timers: { readonly atMs: number; readonly call: () => void }[] = [];
  const events = new Events();
  const limits = new EventLimits(events, {
    wallClock: () => ({ seconds: now, microseconds: 0 }),
    after: (milliseconds, call) => timers.push({ atMs: now + milliseconds, call }),
  });
  const told: string[] = [];
  limits.listen(({ name, data, timestamp }) =>
    told.push(`${name} ${data?.['offset'] ?? ''} of ${timestamp.seconds}, at ${now}`),
  );
  const until = (ms: number): void => {
    now = ms;
    while (timers.length > 0 && timers[0].atMs <= now) timers.shift()?.call();
  };
  for (const offset of [1, 2, 3]) {
    until(offset * 100);
    events.emit('RTC_CHANGE', { offset });
    events.emit('STOP');
  }
  until(1100);
  until(2100);
  events.emit('RTC_CHANGE', { offset: 4 });
  expect(told).toEqual([
    'RTC_CHANGE 1 of 100, at 100',
    'STOP  of 100, at 100',
    'STOP  of 200, at 200',
    'STOP  of 300, at 300',
    'RTC_CHANGE 3 of 300, at 1100',
    'RTC_CHANGE 4 of 2100, at 2100',
  ]);
});

/** A line to the human monitor. */
function human(line: string): string {
  return JSON.stringify({ execute: 'human-monitor-command', arguments: { 'command-line': line } });
}

/** What a guest does to send a packet to the CD-ROM drive: port writes, the machine standing. */
function packet(...bytes: readonly number[]): string[] {
  const at = (i: number): number => bytes[i] ?? 0;
  const words = [0, 2, 4, 6, 8, 10].map(i => at(i) | (at(i + 1) << 8));
  return [
    human('o /b 0x376 2'),
    human('o /b 0x176 0xa0'),
    human('o /b 0x177 0xa0'),
    ...words.map(word => human(`o /h 0x170 ${word}`)),
    human('i /b 0x177'),
  ];
}

/** Answers and events, without those to what a guest would do. */
async function say(...lines: string[]): Promise<string[]> {
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-S', '-cdrom', 'cd.iso'];
  const all = ['{"execute":"qmp_capabilities"}', ...lines, '{"execute":"quit"}'];
  const { stdout, status } = await workshop.run(argv, `${all.join('\n')}\n`);
  expect(status).toBe(0);
  const got = stdout.toString().split('\r\n').slice(2);
  return got
    .filter(line => !/^\{"return": "/.test(line) && !line.includes('"SHUTDOWN"'))
    .map(line => line.replace(/"timestamp": \{[^}]*\}, /, ''));
}

const moved = (isOpen: boolean): string =>
  `{"event": "DEVICE_TRAY_MOVED", "data": {"device": "ide1-cd0", "tray-open": ${isOpen}}}`;
const done = '{"return": {}}';
const block = '{"execute":"query-block"}';

test('a tray that the guest moves is told, and shown', async () => {
  const got = await say(...packet(0x1b, 0, 0, 0, 2), block, ...packet(0x1b, 0, 0, 0, 3), block);
  expect(got.slice(0, 1)).toEqual([moved(true)]);
  expect(got[1]).toContain('"locked": false, "removable": true');
  expect(got[1]).toContain('"inserted": {');
  expect(got[1]).toContain('"tray_open": true');
  expect(got[2]).toBe(moved(false));
  expect(got[3]).toContain('"tray_open": false');
});

test('what the guest locked opens by force only', async () => {
  const eject = (force: boolean): string =>
    JSON.stringify({ execute: 'eject', arguments: { device: 'ide1-cd0', force } });
  const got = await say(
    ...packet(0x1e, 0, 0, 0, 1),
    block,
    eject(false),
    '{"execute":"change","arguments":{"device":"ide1-cd0","target":"cd.iso"}}',
    eject(true),
    block,
  );
  const locked = `{"error": {"class": "GenericError", "desc": "Device 'ide1-cd0' is locked"}}`;
  expect(got[0]).toContain('"locked": true');
  expect(got.slice(1, 5)).toEqual([locked, locked, moved(true), done]);
  expect(got[5]).toContain('"locked": false');
  expect(got[5]).not.toContain('inserted');
});

test('the guest sets its clock', async () => {
  // The second, in BCD: the RTC has no other way.
  const hours = ['o /b 0x70 0x04', 'o /b 0x71 0x00', 'o /b 0x70 0x04', 'o /b 0x71 0x12'];
  const got = await say(...hours.map(human));
  const events = got.filter(line => line.includes('RTC_CHANGE'));
  expect(events.length).toBe(1);
  expect(events[0]).toMatch(/^\{"event": "RTC_CHANGE", "data": \{"offset": -?\d+\}\}$/);
});
