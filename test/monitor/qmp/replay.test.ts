import { existsSync } from 'node:fs';
import { afterAll, expect, test } from 'vitest';
import {
  type Conversation,
  conversations,
  converse,
  maskedLine,
} from '../../support/conversation.ts';
import { Workshop } from '../../support/emulator.ts';
import { LEGACY, makeImages } from '../../support/encrypted-images.ts';
import { SEABIOS } from '../../support/program.ts';
import { golden, render } from '../../support/sessions.ts';
import { onTerminal, type Step } from '../../support/terminal.ts';

const shops: Workshop[] = [];
afterAll(() => {
  for (const shop of shops) shop.close();
});

function workshop(): Workshop {
  const shop = new Workshop();
  shops.push(shop);
  makeImages(shop);
  return shop;
}

/** A recorded line as it is here, or undefined when it is compared as it is. */
type Difference = (line: string, sent: string) => string | undefined;

/** Where the processor happens to be, and which thread it is. */
const anyPlace = (line: string): string =>
  maskedLine(line).replace(/"pc": \d+, "halted": \w+, "thread_id": \d+/, '"pc": P');

/** Every line that was recorded, times and the host's numbers aside. */
async function expectWhole(
  talk: Conversation,
  differs: Difference = () => undefined,
  patienceMs = 5000,
): Promise<void> {
  const got = await converse(workshop(), { ...talk, argv: [...LEGACY, ...talk.argv] }, patienceMs);
  const wanted = talk.exchanges.map(({ sent, received }) => ({
    sent,
    received: received.map(line => differs(anyPlace(line), sent) ?? anyPlace(line)),
  }));
  const exchanges = got.exchanges.map(({ sent, received }) => ({
    sent,
    received: received.map(anyPlace),
  }));
  expect(exchanges).toEqual(wanted);
  expect(got.status).toBe(0);
}

/** The conversation of A10: what was sent and what came back, apart. */
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

test('A10: a stick with an encrypted drive comes and goes', () => expectWhole(sticks()));

