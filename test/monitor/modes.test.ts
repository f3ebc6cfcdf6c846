/**
 * What each of the two modes has: with `encrypted-images=refuse` nothing is left of passwords, in
 * help, completion, command lists, answers or error classes.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';
import { ROOT } from '../support/program.ts';
import { Prompt } from '../support/prompt.ts';
import { onTerminal, type Step } from '../support/terminal.ts';

const workshop = new Workshop();
beforeAll(() => makeImages(workshop));
afterAll(() => workshop.close());

const QUIET = ['-nodefaults', '-display', 'none', '-S'];
const PROMPT = { until: '(qemu) ' };

interface Json {
  readonly [key: string]: unknown;
}

interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly class: string };
}

/** What QMP says to `requests`, without the greeting and the answer to `qmp_capabilities`. */
async function answers(argv: readonly string[], requests: readonly Json[]): Promise<Reply[]> {
  const all = [{ execute: 'qmp_capabilities' }, ...requests, { execute: 'quit' }];
  const input = all.map(request => `${JSON.stringify(request)}\n`).join('');
  const { stdout } = await workshop.run([...QUIET, '-qmp', 'stdio', ...argv], input, 60_000);
  const lines = stdout.toString().split('\r\n').filter(Boolean);
  const parsed = lines.map((line): Reply => JSON.parse(line));
  const replies = parsed.filter(item => 'return' in item || 'error' in item);
  return replies.slice(1, -1);
}

const listOf = (reply: Reply): string[] =>
  (reply.return as { readonly name: string }[]).map(({ name }) => name);

const MODES = [
  { mode: 'refuse', words: [] },
  { mode: 'refuse', words: ['-compat', 'encrypted-images=refuse'] },
  { mode: 'legacy', words: LEGACY },
] as const;

describe.each(MODES)('$mode ($words)', ({ mode, words }) => {
  const isLegacy = mode === 'legacy';

  test('help, of all commands and of each, knows of passwords for images or does not', async () => {
    const prompt = new Prompt(workshop, ['-S', ...words, 'plain.qcow2']);
    const help = await prompt.ask('help');
    const names = help
      .split('\n')
      .map(line => /^([a-z?][\w-]*)/.exec(line)?.[1] ?? '')
      .filter(Boolean);
    expect(names.length).toBeGreaterThan(80);
    let text = help + (await prompt.ask('info')) + (await prompt.ask('help info'));
    for (const name of names) text += await prompt.ask(`help ${name}`);
    for (const line of ['info block', 'info block -v', 'info block -n']) {
      text += await prompt.ask(line);
    }
    expect(text.includes('block_passwd')).toBe(isLegacy);
    expect(text).toMatch(isLegacy ? /encrypted block device/ : /^(?!.*encrypt)/s);
    const answer = await prompt.ask('block_passwd ide0-hd0 x');
    expect(answer).toBe(
      isLegacy ? "Device 'ide0-hd0' is not encrypted\n" : "unknown command: 'block_passwd'\n",
    );
    expect(await prompt.quit()).toBe(0);
  }, 60_000);

  test('TAB offers it or does not', async () => {
    const steps: Step[] = [
      PROMPT,
      { type: 'block_\t' },
      { until: 'block_resize' },
      PROMPT,
      { type: 'p\t\x15\r' },
      PROMPT,
      { type: 'quit\r' },
    ];
    const argv = [...QUIET, ...words, '-monitor', 'stdio'];
    const { text } = await onTerminal(workshop, argv, steps);
    expect(text.includes('block_passwd')).toBe(isLegacy);
  }, 60_000);

  test('query-commands has it or has not, and the other 114', async () => {
    const [reply] = await answers(words, [{ execute: 'query-commands' }]);
    const names = listOf(reply);
    expect(names.filter(name => name !== 'block_passwd').length).toBe(114);
    expect(names.includes('block_passwd')).toBe(isLegacy);
  });

  test('query-block keeps its keys', async () => {
    const drives = ['-hda', 'plain.qcow2', '-cdrom', 'raw.img'];
    const [reply] = await answers([...words, ...drives], [{ execute: 'query-block' }]);
    const inserted = (reply.return as { readonly inserted: Json }[]).map(d => d.inserted);
    const keys = { encrypted: false, encryption_key_missing: false };
    expect(inserted).toMatchObject([keys, keys]);
  });

  test('the command line’s help is the same in both', async () => {
    const { text } = await workshop.run([...words, '-h']);
    expect(text).toBe((await workshop.run(['-h'])).text);
    const told = text.split('\n').filter(line => /encrypt|passw/i.test(line));
    const own = /encrypted-images=|opens encrypted images|asks for passwords/;
    expect(told.filter(line => !own.test(line))).toEqual([]);
    expect(told.length).toBe(3);
  });
});

