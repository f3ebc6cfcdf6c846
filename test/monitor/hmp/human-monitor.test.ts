/** What the human monitors of one program share, and what they say past themselves. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { converse } from '../../support/qmp-talk.ts';

test('formats last from line to line; what is wrong with a word is on stdout', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-'));
  const lines = ['p/d 16', 'p 17', 'x/2hx 0xfffffff0', 'x 0xfffffff0', 'getfd "x\\q"', 'help "'];
  const commands = lines.map(line =>
    JSON.stringify({ execute: 'human-monitor-command', arguments: { 'command-line': line } }),
  );
  const talk = await converse(folder, [], [...commands, '{"execute":"quit"}']);
  rmSync(folder, { recursive: true });
  const said = talk.out.split('\n').slice(2, 10);
  expect(said.map(line => line.replace('\r', ''))).toEqual([
    '{"return": "16\\r\\n"}',
    '{"return": "17\\r\\n"}',
    expect.stringMatching(/: 0x[0-9a-f]{4} 0x[0-9a-f]{4}\\r/),
    expect.stringMatching(/: 0x[0-9a-f]{4}\\r/),
    "unsupported escape code: '\\q'",
    '{"return": "getfd: string expected\\r\\n"}',
    'unterminated string',
    '{"return": ""}',
  ]);
});
