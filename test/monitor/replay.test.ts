import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/program.ts';
import { FILES, playAll } from '../support/recorded.ts';
import { QMP_FILES } from '../support/recorded-qmp.ts';

playAll('pipe');

/** Invocations; keys; what is on the disks afterwards: option-errors, terminal, keyless-tools. */
const ELSEWHERE = ['B02-option-errors', 'C04-tty-edit', 'E05-compare'];

test('no transcript of a monitor is left out', () => {
  const all = readdirSync(join(ROOT, 'test/goldens'))
    .filter(name => /^([A-E]|H0[34]).*\.txt$/.test(name))
    .map(name => name.replace('.txt', ''));
  expect([...FILES, ...QMP_FILES, ...ELSEWHERE].sort()).toEqual(all.sort());
});