/** Everything that could meet an encrypted image, on a machine that stands still. */
const MEETINGS: readonly Json[] = [
  { execute: 'cont' },
  { execute: 'stop' },
  { execute: 'change', arguments: { device: 'ide1-cd0', target: 'enc.qcow2' } },
  {
    execute: 'blockdev-add',
    arguments: {
      options: { driver: 'qcow2', id: 'n', file: { driver: 'file', filename: 'enc.qcow2' } },
    },
  },
  {
    execute: 'blockdev-snapshot-sync',
    arguments: { device: 'ide0-hd0', 'snapshot-file': 'enc.qcow2', mode: 'existing' },
  },
  ...['drive-mirror', 'drive-backup'].map(execute => ({
    execute,
    arguments: { device: 'ide0-hd0', target: 'enc.qcow2', sync: 'full', mode: 'existing' },
  })),
  ...['drive_add 0 if=none,id=e,file=enc.qcow2', 'usb_add disk:enc.qcow2', 'info block'].map(
    line => ({ execute: 'human-monitor-command', arguments: { 'command-line': line } }),
  ),
  { execute: 'device_add', arguments: { driver: 'usb-storage', drive: 'e', id: 's' } },
  { execute: 'block_passwd', arguments: { device: 'e', password: 'x' } },
  { execute: 'cont' },
];

const classesOf = (replies: readonly Reply[]): (string | undefined)[] =>
  replies.map(({ error }) => error?.class);

const CLASSES = [undefined, 'GenericError', 'CommandNotFound', 'DeviceNotFound', 'DeviceNotActive'];

test('no request is answered with DeviceEncrypted, unless images may be encrypted', async () => {
  const argv = ['-usb', '-hda', 'plain.qcow2', '-cdrom', 'raw.img'];
  const refused = await answers(argv, MEETINGS);
  expect(classesOf(refused).filter(name => !CLASSES.includes(name))).toEqual([]);
  expect(JSON.stringify(refused)).not.toMatch(/Password|\(qcow2, encrypted\)|"OK/);
  const asked = await answers([...LEGACY, ...argv], MEETINGS);
  expect(classesOf(asked)).toContain('DeviceEncrypted');
  const [commands] = await answers([], [{ execute: 'query-commands' }]);
  const bare = listOf(commands)
    .filter(name => name !== 'quit')
    .map(name => ({ execute: name }));
  const replies = await answers(argv, bare);
  expect(replies.length).toBe(bare.length);
  expect(classesOf(replies).filter(name => !CLASSES.includes(name))).toEqual([]);
}, 60_000);

test('the reference marks what is there for encrypted images only', () => {
  const reference = readFileSync(join(ROOT, 'docs/reference.md'), 'utf8');
  const marked = reference.split('\n').filter(line => line.includes('legacy mode only'));
  expect(marked.length).toBe(2);
  const named = reference.split('\n').filter(line => line.includes('block_passwd'));
  expect(named).toEqual(marked);
});
