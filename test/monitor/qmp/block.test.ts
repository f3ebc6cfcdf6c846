import { afterAll, expect, test } from 'vitest';
import {
  type Conversation,
  conversations,
  converse,
  maskedLine,
} from '../../support/conversation.ts';
import { Workshop } from '../../support/emulator.ts';
import { LEGACY, makeImages } from '../../support/encrypted-images.ts';

const shops: Workshop[] = [];
afterAll(() => {
  for (const shop of shops) shop.close();
});

/** Each conversation has images of its own: some change them. */
async function expectConversation(
  talk: Conversation,
  skip: RegExp | undefined = undefined,
): Promise<void> {
  const shop = new Workshop();
  shops.push(shop);
  makeImages(shop);
  const exchanges = talk.exchanges.filter(({ sent }) => skip?.test(sent) !== true);
  const argv = [...LEGACY, ...talk.argv];
  const got = await converse(shop, { ...talk, argv, exchanges });
  const show = (list: typeof exchanges) =>
    list.flatMap(({ sent, received }) => [`-> ${sent}`, ...received.map(maskedLine)]);
  expect(show([...got.exchanges])).toEqual(show(exchanges));
  expect(got.status).toBe(0);
}

test.each([0, 1, 2, 3])('D03, conversation %i: encrypted drives', i =>
  expectConversation(conversations('D03-encrypted')[i]),
);

test('D04: query-block', () => {
  const talk = conversations('D04-query-block')[0];
  // The firmware drives virtio disks without flushes: once it has come so far, they are
  // write-through.
  const exchanges = talk.exchanges.map(exchange =>
    exchange.sent.includes('"query-block"')
      ? { ...exchange, until: /"writeback": false/ }
      : exchange,
  );
  return expectConversation({ ...talk, exchanges });
});

test.each([0, 1])('D07, conversation %i: blockdev-add', i =>
  expectConversation(conversations('D07-blockdev-add')[i]),
);

test('D08: media change, trays move', () => expectConversation(conversations('D08-media')[0]));

test.each([0, 1])('D09, conversation %i: jobs and live snapshots', i =>
  expectConversation(conversations('D09-jobs')[i]),
);
