/**
 * What every command answers, on a machine that has something of all, by the documented types:
 * before, while and after things happen to it.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandsFor } from '../../../src/monitor/commands/all.ts';
import { misfits } from '../../support/answer-types.ts';
import { Workshop } from '../../support/emulator.ts';
import { LEGACY } from '../../support/encrypted-images.ts';
import { type Message, QmpClient } from '../../support/qmp.ts';

const workshop = new Workshop();
const socketPath = join(workshop.folder, 'qmp.sock');
let child: ChildProcess;
let qmp: QmpClient;

const ARGV = [
  ...LEGACY,
  ...['-nodefaults', '-display', 'none', '-vga', 'std', '-S', '-name', 'rich', '-usb'],
  ...['-qmp', 'unix:qmp.sock,server,nowait', '-m', '8'],
  ...['-drive', 'file=top.qcow2,bps=1000,iops_max=9,iops=5'],
  ...['-cdrom', 'cd.iso', '-drive', 'if=floppy,format=raw,file=fl.img'],
  ...['-drive', 'file=v.qcow2,if=virtio,node-name=nv,cache=none', '-drive', 'if=scsi,file=s.qcow2'],
  ...['-device', 'usb-tablet', '-device', 'usb-storage,drive=u,id=stick'],
  ...['-drive', 'if=none,id=u,file=u.img,format=raw,detect-zeroes=on'],
  ...['-drive', 'if=none,id=secret,file=enc.qcow2', '-device', 'virtio-blk-pci,drive=secret,id=vs'],
  ...['-drive', 'if=none,id=empty', '-device', 'ide-cd,drive=empty,bus=ide.1,unit=1'],
  ...['-chardev', 'ringbuf,id=rb,size=64', '-serial', 'chardev:rb', '-parallel', 'null'],
  ...['-chardev', 'file,id=f,path=out', '-chardev', 'pipe,id=p,path=fifo'],
  ...['-chardev', 'udp,id=udp,port=9,host=127.0.0.1', '-chardev', 'null,id=mx,mux=on'],
  ...['-chardev', 'socket,id=t,host=127.0.0.1,port=0,server,nowait,telnet', '-mon', 'mx'],
  ...['-object', 'memory-backend-ram,id=m,size=1M', '-object', 'iothread,id=io'],
];

beforeAll(async () => {
  for (const name of ['fl.img', 'cd.iso', 'u.img', 'raw.img', 'fifo']) {
    writeFileSync(join(workshop.folder, name), '');
    truncateSync(join(workshop.folder, name), 1 << 20);
  }
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-b', 'raw.img', '-F', 'raw', 'top.qcow2');
  workshop.imageTool('create', '-q', '-f', 'qcow2', 'v.qcow2', '1M');
  workshop.imageTool('create', '-q', '-f', 'qcow2', 's.qcow2', '1M');
  workshop.imageTool('create', '-q', '-f', 'qcow2', '-o', 'encryption', 'enc.qcow2', '1M');
  child = spawn(workshop.program, ARGV, { cwd: workshop.folder, stdio: 'ignore' });
  qmp = await QmpClient.to(socketPath);
  await qmp.ask('qmp_capabilities');
}, 60_000);

afterAll(() => {
  child.kill('SIGKILL');
  workshop.close();
});

/** Arguments of those that return something. */
const ARGUMENTS: { readonly [name: string]: readonly object[] } = {
  'device-list-properties': [{ typename: 'ide-hd' }, { typename: 'usb-storage' }],
  'human-monitor-command': [{ 'command-line': 'info block' }, { 'command-line': 'nosuch' }],
  'qom-get': [{ path: '/machine/peripheral/stick', property: 'type' }],
  'qom-list': [{ path: '/machine/peripheral' }, { path: '/objects/m' }],
  'qom-list-types': [{}, { implements: 'device' }],
  'query-blockstats': [{}, { 'query-nodes': true }, { 'query-nodes': false }],
  'query-command-line-options': [{}, { option: 'drive' }],
  'ringbuf-read': [
    { device: 'rb', size: 10 },
    { device: 'rb', size: 10, format: 'base64' },
  ],
  'trace-event-get-state': [{ name: '*' }],
  'chardev-add': [{ id: 'late', backend: { type: 'null', data: {} } }],
  'blockdev-snapshot-delete-internal-sync': [{ device: 'virtio0', name: 'inside' }],
};

/** Nothing of that is here: refused. */
const REFUSED = ['add-fd', 'query-balloon'];

