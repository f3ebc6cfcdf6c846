import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const QUIET = ['-nodefaults', '-display', 'none', '-qmp', 'stdio'];

/** What comes back for `input`, a line each. */
async function say(input: string | Uint8Array, argv = QUIET): Promise<string[]> {
  const { stdout, status } = await workshop.run(argv, input);
  expect(status).toBe(0);
  return stdout
    .toString()
    .split('\r\n')
    .filter(line => line !== '');
}

test('events come before the reply of stop and cont, after that of the others', async () => {
  // The guest stands still at its reset: a running firmware may ask for one more.
  const orders = ['stop', 'stop', 'cont', 'cont', 'stop', 'system_reset', 'quit'];
  const sent = ['qmp_capabilities', ...orders];
  const got = await say(sent.map(execute => `${JSON.stringify({ execute })}\n`).join(''));
  const short = got.slice(1).map(line => /"event": "(\w+)"/.exec(line)?.[1] ?? line);
  const done = '{"return": {}}';
  expect(short).toEqual([
    done,
    'STOP',
    done,
    done,
    'RESUME',
    done,
    done,
    'STOP',
    done,
    done,
    'RESET',
    done,
    'SHUTDOWN',
  ]);
});

const capabilities = '{"execute":"qmp_capabilities"}\n';
const quit = '{"execute":"quit"}\n';
const bad = '{"error": {"class": "GenericError", "desc": "Invalid JSON syntax"}}';

/** The answers to lines that are sent behind the negotiation. */
async function answers(...lines: string[]): Promise<string[]> {
  const got = await say(`${capabilities}${lines.map(line => `${line}\n`).join('')}${quit}`);
  return got.slice(2, -2);
}

test('ids come back as they were, whatever they are', async () => {
  const ids = [
    ['9007199254740993', '9007199254740993'],
    ['-9223372036854775808', '-9223372036854775808'],
    ['18446744073709551616', '18446744073709551616'],
    ['[1.0, 1e3, 1.5, -0.0]', '[1, 1000, 1.5, -0]'],
    ['"\\u00e9\\ud83d\\ude00\\t\\/"', '"\\u00E9\\uD83D\\uDE00\\t/"'],
    ['"é😀"', '"\\u00E9\\uD83D\\uDE00"'],
    ['{"b": 1, "a": [{}, []]}', '{"a": [{}, []], "b": 1}'],
    ["'it\\'s'", '"it\'s"'],
    ['true', 'true'],
  ];
  const got = await answers(...ids.map(([sent]) => `{"execute":"query-name","id":${sent}}`));
  expect(got).toEqual(ids.map(([, shown]) => `{"return": {}, "id": ${shown}}`));
});

test('a whole number written as a float is no int', async () => {
  const resize = (size: string) =>
    `{"execute":"block_resize","arguments":{"device":"x","size":${size}}}`;
  const misfit = "Invalid parameter type for 'size', expected: int";
  const got = await answers(
    resize('1.0'),
    resize('1e3'),
    resize('99999999999999999999'),
    resize('1'),
  );
  const descs = got.map(line => JSON.parse(line).error.desc);
  expect(descs).toEqual([misfit, misfit, misfit, 'Cannot find device=x nor node_name=']);
});

test('after a mistake the next value is read', async () => {
  const name = '{"execute":"query-name"}';
  const done = '{"return": {}}';
  expect(await answers('01', name, '1.', name, '{"a":1]', name)).toEqual([
    bad,
    done,
    bad,
    done,
    bad,
    done,
  ]);
  expect(await answers(`${name}}`, '%', '{"a" "b"}', '[1,]', name)).toEqual([
    done,
    bad,
    bad,
    bad,
    bad,
    done,
  ]);
});

test('bytes that are no UTF-8 end what was begun', async () => {
  const stray = Buffer.concat([
    Buffer.from(`${capabilities}{"execute":"query-name`),
    Buffer.from([0xff]),
    Buffer.from(`{"execute":"query-name","id":"\xc3("}\n`, 'latin1'),
    Buffer.from(quit),
  ]);
  const got = (await say(stray)).slice(2, -2);
  expect(got).toEqual([bad, '{"return": {}, "id": "\\uFFFD("}']);
});

test('nesting ends at 1024 levels', async () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`;
  const [fine] = await answers(deep(1024));
  expect(fine).toContain("Expected 'object' in QMP input");
  const [first] = await answers(deep(1025));
  expect(first).toBe(bad);
});

test('errors about the request itself have no id, those about its arguments have', async () => {
  const [unknown, argument, twice] = await answers(
    '{"execute":"query-name","id":1,"bogus":2}',
    '{"execute":"query-name","id":2,"arguments":{"x":1}}',
    '{"execute":"qmp_capabilities","id":3}',
  );
  expect(unknown).not.toContain('"id"');
  expect(argument).toContain('"id": 2');
  expect(twice).toContain('"id": 3, "error": {"class": "CommandNotFound"');
});

test('the monitor looks at names and types before a command reads its arguments', async () => {
  const call = (execute: string, args: object): string =>
    JSON.stringify({ execute, arguments: args });
  const got = await answers(
    call('ringbuf-read', { z: 1, size: 'x' }),
    call('ringbuf-read', { device: 'x', size: 1, z: 1 }),
    call('memsave', {}),
    call('eject', { device: 'x', force: 1 }),
    call('send-key', { 'hold-time': 'x', keys: 1 }),
    call('send-key', { keys: 1 }),
    call('send-key', { keys: [1] }),
    call('send-key', { keys: [{ type: 'number', data: 'x' }] }),
    call('migrate-set-capabilities', { capabilities: [{ capability: 'xbzrle' }] }),
    call('migrate-set-capabilities', { capabilities: [{ state: true }] }),
    call('transaction', { actions: [{ type: 'abort', data: {}, x: 1 }] }),
    call('transaction', { actions: [{ type: 'abort', data: { y: 1 } }] }),
    call('transaction', { actions: [{ type: 'abort' }] }),
    call('netdev_add', {}),
  );
  const wrong = (name: string, type: string): string =>
    `Invalid parameter type for '${name}', expected: ${type}`;
  expect(got.map(line => JSON.parse(line).error.desc)).toEqual([
    "Parameter 'device' is missing",
    "Invalid parameter 'z'",
    expect.stringMatching(/^Parameter '(val|size|filename)' is missing$/),
    wrong('force', 'bool'),
    wrong('hold-time', 'int'),
    wrong('keys', 'list'),
    wrong('null', 'QDict'),
    wrong('data', 'integer'),
    wrong('state', 'boolean'),
    wrong('capability', 'string'),
    "QMP input object member 'x' is unexpected",
    "QMP input object member 'y' is unexpected",
    wrong('data', 'QDict'),
    "Parameter 'id' is missing",
  ]);
});
