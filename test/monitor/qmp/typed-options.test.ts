/** Nested arguments of `blockdev-add` and `chardev-add`, and addresses that are none. */

import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';
import { converse } from '../../support/qmp-talk.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

const wrongType = (name: string, type: string): string =>
  `Invalid parameter type for '${name}', expected: ${type}`;
const noPort = (place: string): string =>
  `address resolution failed for ${place}: Servname not supported for ai_socktype`;

const node = (options: object): string =>
  JSON.stringify({ execute: 'blockdev-add', arguments: { options } });
const char = (type: string, data: unknown): string =>
  JSON.stringify({ execute: 'chardev-add', arguments: { id: 'c', backend: { type, data } } });
const inet = (port: string): object => ({ type: 'inet', data: { host: '127.0.0.1', port } });

const NULL = { driver: 'null-co', id: 'n' };

const REFUSED: readonly (readonly [string, string])[] = [
  [node({ ...NULL, werror: 1e18 }), wrongType('werror', 'string')],
  [node({ ...NULL, 'read-only': 'on' }), wrongType('read-only', 'boolean')],
  [node({ ...NULL, cache: [{ direct: true }] }), wrongType('cache', 'QDict')],
  [node({ ...NULL, if: 'ide' }), "QMP input object member 'if' is unexpected"],
  [
    node({ ...NULL, cache: { direct: true, x: 1, 'no-flush': 2 } }),
    wrongType('no-flush', 'boolean'),
  ],
  [node({ id: 'n' }), wrongType('driver', 'string')],
  [node({ driver: 'raw', id: 'n', file: [1] }), wrongType('file', 'BlockdevRef')],
  [node({ driver: 'raw', id: 'n', file: { driver: 'bogus' } }), "Invalid parameter 'bogus'"],
  [char('ringbuf', { size: 2 ** 40 }), 'Cannot allocate memory'],
  [char('ringbuf', { size: 3 }), 'size of ringbuf chardev must be power of two'],
  [char('pipe', false), wrongType('data', 'QDict')],
  [char('socket', { addr: inet('x') }), noPort('127.0.0.1:x')],
  [char('socket', { addr: inet('99999') }), noPort('127.0.0.1:99999')],
  [char('udp', { remote: inet('99999') }), noPort('127.0.0.1:99999')],
  [char('bogus', 1), 'chardev: backend "bogus" not found'],
];

test('members of a wrong type are refused by name, and the machine goes on', async () => {
  const commands = [...REFUSED.map(([command]) => command), '{"execute":"quit"}'];
  const { out, stderr, status } = await converse(workshop.folder, [], commands);
  const descriptions = [...out.matchAll(/"desc": "((?:[^"\\]|\\.)*)"/g)].map(([, text]) =>
    JSON.parse(`"${text}"`),
  );
  expect(descriptions).toEqual(REFUSED.map(([, why]) => why));
  expect(stderr).toBe('');
  expect(status).toBe(0);
});

test('a socket listens unless told otherwise; both ends of a udp pipe are kept apart', async () => {
  const unix = { type: 'unix', data: { path: 'late.sock' } };
  const { out } = await converse(
    workshop.folder,
    [],
    [
      char('socket', { addr: unix }),
      '{"execute":"chardev-remove","arguments":{"id":"c"}}',
      char('udp', { remote: inet('9'), local: inet('0') }),
      '{"execute":"query-chardev"}',
      '{"execute":"quit"}',
    ],
  );
  expect(out).not.toContain('"error"');
  expect(out).toContain('"filename": "udp"');
});

const QUIET = ['-nodefaults', '-display', 'none', '-S'];

test.each([
  ['-chardev socket,id=a,host=127.0.0.1,port=x,server,nowait', noPort('127.0.0.1:x')],
  ['-serial tcp:127.0.0.1:99999,server,nowait', noPort('127.0.0.1:99999')],
  ['-serial udp::99999', noPort(':99999')],
  ['-qmp unix:/nosuch/x,server,nowait', 'Failed to bind socket: No such file or directory'],
  ['-chardev ringbuf,id=a,size=1T', 'Cannot allocate memory'],
])('%s', async (words, why) => {
  const { stderr, status } = await workshop.run([...QUIET, ...words.split(' ')]);
  expect(stderr).toContain(`${words}: ${why}\n`);
  expect(status).toBe(1);
});

test('a character device serves one monitor', async () => {
  const argv = ['-chardev', 'null,id=a', '-mon', 'chardev=a', '-mon', 'chardev=a'];
  const { stderr, status } = await workshop.run([...QUIET, ...argv]);
  expect(stderr).toBe('qemu_chr_fe_claim_no_fail: error chardev "a" already used\n');
  expect(status).toBe(1);
});
