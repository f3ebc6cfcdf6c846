import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { constants, openSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { ReadStream } from 'node:tty';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from './support/emulator.ts';
import { freePort } from './support/free-port.ts';
import { Prompt } from './support/prompt.ts';
import { converse } from './support/qmp-talk.ts';
import { render } from './support/sessions.ts';
import { onTerminal } from './support/terminal.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const QUIET = ['-nodefaults', '-display', 'none', '-S'];
const PROMPT = { until: '(qemu) ' };
const BANNER = "QEMU 2.2.50 monitor - type 'help' for more information\n(qemu) ";

/** Starts the emulator; ends it with the test's `work`. */
async function running<T>(
  argv: readonly string[],
  work: (child: ReturnType<typeof spawn>) => Promise<T>,
): Promise<T> {
  const child = spawn(workshop.program, [...QUIET, ...argv], { cwd: workshop.folder });
  try {
    return await work(child);
  } finally {
    child.kill('SIGKILL');
  }
}

/** What `listen` hears until it has `wanted` in it, as a terminal shows it. */
function heard(listen: (take: (bytes: Buffer) => void) => void, wanted: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const fail = (): void => reject(new Error(`no ${wanted} in ${render(bytes)}`));
    const timer = setTimeout(fail, 15_000);
    listen(chunk => {
      bytes = Buffer.concat([bytes, chunk]);
      if (!render(bytes).includes(wanted)) return;
      clearTimeout(timer);
      resolve(render(bytes));
    });
  });
}

