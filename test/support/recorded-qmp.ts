/**
 * The recorded QMP conversations, each held again over pipes and at a terminal.
 */

import { afterAll, expect, test } from 'vitest';
import {
  type Conversation,
  conversations,
  converse,
  type Exchange,
  maskedLine,
} from './conversation.ts';
import { refusal } from './differences.ts';
import { LEGACY } from './encrypted-images.ts';
import { Workshops } from './recorded.ts';
import { golden } from './sessions.ts';
import type { How } from './talk.ts';
import { press, type Step } from './terminal.ts';

/** A recorded line as it is here, with what came instead; undefined to compare it as it is. */
type Difference = (line: string, sent: string, got: string) => string | undefined;

interface Play {
  readonly name: string;
  readonly talk: Conversation;
  readonly differs?: Difference;
}

/** Where the processor happens to be, and which thread it is. */
const anyPlace = (line: string): string =>
  maskedLine(line).replace(/"pc": \d+, "halted": \w+, "thread_id": \d+/, '"pc": P');

const asked = (talk: Conversation, which: RegExp, until: RegExp, from = 0): Conversation => ({
  ...talk,
  exchanges: talk.exchanges.map((exchange, i) =>
    i >= from && which.test(exchange.sent) ? { ...exchange, until } : exchange,
  ),
});