/** Where the record has less than the type says. */
const TYPES: { readonly [name: string]: string } = {
  'query-named-block-nodes': '[NamedNodeInfo]',
};

const RETURNING = commandsFor('legacy').filter(
  ({ isInternal, returns }) => !isInternal && returns.type !== 'Empty',
);

const ONCE = ['chardev-add', 'blockdev-snapshot-delete-internal-sync'];

/** Asks all, or those; what is wrong with the answers, and the answers. */
async function wrong(names?: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, returns } of RETURNING) {
    if (REFUSED.includes(name) || names?.includes(name) === false) continue;
    if (names === undefined && ONCE.includes(name)) continue;
    for (const args of ARGUMENTS[name] ?? [{}]) {
      const answer: Message = await qmp.ask(name, args);
      if (answer.error !== undefined) found.push(`${name}: ${answer.error.desc}`);
      else found.push(...misfits(answer.return, TYPES[name] ?? returns.type, name));
    }
  }
  return found;
}

const said = ({ error, return: value }: Message): unknown => error?.desc ?? value;

test('each command that returns something is asked, or refuses in words', async () => {
  expect(RETURNING.length).toBeGreaterThan(45);
  const refusals: unknown[] = [];
  for (const name of REFUSED) refusals.push(said(await qmp.ask(name)));
  expect(refusals).toEqual([
    'No file descriptor supplied via SCM_RIGHTS',
    'No balloon device has been activated',
  ]);
  expect(await wrong()).toEqual([]);
});

test('the answers while jobs are under way', async () => {
  const mirror = { device: 'ide0-hd0', target: 'mirror.img', sync: 'full', format: 'qcow2' };
  expect(said(await qmp.ask('drive-mirror', mirror))).toEqual({});
  await qmp.event('BLOCK_JOB_READY');
  const backup = { device: 'u', target: 'backup.img', sync: 'full', format: 'raw', speed: 1 };
  expect(said(await qmp.ask('drive-backup', backup))).toEqual({});
  expect(said(await qmp.ask('block-job-pause', { device: 'u' }))).toEqual({});
  expect(await wrong()).toEqual([]);
  const jobs = JSON.stringify(await qmp.ask('query-block-jobs'));
  expect(jobs).toContain('"mirror"');
  expect(jobs).toContain('"backup"');
  expect(JSON.stringify(await qmp.ask('query-block'))).toContain('dirty-bitmaps');
  await qmp.ask('block-job-cancel', { device: 'ide0-hd0' });
  await qmp.ask('block-job-cancel', { device: 'u', force: true });
  await qmp.askUntil('query-block-jobs', '[]');
});

test('the answers with media away, snapshots, passwords, and the machine running', async () => {
  const steps: readonly (readonly [string, object])[] = [
    ['eject', { device: 'ide1-cd0' }],
    ['block_passwd', { device: 'secret', password: 'x' }],
    ['blockdev-snapshot-internal-sync', { device: 'virtio0', name: 'inside' }],
    ['blockdev-snapshot-sync', { device: 'ide0-hd0', 'snapshot-file': 'over.qcow2' }],
    ['block-set-write-threshold', { 'node-name': 'nv', 'write-threshold': 4096 }],
    ['ringbuf-write', { device: 'rb', data: 'hello' }],
    ['cont', {}],
  ];
  const answers: unknown[] = [];
  for (const [name, args] of steps) answers.push(said(await qmp.ask(name, args)));
  expect(answers.filter(answer => typeof answer === 'string')).toEqual([]);
  expect(await wrong()).toEqual([]);
  expect(await wrong(ONCE)).toEqual([]);
});

test('the answers after a migration, and after one that failed', async () => {
  expect(said(await qmp.ask('migrate', { uri: 'exec:false' }))).toEqual({});
  await qmp.askUntil('query-migrate', '"status":"failed"');
  expect(await wrong()).toEqual([]);
  expect(said(await qmp.ask('migrate', { uri: 'exec:cat > /dev/null' }))).toEqual({});
  expect(await wrong(['query-migrate'])).toEqual([]);
  await qmp.askUntil('query-migrate', '"status":"completed"');
  expect(await wrong()).toEqual([]);
});

test('wrong answers are found', () => {
  const status = { running: 1, status: 'lame', more: 0 };
  expect(misfits([status], "['StatusInfo']", 's')).toEqual([
    's[0].singlestep is missing',
    's[0].running is 1',
    "s[0].status is 'lame'",
    's[0].more is unknown',
  ]);
});
