import { afterAll, expect, test } from 'vitest';
import {
  type Conversation,
  conversations,
  converse,
  maskedLine,
} from '../../support/conversation.ts';
import { Workshop } from '../../support/emulator.ts';
import { LEGACY, makeImages } from '../../support/encrypted-images.ts';
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

/** What differs, line by line of those that came back: as we have it. */
type Difference = (line: string, sent: string) => string | undefined;

/** Every line that was recorded, times and host's numbers aside. */
async function expectWhole(talk: Conversation, differs: Difference = line => line) {
  const got = await converse(workshop(), { ...talk, argv: [...LEGACY, ...talk.argv] });
  const wanted = talk.exchanges.map(({ sent, received }) => ({
    sent,
    received: received.flatMap(line => differs(maskedLine(line), sent) ?? []),
  }));
  const exchanges = got.exchanges.map(({ sent, received }) => ({
    sent,
    received: received.map(maskedLine),
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

test.each([0, 1, 2, 3, 4, 5, 6])('D05, conversation %i: USB sticks', i =>
  expectWhole(conversations('D05-usb-storage')[i]),
);

test('D06: what cannot be plugged', () => expectWhole(conversations('D06-device-errors')[0]));

test('D11: an anonymous stick, and its drive', () => expectWhole(conversations('D11-more')[0]));

test('D02: states', () => expectWhole(conversations('D02-status')[0]));
