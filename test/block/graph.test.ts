import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../src/block/cache-mode.ts';
import type { BlockContext } from '../../src/block/driver.ts';
import { openImage } from '../../src/block/graph.ts';
import type { BlockNode } from '../../src/block/node.ts';
import { Options } from '../../src/block/options.ts';
import { letGo } from '../../src/block/shared-node.ts';
import { MemoryHost } from '../support/memory-host.ts';
import { make } from '../support/qcow2-bench.ts';

function bench() {
  const host = new MemoryHost();
  const warnings: string[] = [];
  const named = new Map<string, BlockNode>();
  const context: BlockContext = {
    host,
    encryptedImages: 'legacy',
    imageTool: 'tinamou-img',
    warn: text => warnings.push(text),
    mayOpenEncrypted: () => true,
    findNode: name => named.get(name),
  };
  const open = (filename: string | undefined, options: readonly [string, string][] = []) =>
    openImage({
      filename,
      options: new Options(options),
      flags: { readOnly: false, cache: CACHE_MODES['writeback'] },
      context,
      deviceName: 'ide0-hd0',
    });
  return { host, named, warnings, open };
}

async function refusal(opening: Promise<unknown>): Promise<string> {
  return opening.then(
    () => 'opened',
    (error: Error) => error.message,
  );
}

test('a guessed raw image is warned about, and block 0 cannot become another format', async () => {
  const { host, warnings, open } = bench();
  host.put('raw.img', new Uint8Array(1024));
  const node = await open('raw.img');
  expect(warnings).toEqual([
    "WARNING: Image format was not specified for 'raw.img' and probing guessed raw.",
    '         Automatically detecting the format is dangerous for raw images, ' +
      'write operations on block 0 will be restricted.',
    "         Specify the 'raw' format explicitly to remove the restrictions.",
  ]);
  await node.write(0, new Uint8Array(512).fill(0x41));
  const into = new Uint8Array(512);
  await node.read(0, into);
  expect(into[511]).toBe(0x41);
});

test('the words for what cannot be opened are those of 2.2.50', async () => {
  const { host, open } = bench();
  host.put('raw.img', new Uint8Array(1024));
  expect(await refusal(open('nonexist'))).toBe(
    "Could not open 'nonexist': No such file or directory",
  );
  expect(await refusal(open('raw.img', [['driver', 'bogus']]))).toBe("Unknown driver 'bogus'");
  expect(await refusal(open('bogus:abc'))).toBe("Unknown protocol 'bogus'");
  expect(await refusal(open('raw.img', [['file.filename', 'raw.img']]))).toBe(
    "Can't specify 'file' and 'filename' options at the same time",
  );
  expect(await refusal(open('raw.img', [['bogus', '1']]))).toBe(
    "Block format 'raw' used by device 'ide0-hd0' doesn't support the option 'bogus'",
  );
  const odd: [string, string][] = [
    ['file.driver', 'bogus'],
    ['file.filename', 'raw.img'],
  ];
  expect(await refusal(open(undefined, odd))).toBe("Unknown driver 'bogus'");
});

test('a json: name says the same as dotted options', async () => {
  const { host, open } = bench();
  host.put('raw.img', new Uint8Array(1024).fill(7));
  const node = await open('json:{"driver": "raw", "file": {"filename": "raw.img"}}');
  expect(node.driver).toBe('raw');
  const into = new Uint8Array(512);
  await node.read(512, into);
  expect(into[0]).toBe(7);
});

test.each([
  ["json:{'driver': 'raw', 'file': {'filename': 'raw.img'}}", undefined],
  ['json:', 'Could not parse the JSON options'],
  ['json:{"driver":', 'Could not parse the JSON options'],
  ['json:null', 'Could not parse the JSON options'],
  ['json:{"driver": null}', 'Could not parse the JSON options'],
  ['json:[]', 'Invalid JSON object given'],
  ['json:5', 'Invalid JSON object given'],
  ['json:{}', 'Must specify either driver or file'],
  [`json:${'['.repeat(100_000)}`, 'Could not parse the JSON options'],
  [`json:${'{"a":'.repeat(1100)}1${'}'.repeat(1100)}`, 'Could not parse the JSON options'],
  [
    `json:${'{"driver":"raw","file":'.repeat(300)}{"filename":"raw.img"}${'}'.repeat(300)}`,
    undefined,
  ],
  [
    'json:{"driver":"raw","file.filename":"raw.img","__proto__":{"x":1e2}}',
    "Block format 'raw' used by device 'ide0-hd0' doesn't support the option '__proto__.x'",
  ],
])('a json: name is JSON as monitors take it (%#)', async (name, desc) => {
  const { host, open } = bench();
  host.put('raw.img', new Uint8Array(1024).fill(7));
  if (desc === undefined) expect((await open(name)).length).toBe(1024);
  else expect(await refusal(open(name))).toBe(desc);
});