test('A11: the same at a terminal, which echoes', async () => {
  const [command, ...recorded] = golden('A11-qmp-usb-tty').split(/\r?\n/);
  const lines = recorded.filter(line => line.startsWith('{'));
  const steps = lines.flatMap((line, i): Step[] => {
    const isTyped = /^\{ ?"execute"/.test(line);
    if (isTyped) return [{ type: `${line}\r` }];
    // A request is typed when the answer to the one before is there.
    return /^\{ ?"execute"/.test(lines[i + 1] ?? '') ? [{ until: line.slice(0, 9) }] : [];
  });
  const argv = [...LEGACY, ...command.split(' ').slice(2)];
  const { bytes, status } = await onTerminal(workshop(), argv, steps);
  const shown = render(Buffer.from(bytes, 'latin1')).split('\n');
  expect(shown.filter(line => line !== '').map(maskedLine)).toEqual(lines.map(maskedLine));
  expect(status).toBe(0);
});

test.each([0, 1, 2, 3, 4, 6])('D05, conversation %i: USB sticks', i =>
  expectWhole(conversations('D05-usb-storage')[i]),
);

test('D05, conversation 5: the firmware gives the stick an address', async () => {
  const talk = conversations('D05-usb-storage')[5];
  if (!existsSync(SEABIOS)) {
    console.log('SeaBIOS is not installed: our own firmware leaves sticks alone');
    return;
  }
  // People take longer to type than the firmware to look around.
  const isLast = (sent: string, i: number): boolean => i > 4 && sent.includes('info usb');
  const exchanges = talk.exchanges.flatMap((exchange, i) =>
    isLast(exchange.sent, i) ? [{ ...exchange, until: /Device 0\.1/ }] : [exchange],
  );
  const argv = [...talk.argv, '-bios', SEABIOS];
  await expectWhole({ ...talk, argv, exchanges }, undefined, 30_000);
});

test('D06: what can be plugged, and what cannot', () =>
  expectWhole(conversations('D06-device-errors')[0]));

test('D11: an anonymous stick, and its drive', () => expectWhole(conversations('D11-more')[0]));

test('D02: states', async () => {
  const [talk] = conversations('D02-status');
  // First the firmware comes to its end: half-way no NMI is survived, early no RESET is doubled.
  const idle = '{"return": [{"current": true, "CPU": 0, "pc": 0, "halted": true, "thread_id": 0}]}';
  const wait = { sent: '{"execute":"query-cpus"}', received: [idle], until: /"halted": true/ };
  const exchanges = talk.exchanges.flatMap((exchange, i) =>
    i === 1 || exchange.sent.includes('inject-nmi') ? [wait, exchange] : [exchange],
  );
  await expectWhole({ ...talk, exchanges }, undefined, 30_000);
});

test('D01: the protocol', () => {
  const [talk] = conversations('D01-protocol');
  // A value over two lines: its first half has no answer of its own.
  const exchanges = talk.exchanges.flatMap((exchange, i) => {
    const { sent, received } = exchange;
    if (received.length === 0) return [];
    const before = talk.exchanges[i - 1];
    return before?.received.length === 0
      ? [{ sent: `${before.sent}\n${sent}`, received }]
      : [exchange];
  });
  return expectWhole({ ...talk, exchanges });
});

const names = (line: string): string[] => [...line.matchAll(/"name": "([^"]*)"/g)].map(m => m[1]);

test('D10: what there is', async () => {
  const [talk] = conversations('D10-introspection');
  const shorter = /query-chardev-backends|qom-list-types|"path":"\/machine"\}/;
  const exchanges = talk.exchanges.filter(({ sent }) => !shorter.test(sent));
  await expectWhole({ ...talk, exchanges }, (line, sent) =>
    sent.includes('query-cpu-definitions')
      ? line.replace('[{"name": "Opteron_G5"}', '[{"name": "max"}, {"name": "Opteron_G5"}')
      : undefined,
  );
  const parts = talk.exchanges.filter(({ sent }) => shorter.test(sent));
  const [{ sent, received }] = talk.exchanges;
  const got = await converse(workshop(), {
    argv: [...LEGACY, ...talk.argv],
    greeting: talk.greeting,
    exchanges: [{ sent, received }, ...parts, ...talk.exchanges.slice(-1)],
  });
  for (const [i, part] of parts.entries()) {
    const recorded = names(part.received[0]);
    const ours = names(got.exchanges[i + 1].received[0]);
    expect(ours.length).toBeGreaterThan(6);
    const inOrder = recorded.filter(name => ours.includes(name));
    if (!part.sent.includes('types')) expect(ours).toEqual(inOrder);
    expect(ours.filter(name => !recorded.includes(name))).toEqual(
      part.sent.includes('types') ? ['max-x86_64-cpu'] : [],
    );
  }
});

test('D12: pretty output, at a terminal', async () => {
  const [command, ...recorded] = golden('D12-pretty').split('\n');
  const lines = recorded.slice(
    0,
    recorded.findIndex(line => line.startsWith('[tty')),
  );
  const steps = lines.flatMap((line, i): Step[] => {
    if (line.startsWith('{"execute"')) return [{ type: `${line}\r` }];
    return (lines[i + 1] ?? '').startsWith('{"execute"') ? [{ until: '\n}\r' }] : [];
  });
  const argv = [...LEGACY, ...command.split(' ').slice(2)];
  const { bytes, status } = await onTerminal(workshop(), argv, steps);
  const noTime = (line: string) => line.replace(/(seconds": )\d+/, '$1N');
  const shown = render(Buffer.from(bytes, 'latin1')).split('\n');
  expect(shown.filter(line => line !== '').map(noTime)).toEqual(lines.map(noTime));
  expect(status).toBe(0);
});
