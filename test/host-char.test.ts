import { spawn, spawnSync } from 'node:child_process';
import { createReadStream, openSync, writeFileSync, writeSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from './support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms));

/** A client that collects what it is sent and can wait for a text. */
class Client {
  private text = '';
  private constructor(private readonly socket: Socket) {
    socket.on('data', (bytes: Buffer) => {
      this.text += bytes.toString();
    });
  }

  /** Tries until the server listens. */
  static async to(path: string): Promise<Client> {
    for (let tries = 0; ; tries++) {
      const socket = connect(path);
      const isUp = await new Promise<boolean>(resolve => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (isUp) return new Client(socket);
      if (tries > 200) throw new Error(`nobody listens at ${path}`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
  }

  send(text: string): void {
    this.socket.write(text);
  }

  async until(wanted: string): Promise<string> {
    for (let tries = 0; !this.text.includes(wanted); tries++) {
      if (tries > 200) throw new Error(`no ${wanted} in ${this.text}`);
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    return this.text;
  }

  end(): void {
    this.socket.end();
  }
}

const QUIET = ['-nodefaults', '-display', 'none', '-S'];

test('a QMP socket greets one client after the other', async () => {
  const path = join(workshop.folder, 'qmp.sock');
  const run = workshop.run([...QUIET, '-qmp', `unix:${path},server,nowait`]);
  const first = await Client.to(path);
  await first.until('"capabilities": []}}\r\n');
  const second = await Client.to(path);
  first.end();
  await second.until('"capabilities": []}}\r\n');
  second.send('{"execute":"qmp_capabilities"}{"execute":"quit"}');
  expect(await second.until('SHUTDOWN')).toContain('{"return": {}}\r\n{"return": {}}\r\n');
  expect((await run).status).toBe(0);
});

test('a server that waits says so and starts when somebody comes', async () => {
  const path = join(workshop.folder, 'monitor.sock');
  const run = workshop.run([...QUIET, '-monitor', `unix:${path},server`]);
  const client = await Client.to(path);
  await client.until('(qemu) ');
  client.send('quit\n');
  const { status, stderr } = await run;
  const name = `disconnected:unix:${path},server`;
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: `QEMU waiting for connection on: ${name}\n`,
  });
});

test('a file gets what the guest sends, a ring buffer keeps the last of it', async () => {
  const { text } = await workshop.run(
    [
      ...QUIET,
      ...['-monitor', 'stdio', '-chardev', 'ringbuf,id=ring,size=4', '-serial', 'file:com1.txt'],
      ...['-device', 'isa-debugcon,iobase=0x402,chardev=ring'],
    ],
    'o/b 0x402 65\no/b 0x402 66\nringbuf_read ring 10\n' +
      'ringbuf_read nosuch 1\ninfo chardev\nquit\n',
  );
  expect(text).toContain('(qemu) ringbuf_read ring 10\nAB\n');
  expect(text).toContain("Device 'nosuch' not found\n");
  expect(text).toContain('serial0: filename=file\n');
});

test('what a pipe leads to may be any file, or none', async () => {
  writeFileSync(join(workshop.folder, 'plain'), 'info version\n');
  spawnSync('mkfifo', ['quiet.in', 'quiet.out'], { cwd: workshop.folder });
  const add = (id: string, device: string): object => ({
    execute: 'chardev-add',
    arguments: { id, backend: { type: 'pipe', data: { device } } },
  });
  const requests = [
    { execute: 'qmp_capabilities' },
    add('file', 'plain'),
    add('device', '/dev/zero'),
    add('null', 'a\0b'),
    add('folder', '.'),
    { execute: 'chardev-remove', arguments: { id: 'device' } },
    { execute: 'quit' },
  ];
  const { stdout } = await workshop.run(
    [...QUIET, '-qmp', 'stdio', '-chardev', 'pipe,id=quiet,path=quiet', '-mon', 'quiet'],
    requests.map(request => `${JSON.stringify(request)}\n`).join(''),
  );
  const replies = stdout.toString().split('\r\n').slice(1, 8);
  const failure = (desc: string): string =>
    `{"error": {"class": "GenericError", "desc": "${desc}"}}`;
  const done = '{"return": {}}';
  expect(replies).toEqual([
    ...[done, done, done],
    failure('No such file or directory'),
    failure('Is a directory'),
    ...[done, done],
  ]);
});

test('output into a pipe that nobody reads stops nothing', async () => {
  spawnSync('mkfifo', ['full.in', 'full.out'], { cwd: workshop.folder });
  const run = workshop.run([...QUIET, '-monitor', 'pipe:full'], '', 15_000);
  spawnSync('sh', ['-c', 'printf "x/60000xb 0\\nx/60000xb 0\\nquit\\n" > full.in'], {
    cwd: workshop.folder,
  });
  expect((await run).status).toBe(0);
});

test.each(['pipe', 'pty'])(
  'a slow reader at a %s gets all answers, however long',
  async kind => {
    spawnSync('mkfifo', ['slow.in', 'slow.out'], { cwd: workshop.folder });
    const child = spawn(workshop.program, [...QUIET, '-qmp', kind === 'pty' ? kind : 'pipe:slow'], {
      cwd: workshop.folder,
    });
    let said = '';
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    const terminal = (): string => /redirected to (\S+)/.exec(said)?.[1] ?? '';
    while (kind === 'pty' && terminal() === '') await pause(20);
    const [to, from] = kind === 'pty' ? [terminal(), terminal()] : ['slow.in', 'slow.out'];
    const output = openSync(resolve(workshop.folder, to), 'r+');
    const input = openSync(resolve(workshop.folder, from), 'r');
    const dump = { execute: 'human-monitor-command', arguments: { 'command-line': 'x/20000xb 0' } };
    const requests = ['{"execute":"qmp_capabilities"}', ...Array(3).fill(JSON.stringify(dump))];
    writeSync(output, requests.map(line => `${line}\n`).join(''));
    await pause(1000);
    const stream = createReadStream('', { fd: input });
    let lines = '';
    for await (const chunk of stream) {
      lines += chunk.toString();
      if (lines.split('\n').length > 5) break;
    }
    child.kill('SIGKILL');
    const lengths = lines.split('\r\n').map(line => line.length);
    expect(lengths[2]).toBeGreaterThan(150_000);
    expect(lengths.slice(2)).toEqual([lengths[2], lengths[2], lengths[2], 0]);
  },
  60_000,
);
