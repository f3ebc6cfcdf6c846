import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { QMPClient } from 'node-qemu';
import { afterEach, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { render } from '../support/sessions.ts';

const require = createRequire(import.meta.url);

/** Programs of the system that talk to the emulator; absent ones are named and their tests left. */
function lacks(...programs: readonly string[]): boolean {
  const folders = (process.env['PATH'] ?? '').split(':');
  const absent = programs.filter(name => !folders.some(folder => existsSync(join(folder, name))));
  if (absent.length > 0) console.log(`clients: skipped, ${absent.join(', ')} absent`);
  return absent.length > 0;
}

const workshop = new Workshop();
let child: ChildProcess | undefined;
afterEach(() => {
  child?.kill('SIGKILL');
});

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));
const path = (name: string): string => join(workshop.folder, name);

/** Starts the emulator with a QMP and a human monitor, and waits for both. */
async function start(...argv: readonly string[]): Promise<void> {
  for (const name of ['qmp.sock', 'hmp.sock']) rmSync(path(name), { force: true });
  const qmp = ['-qmp', `unix:${path('qmp.sock')},server,nowait`];
  const hmp = ['-monitor', `unix:${path('hmp.sock')},server,nowait`];
  const quiet = ['-nodefaults', '-display', 'none', '-S'];
  child = spawn(workshop.program, [...quiet, ...qmp, ...hmp, ...argv], { cwd: workshop.folder });
  for (let tries = 0; tries < 400 && !existsSync(path('hmp.sock')); tries++) await pause(25);
}

/** What a program prints that gets `input`. */
function output(program: string, argv: readonly string[], input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd: workshop.folder, encoding: 'buffer', timeout: 20_000 } as const;
    const running = execFile(program, argv, options, (error, stdout) => {
      if (error === null) resolve(render(stdout));
      else reject(error);
    });
    running.stdin?.end(input);
  });
}

test.skipIf(lacks('socat'))('socat, as scripts use it', async () => {
  await start();
  const hmp = await output(
    'socat',
    ['-t2', '-', `UNIX-CONNECT:${path('hmp.sock')}`],
    'info status\n',
  );
  expect(hmp).toContain('(qemu) info status\nVM status: paused (prelaunch)\n(qemu) ');
  const lines = '{"execute":"qmp_capabilities"}\n{"execute":"query-name","id":7}\n';
  const qmp = await output('socat', ['-t2', '-', `UNIX-CONNECT:${path('qmp.sock')}`], lines);
  expect(qmp.split('\n').slice(1)).toEqual(['{"return": {}}', '{"return": {}, "id": 7}', '']);
});

test.skipIf(lacks('expect'))('expect, with a human monitor in its terminal', async () => {
  const script = `
    set timeout 20
    log_user 0
    spawn ${workshop.program} -nodefaults -display none -S -monitor stdio
    expect "(qemu) " { send "info status\\r" }
    expect -re {VM status: ([^\\r\\n]*)} { puts "is $expect_out(1,string)" }
    expect "(qemu) " { send "cont\\r" }
    expect "(qemu) " { send "info status\\r" }
    expect -re {VM status: ([^\\r\\n]*)} { puts "is $expect_out(1,string)" }
    expect "(qemu) " { send "quit\\r" }
    expect eof
    puts "ends with [lindex [wait] 3]"
  `;
  expect(await output('expect', ['-'], script)).toBe(
    'is paused (prelaunch)\nis running\nends with 0\n',
  );
});

test.skipIf(lacks('python3'))('telnet from Python', async () => {
  const script = `
import socket
s = socket.create_connection(('127.0.0.1', 45997)); s.settimeout(20)
def until(text):
    data = b''
    while text not in data: data += s.recv(4096)
    return data
head = until(b'(qemu) ')
print(head[:12] == bytes([255,251,1, 255,251,3, 255,251,0, 255,253,0]))
s.sendall(bytes([255,253,1, 255,253,3]) + b'info version\\n')
print(b'2.2.50\\r\\n' in until(b'(qemu) '))
s.sendall(b'quit\\n')
while s.recv(4096): pass
print('over')
`;
  await start('-monitor', 'telnet:127.0.0.1:45997,server,nowait');
  expect(await output('python3', ['-'], script)).toBe('True\nTrue\nover\n');
});

test('npm node-qemu: status, events, errors', async () => {
  await start();
  const client = new QMPClient({ socketPath: path('qmp.sock') });
  await client.connect();
  expect(await client.queryStatus()).toMatchObject({ running: false, status: 'prelaunch' });
  const resumed = new Promise(resolve => client.once('RESUME', resolve));
  await client.cont();
  await resumed;
  expect(await client.queryStatus()).toMatchObject({ running: true, status: 'running' });
  await expect(client.execute('query-nonsense')).rejects.toThrow(/has not been found/);
  const ended = new Promise(resolve => child?.once('exit', resolve));
  await client.quit();
  expect(await ended).toBe(0);
  await client.close();
});

/** What is used of the package qemu-qmp, a socket with commands. */
type Qmp = Pick<Socket, 'destroy'> & {
  connect(path: string, callback: (error: Error | null) => void): unknown;
  execute(name: string, callback: (error: Error | null, answer: unknown) => void): void;
};

test('npm qemu-qmp: one command after the other', async () => {
  await start();
  const client = new (require('qemu-qmp') as new () => Qmp)();
  await new Promise<void>((resolve, reject) => {
    client.connect(path('qmp.sock'), error => (error === null ? resolve() : reject(error)));
  });
  const ask = (name: string): Promise<unknown> =>
    new Promise((resolve, reject) => {
      client.execute(name, (error, answer) => (error === null ? resolve(answer) : reject(error)));
    });
  expect(await ask('query-version')).toMatchObject({ qemu: { major: 2, minor: 2, micro: 50 } });
  await expect(ask('nonsense')).rejects.toThrow('The command nonsense has not been found');
  expect(await ask('query-chardev')).toHaveLength(2);
  client.destroy();
});
