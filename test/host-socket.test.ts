import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Char } from '../src/char.ts';
import type { SocketSpec } from '../src/chardev-spec.ts';
import { openSocketChar } from '../src/host-socket.ts';
import { freePort } from './support/free-port.ts';

const IAC = 255;
const BREAK = 243;
const [WILL, DO] = [251, 253];

function server(port: number, telnet: boolean): SocketSpec {
  const address = { kind: 'tcp', host: '127.0.0.1', port } as const;
  return { address, server: true, wait: false, telnet, reconnectSeconds: 0 };
}

test('a telnet client: its options are left out, its break is one, IAC IAC is a byte', async () => {
  const port = await freePort();
  const char = new Char('serial0', 'telnet');
  const heard: (string | number)[] = [];
  const ended = new Promise<void>(resolve => {
    char.connect({
      room: () => 100,
      receive: bytes => heard.push(...bytes),
      event: what => {
        heard.push(what);
        if (what === 'closed') resolve();
      },
    });
  });
  await openSocketChar(char, server(port, true), deliver => setImmediate(deliver));
  const client = connect(port, '127.0.0.1');
  client.write(Uint8Array.of(IAC, DO, 1, 0x61, IAC, WILL, 0, IAC, IAC, IAC, BREAK, 0x62));
  await new Promise<void>(resolve => client.once('data', () => resolve()));
  client.end();
  await ended;
  expect(heard).toEqual(['opened', 0x61, 0xff, 'break', 0x62, 'closed']);
  char.close();
});

test('a guest that does not listen keeps the next client out of nothing', async () => {
  const port = await freePort();
  const char = new Char('serial0', 'tcp');
  const heard: string[] = [];
  let opened = () => {};
  char.connect({
    room: () => 0,
    receive() {},
    event: what => {
      heard.push(what);
      if (what === 'opened') opened();
    },
  });
  const isOpen = () =>
    new Promise<void>(resolve => {
      opened = resolve;
    });
  await openSocketChar(char, server(port, false), deliver => setImmediate(deliver));
  for (const _ of [1, 2, 3]) {
    const open = isOpen();
    const client = connect(port, '127.0.0.1');
    await open;
    client.on('error', () => {});
    client.end(new Uint8Array(1000));
  }
  expect(heard).toEqual(['opened', 'closed', 'opened', 'closed', 'opened']);
  char.close();
});

test('who asks and says that this was all gets the answer, however late it is', async () => {
  const port = await freePort();
  const char = new Char('monitor', 'tcp');
  let isBusy = false;
  char.connect({
    room: () => 100,
    busy: () => isBusy,
    receive() {
      isBusy = true;
      setTimeout(() => {
        char.write(new Uint8Array([0x61]));
        isBusy = false;
        char.accept();
      }, 100);
    },
  });
  await openSocketChar(char, server(port, false), deliver => setTimeout(deliver, 50));
  const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = '';
  client.on('data', bytes => {
    heard += String(bytes);
  });
  client.end('question');
  await new Promise<void>(resolve => client.once('end', () => resolve()));
  expect(heard).toBe('a');
  char.close();
});
