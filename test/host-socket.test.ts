import { connect } from 'node:net';
import { expect, test } from 'vitest';
import { Char } from '../src/char.ts';
import type { SocketSpec } from '../src/chardev-spec.ts';
import { openSocketChar } from '../src/host-socket.ts';
import { freePort } from './support/free-port.ts';

const IAC = 255;
const BREAK = 243;
const [WILL, DO] = [251, 253];

test('a telnet client: its options are left out, its break is one, IAC IAC is a byte', async () => {
  const port = await freePort();
  const spec: SocketSpec = {
    address: { kind: 'tcp', host: '127.0.0.1', port },
    server: true,
    wait: false,
    telnet: true,
    reconnectSeconds: 0,
  };
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
  await openSocketChar(char, spec, deliver => setImmediate(deliver));
  const client = connect(port, '127.0.0.1');
  client.write(Uint8Array.of(IAC, DO, 1, 0x61, IAC, WILL, 0, IAC, IAC, IAC, BREAK, 0x62));
  await new Promise<void>(resolve => client.once('data', () => resolve()));
  client.end();
  await ended;
  expect(heard).toEqual(['opened', 0x61, 0xff, 'break', 0x62, 'closed']);
  char.close();
});