/** What was sent and what came back, apart. */
function sticks(): Conversation {
  const lines = golden('A10-qmp-usb').split(/\r?\n/);
  const sent = lines.filter(line => line.startsWith('> {')).map(line => line.slice(2));
  const received = lines.slice(lines.indexOf('# (received)') + 1).filter(line => /^\{/.test(line));
  const [greeting, ...rest] = received;
  const exchanges = sent.map(request => {
    const end = rest.findIndex(line => /^\{"(return|error)"/.test(line)) + 1;
    return { sent: request, received: rest.splice(0, end) };
  });
  exchanges.at(-1)?.received.push(...rest);
  return { argv: lines[0].split(' ').slice(2), greeting: [greeting], exchanges };
}

/** A value over two lines: its first half has no answer of its own. */
function protocol(): Conversation {
  const [talk] = conversations('D01-protocol');
  const exchanges = talk.exchanges.flatMap((exchange, i): Exchange[] => {
    const { sent, received } = exchange;
    if (received.length === 0) return [];
    const before = talk.exchanges[i - 1];
    return before?.received.length === 0
      ? [{ sent: `${before.sent}\n${sent}`, received }]
      : [exchange];
  });
  return { ...talk, exchanges };
}

/** First the firmware comes to its end: half-way no NMI is survived, early no RESET is doubled. */
function states(): Conversation {
  const [talk] = conversations('D02-status');
  const idle = '{"return": [{"current": true, "CPU": 0, "pc": 0, "halted": true, "thread_id": 0}]}';
  const wait = { sent: '{"execute":"query-cpus"}', received: [idle], until: /"halted": true/ };
  const exchanges = talk.exchanges.flatMap((exchange, i) =>
    i === 1 || exchange.sent.includes('inject-nmi') ? [wait, exchange] : [exchange],
  );
  return { ...talk, exchanges };
}

/** Their firmware drives virtio disks without flushes: then they are write-through. */
const drives = (): Conversation =>
  asked(conversations('D04-query-block')[0], /"query-block"/, /"writeback": false/);

const names = (line: string): string[] => [...line.matchAll(/"name": "([^"]*)"/g)].map(m => m[1]);

/** Devices, processors and back ends are those that are here; see docs/compatibility.md. */
function introspected(line: string, sent: string, got: string): string | undefined {
  if (sent.includes('query-cpu-definitions')) {
    return line.replace('[{"name": "Opteron_G5"}', '[{"name": "max"}, {"name": "Opteron_G5"}');
  }
  if (!/query-chardev-backends|qom-list-types|"path":"\/machine"\}/.test(sent)) return undefined;
  const ours = names(got);
  const isTypes = sent.includes('qom-list-types');
  const theirs = names(line);
  const unknown = ours.filter(name => !theirs.includes(name));
  const isOrdered = theirs.filter(name => ours.includes(name)).join() === ours.join();
  const isFine = isTypes ? unknown.join() === 'max-x86_64-cpu' : isOrdered;
  return isFine && ours.length > 6 ? got : line;
}

/** The old medium stays as it was: its tray moves at the end only. The words are ours. */
function refused(): Play {
  const [talk] = conversations('H04-rfc-qmp');
  const isMove = (line: string): boolean => line.includes('TRAY_MOVED');
  const moves = talk.exchanges.flatMap(({ received }) => received.filter(isMove));
  const exchanges = talk.exchanges.map(({ sent, received }, i) => ({
    sent,
    received: [
      ...received.filter(l => !isMove(l)).map(l => l.replace('<TEXT>', refusal('qcow2'))),
      ...(i === talk.exchanges.length - 1 ? moves : []),
    ],
  }));
  return { name: 'H04 0', talk: { ...talk, exchanges } };
}

const all = (file: string, differs?: Difference): Play[] =>
  conversations(file).map((talk, i) => ({ name: `${file.slice(0, 3)} ${i}`, talk, differs }));

function plays(): Play[] {
  const usb = all('D05-usb-storage');
  // People take longer to type than the firmware to look around.
  const { talk } = usb[5];
  const addressed = asked(talk, /info usb/, /Device 0\.1/, 5);
  usb[5] = { ...usb[5], talk: addressed };
  return [
    { name: 'A10 0', talk: sticks() },
    { name: 'D01 0', talk: protocol() },
    { name: 'D02 0', talk: states() },
    ...all('D03-encrypted'),
    { name: 'D04 0', talk: drives() },
    ...usb,
    ...all('D06-device-errors'),
    ...all('D07-blockdev-add'),
    ...all('D08-media'),
    ...all('D09-jobs'),
    ...all('D10-introspection', introspected),
    ...all('D11-more'),
    refused(),
  ];
}

async function hold(how: How, { name, talk, differs }: Play, workshops: Workshops): Promise<void> {
  const words = name.startsWith('H') ? [] : LEGACY;
  const here = { ...talk, argv: [...words, ...talk.argv] };
  const got = await converse(await workshops.next(), here, { how, patienceMs: 30_000 });
  const exchanges = got.exchanges.map(({ sent, received }) => ({
    sent,
    received: received.map(anyPlace),
  }));
  const wanted = talk.exchanges.map(({ sent, received }, i) => ({
    sent,
    received: received.map((line, j) => {
      const ours = exchanges[i]?.received[j] ?? '';
      return differs?.(anyPlace(line), sent, ours) ?? anyPlace(line);
    }),
  }));
  expect(exchanges).toEqual(wanted);
  expect(got.status).toBe(0);
}

/** Recorded at a terminal, over several lines: what was typed is in it. */
const SHOWN = ['A11-qmp-usb-tty', 'D12-pretty'];
const isTyped = (line: string): boolean => /^\{ ?"execute"/.test(line);
const noTime = (line: string): string => maskedLine(line).replace(/(seconds": )\d+/, '$1N');

async function showAgain(how: How, file: string, workshops: Workshops): Promise<void> {
  const [command, ...recorded] = golden(file).split(/\r?\n/);
  const end = recorded.findIndex(line => line.startsWith('['));
  const lines = recorded.slice(0, end);
  const enter = how === 'tty' ? '\r' : '\n';
  const steps = lines.flatMap((line, i): Step[] => {
    if (isTyped(line)) return [{ type: line + enter }];
    // A request is typed when the answer to the one before is there.
    const isLast = isTyped(lines[i + 1] ?? '');
    return isLast ? [{ until: line.startsWith('}') ? '\n}\r' : line.slice(0, 9) }] : [];
  });
  const argv = [...LEGACY, ...command.split(' ').slice(2)];
  const { text, status } = await press(how, await workshops.next(), argv, steps);
  const shown = text.split('\n').filter(line => line !== '');
  const wanted = how === 'tty' ? lines : lines.filter(line => !isTyped(line));
  expect(shown.map(noTime)).toEqual(wanted.map(noTime));
  expect(status).toBe(0);
}

export function holdAll(how: How): void {
  const workshops = new Workshops();
  afterAll(() => workshops.close());
  for (const play of plays()) {
    test.concurrent(play.name, () => hold(how, play, workshops), 90_000);
  }
  for (const file of SHOWN) {
    test.concurrent(file, () => showAgain(how, file, workshops), 90_000);
  }
}