test('a node that another one names is closed by the last of its owners', async () => {
  const { host, named, open } = bench();
  host.put('raw.img', new Uint8Array(1024));
  const first = await open('raw.img', [['driver', 'raw']]);
  named.set('one', first);
  let closings = 0;
  const close = first.close.bind(first);
  first.close = () => {
    closings++;
    return close();
  };
  const second = await open(undefined, [
    ['driver', 'raw'],
    ['file', 'one'],
  ]);
  await letGo(first);
  await second.write(512, new Uint8Array(512).fill(7));
  expect(closings).toBe(0);
  await second.close();
  expect(closings).toBe(1);
  const again = await open('raw.img', [['driver', 'raw']]);
  const into = new Uint8Array(512);
  await again.read(512, into);
  expect(into[0]).toBe(7);
  expect(
    await refusal(
      open(undefined, [
        ['driver', 'raw'],
        ['file', 'two'],
      ]),
    ),
  ).toBe('Cannot find device=two nor node_name=two');
});

test('options of the backing file add to what the header says, or replace it', async () => {
  const { host, open } = bench();
  host.put('dir/low.raw', new Uint8Array(4096).fill(1));
  host.put('other.raw', new Uint8Array(4096).fill(2));
  await make(host, 'dir/top.qcow2', { size: 4096, backingFile: 'low.raw', backingFormat: 'raw' });
  const first = async (name: string, options: readonly [string, string][]): Promise<number> => {
    const node = await open(name, options);
    const bytes = new Uint8Array(512);
    await node.read(0, bytes);
    await node.close();
    return bytes[0];
  };
  expect(await first('dir/top.qcow2', [])).toBe(1);
  expect(await first('dir/top.qcow2', [['backing.driver', 'raw']])).toBe(1);
  expect(await first('dir/top.qcow2', [['backing.file.filename', 'other.raw']])).toBe(2);
  expect(await first('blkdebug::dir/top.qcow2', [])).toBe(1);
  const json = '{"driver":"qcow2","file":{"driver":"file","filename":"dir/top.qcow2"}}';
  expect(await first(`json:${json}`, [])).toBe(1);
  const wrong = open('dir/top.qcow2', [['backing.driver', 'qcow2']]);
  expect(await refusal(wrong)).toBe('Could not open backing file: Image is not in qcow2 format');
});

test('what a filter stands on is named as any child: file, format, node, or nothing', async () => {
  const { host, named, open } = bench();
  await make(host, 'a.qcow2', { size: 1 << 20 });
  const over = async (...image: [string, string][]): Promise<string> => {
    const node = await open(undefined, [['driver', 'blkdebug'], ...image]);
    const shown = `${node.file?.driver} ${node.file?.filename}`;
    await node.close();
    return shown;
  };
  expect(await over(['image.filename', 'a.qcow2'])).toBe('file a.qcow2');
  expect(await over(['x-image', 'a.qcow2'])).toBe('file a.qcow2');
  const format: [string, string][] = [
    ['image.driver', 'qcow2'],
    ['image.file.filename', 'a.qcow2'],
  ];
  expect(await over(...format)).toBe('qcow2 a.qcow2');
  const open2 = await open('a.qcow2');
  named.set('n', open2);
  expect(await over(['image', 'n'])).toBe('qcow2 a.qcow2');
  expect(await refusal(over())).toBe('A block device must be specified for "image"');
  expect(await refusal(over(['image', 'x']))).toBe('Cannot find device=x nor node_name=x');
  expect(await refusal(over(['image.filename', 'a.qcow2'], ['image.bogus', '1']))).toBe(
    "Block protocol 'file' doesn't support the option 'bogus'",
  );
});
