import { expect, test } from 'vitest';
import { CACHE_MODES } from '../../../src/block/cache-mode.ts';
import { openImage } from '../../../src/block/graph.ts';
import { runLine } from '../../../src/block/io/commands.ts';
import { IoSession } from '../../../src/block/io/session.ts';
import { Options } from '../../../src/block/options.ts';
import { MemoryHost } from '../../support/memory-host.ts';
import { contextOf, make, openQcow2 } from '../../support/qcow2-bench.ts';

async function session(host: MemoryHost, filename = 'a.qcow2') {
  let text = '';
  let clock = 0;
  const io = new IoSession(
    {
      print: part => {
        text += part;
      },
      prefix: '',
      complain: part => {
        text += part;
      },
      elapsed: () => {
        clock += 0.001;
        return clock;
      },
      sleep: async () => {},
    },
    undefined,
  );
  io.node =
    filename === 'a.qcow2'
      ? await openQcow2(host, filename)
      : await openImage({
          filename,
          options: new Options([['driver', 'qcow2']]),
          flags: { readOnly: false, cache: CACHE_MODES['writeback'] },
          context: contextOf(host),
        });
  return {
    io,
    async run(...lines: string[]): Promise<string> {
      text = '';
      for (const line of lines) await runLine(io, line);
      return text.replace(/^(.* ops;) .*$/gm, '$1 -');
    },
  };
}

test('what is written with a pattern is verified by reading it', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 4 * 1024 * 1024 });
  const { run } = await session(host);
  expect(await run('write -P 0xaa 0 64k', 'read -P 0xaa 0 64k', 'read -P 0xab 0 512')).toBe(
    'wrote 65536/65536 bytes at offset 0\n64 KiB, 1 ops; -\n' +
      'read 65536/65536 bytes at offset 0\n64 KiB, 1 ops; -\n' +
      'Pattern verification failed at offset 0, 512 bytes\n' +
      'read 512/512 bytes at offset 0\n512 bytes, 1 ops; -\n',
  );
  expect(await run('map')).toBe(
    '[                       0]      128/    8192 sectors     allocated at offset 0 bytes (1)\n' +
      '[                     128]     8064/    8064 sectors not allocated at offset 64 KiB (0)\n',
  );
  expect(await run('bogus', 'read 1 512', 'read 0', 'length')).toBe(
    'command "bogus" not found\noffset 1 is not sector aligned\n' +
      'bad argument count 1 to read, expected at least 2 arguments\n4 MiB\n',
  );
  // A command is named as it was called; what is no signal is not raised.
  expect(await run('r 0', 'sigraise 99', 'sigraise x')).toBe(
    'bad argument count 1 to r, expected at least 2 arguments\n' +
      'non-numeric signal number argument -- x\n',
  );
});

test('a dump shows sixteen bytes a line', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 1024 * 1024 });
  const { run } = await session(host);
  await run('write -P 0x41 512 512');
  const text = await run('read -v 512 512');
  expect(text.split('\n')[0]).toBe(
    '00000200:  41 41 41 41 41 41 41 41 41 41 41 41 41 41 41 41  AAAAAAAAAAAAAAAA',
  );
});

test('requests that run on their own are reported when they end', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 1024 * 1024 });
  const { run } = await session(host);
  expect(await run('aio_write -P 7 0 4k 4k', 'aio_flush', 'read -P 7 4k 4k')).toBe(
    'wrote 8192/8192 bytes at offset 0\n8 KiB, 1 ops; -\n' +
      'read 4096/4096 bytes at offset 4096\n4 KiB, 1 ops; -\n',
  );
});

test('blkdebug fails the requests that its configuration names', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 1024 * 1024 });
  const config = '[inject-error]\nevent = "write_aio"\nerrno = "28"\nonce = "on"\n';
  host.put('debug.conf', new TextEncoder().encode(config));
  const { run } = await session(host, 'blkdebug:debug.conf:a.qcow2');
  expect(await run('write 0 512', 'write -P 1 0 512', 'read -P 1 0 512')).toBe(
    'write failed: No space left on device\n' +
      'wrote 512/512 bytes at offset 0\n512 bytes, 1 ops; -\n' +
      'read 512/512 bytes at offset 0\n512 bytes, 1 ops; -\n',
  );
});

test('a breakpoint holds a request until it is resumed', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 1024 * 1024 });
  const { run } = await session(host, 'blkdebug::a.qcow2');
  const held = await run('break write_aio A', 'aio_write -P 9 0 512', 'wait_break A');
  expect(held).toBe('');
  expect(await run('resume A', 'aio_flush')).toContain('wrote 512/512 bytes at offset 0\n');
});

test('values of options are looked at where they stand', async () => {
  const host = new MemoryHost();
  await make(host, 'a.qcow2', { size: 1024 * 1024 });
  const { run } = await session(host);
  expect(await run('read -P 300')).toBe('300 is not a valid pattern byte\n');
  expect(await run('read -P 300 -l x 0 512')).toBe('300 is not a valid pattern byte\n');
  expect(await run('read -s x -Z 0 512')).toBe('non-numeric length argument -- x\n');
  expect(await run('read -Z -s x 0 512')).toMatch(/^read: invalid option -- 'Z'\n/);
  expect(await run('write -z -P x 0 512')).toBe('x is not a valid pattern byte\n');
  expect(await run('aio_write -P 4096 131072')).toBe('4096 is not a valid pattern byte\n');
});