test('a monitor on a pseudo-terminal of its own', async () => {
  await running(['-monitor', 'pty'], async child => {
    const said = await heard(take => child.stderr?.on('data', take), '(label compat_monitor0)\n');
    const name = /^char device redirected to (\/dev\/\S+) \(label/m.exec(said)?.[1] ?? '';
    const { O_RDWR, O_NOCTTY } = constants;
    const wanted = `compat_monitor0: filename=pty:${name}\n`;
    // Whoever was there goes; the next one finds the monitor again.
    for (let times = 0; times < 3; times++) {
      const terminal = new ReadStream(openSync(name, O_RDWR | O_NOCTTY));
      terminal.on('error', () => {});
      terminal.write('info chardev\n');
      expect(await heard(take => terminal.on('data', take), wanted)).toContain(wanted);
      terminal.destroy();
      await new Promise(resolve => terminal.once('close', resolve));
    }
  });
});

test('a monitor in datagrams', async () => {
  const socket = createSocket('udp4');
  await new Promise<void>(resolve => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  const answer = heard(take => socket.on('message', take), '(qemu) info name');
  await running(['-monitor', `udp:127.0.0.1:${port}@127.0.0.1:45998`], async () => {
    const tick = setInterval(() => socket.send('info name\n', 45998, '127.0.0.1'), 200);
    expect(await answer).toContain('(qemu) info name');
    clearInterval(tick);
  });
  socket.close();
});

test('a client of a server that goes and comes', async () => {
  const path = join(workshop.folder, 'server.sock');
  const greetings: Promise<string>[] = [];
  await running(
    ['-chardev', `socket,id=c,path=${path},reconnect=1`, '-mon', 'chardev=c,mode=control'],
    async () => {
      for (let i = 0; i < 2; i++) {
        const server = createServer();
        const greeted = heard(
          take => server.on('connection', socket => socket.on('data', take)),
          '"capabilities": []}}',
        );
        const sockets: { destroy(): void }[] = [];
        server.on('connection', socket => sockets.push(socket));
        await new Promise<void>(resolve => server.listen(path, resolve));
        greetings.push(greeted);
        await greeted;
        for (const socket of sockets) socket.destroy();
        await new Promise(resolve => server.close(resolve));
      }
    },
  );
  expect(greetings.length).toBe(2);
}, 30_000);

test('one terminal for a serial port, a human monitor and a debug console', async () => {
  const { text, status } = await onTerminal(
    workshop,
    [
      ...QUIET,
      ...['-chardev', 'stdio,id=m,mux=on,signal=off', '-serial', 'chardev:m'],
      ...['-mon', 'chardev=m', '-debugcon', 'chardev:m'],
    ],
    [
      { type: '\x01c' },
      PROMPT,
      { type: 'info chardev\r' },
      PROMPT,
      { type: '\x01t' },
      { type: 'info name\r' },
      { until: 'info name' },
      PROMPT,
      { type: '\x01t\x01s\x01b\x01h' },
      { until: 'sends C-a' },
      { type: '\x01x' },
    ],
  );
  expect(text).toContain('m: filename=mux\n');
  expect(text).toContain('m-base: filename=stdio\n');
  expect(text).toMatch(/\[00:00:0\d\.\d{3}\] \(qemu\) /);
  expect(text).toContain('QEMU: Terminated');
  expect(status).toBe(0);
});

test('chardev-add says where a pseudo-terminal is, and what went wrong', async () => {
  const prompt = new Prompt(workshop, ['-S']);
  expect(await prompt.ask('chardev-add socket,id=s,path=nowhere/x')).toBe(
    'Failed to connect socket: No such file or directory\n',
  );
  expect(await prompt.ask('chardev-add pty,id=p')).toBe('');
  const list = await prompt.ask('info chardev');
  expect(list).toMatch(/^p: filename=pty:\/dev\/\S+\ncompat_monitor0: filename=stdio\n$/);
  expect(await prompt.ask('chardev-add udp,id=u,port=9')).toBe('');
  expect(await prompt.ask('info chardev')).toContain('u: filename=udp\n');
  for (const id of ['p', 'u']) expect(await prompt.ask(`chardev-remove ${id}`)).toBe('');
  expect(await prompt.quit()).toBe(0);
});

test('a multiplexer over a character device that there is', async () => {
  const keys = '\x01cinfo chardev\nchardev-remove b\nchardev-remove m\nquit\n';
  const { text } = await workshop.run(
    [
      ...['-nodefaults', '-display', 'none', '-S', '-chardev', 'stdio,id=b'],
      ...['-chardev', 'mux,id=m,chardev=b', '-mon', 'chardev=m', '-serial', 'chardev:m'],
    ],
    keys,
  );
  expect(text).toContain('m: filename=mux\nb: filename=stdio\n');
  expect(text).toContain("Chardev 'b' is busy\n");
  expect(text).toContain("Chardev 'm' is busy\n");
});

test('chardev-add of a multiplexer, and its end', async () => {
  const add = (id: string, type: string, data: object): string =>
    JSON.stringify({ execute: 'chardev-add', arguments: { id, backend: { type, data } } });
  const remove = (id: string): string =>
    JSON.stringify({ execute: 'chardev-remove', arguments: { id } });
  const { out } = await converse(
    workshop.folder,
    [],
    [
      add('m', 'mux', { chardev: 'b' }),
      add('m', 'mux', {}),
      add('b', 'ringbuf', {}),
      add('m', 'mux', { chardev: 'b' }),
      add('n', 'mux', { chardev: 'b' }),
      remove('b'),
      remove('m'),
      add('n', 'mux', { chardev: 'b' }),
      '{"execute":"quit"}',
    ],
  );
  const answers = [...out.matchAll(/"desc": "(.*)"|"return"/g)].map(([, desc]) => desc ?? '');
  const missing = [
    'mux: base chardev b not found',
    "Invalid parameter type for 'chardev', expected: string",
  ];
  const busy = "Chardev 'b' is busy";
  expect(answers).toEqual(['', ...missing, '', '', busy, busy, '', '', '']);
});

test('three monitors at once', async () => {
  const path = join(workshop.folder, 'second.sock');
  const argv = ['-monitor', 'stdio', '-monitor', `unix:${path},server,nowait`, '-qmp', 'null'];
  await running(argv, async child => {
    await heard(take => child.stdout?.on('data', take), BANNER);
    const socket = connect(path);
    socket.write('info chardev\n');
    const list = await heard(take => socket.on('data', take), 'compat_monitor0: filename=stdio\n');
    expect(list).toContain('compat_monitor2: filename=null\n');
    expect(list).toContain(`compat_monitor1: filename=unix:${path},server\n`);
    socket.destroy();
  });
});

test('a server tells what was asked for, then where its client found it', async () => {
  const port = await freePort();
  const prompt = new Prompt(workshop, ['-S', '-serial', `telnet:localhost:${port},server,nowait`]);
  const idle = `serial0: filename=disconnected:telnet:localhost:${port},server\n`;
  expect(await prompt.ask('info chardev')).toContain(idle);
  const client = connect(port, '127.0.0.1');
  const list = await prompt.askUntil('info chardev', 'serial0: filename=telnet:');
  const place = `${port},server <-> 127.0.0.1:${client.localPort}\n`;
  expect(list).toContain(`serial0: filename=telnet:127.0.0.1:${place}`);
  client.destroy();
  expect(await prompt.askUntil('info chardev', 'disconnected:')).toContain(idle);
  expect(await prompt.quit()).toBe(0);
});
