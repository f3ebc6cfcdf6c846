import { expect, test } from 'vitest';
import { bundledOutput } from '../support/bundled.ts';

/**
 * A loop of 6,000,000 turns: calls, byte, word and double-word accesses, aligned and not, jumps
 * that are taken and not.
 */
const PROGRAM =
  'bc 00 00 20 00 be 00 00 18 00 bf 80 8d 5b 00 89 f8 e8 24 00 00 00 89 3c 86 03 1c 86 0f ' +
  'b6 14 06 66 89 56 01 83 46 03 05 53 59 39 ca 72 02 31 cb c1 e9 03 83 d3 00 4f 75 d6 f4 ' +
  '25 ff 00 00 00 a8 01 74 03 8d 40 01 c3 ';

const KEPT = `
  import { BareMachine } from './bare-machine.ts';
  const machine = new BareMachine(4);
  const bytes = PROGRAM.trim().split(' ').map(byte => Number.parseInt(byte, 16));
  machine.memory.writeBytes(0x100000, Uint8Array.from(bytes));
  machine.enterProtected(0x100000);
  machine.run(1e9);
  console.log('instructions', machine.cpu.instructions);
`;

/** Prints the parts of the run loops that the training did not reach, as V8 counts them. */
const COVERED = `
  import { Session } from 'node:inspector';
  import { train } from '../../src/cpu/train.ts';
  import { BareMachine } from './bare-machine.ts';
  const { processor } = new BareMachine(1).cpu;
  const session = new Session();
  session.connect();
  const ask = (method, options) => {
    let answer;
    session.post(method, options, (_error, result) => { answer = result; });
    return answer;
  };
  ask('Debugger.enable');
  ask('Profiler.enable');
  ask('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  for (const width of [0, 1]) train(processor, width, undefined);
  for (const { scriptId, functions } of ask('Profiler.takePreciseCoverage').result) {
    for (const { functionName, ranges } of functions) {
      if (!/^run(32|16)/.test(functionName)) continue;
      const { scriptSource } = ask('Debugger.getScriptSource', { scriptId });
      console.log(functionName, ranges.length > 0 && ranges[0].count > 0 ? 'trained' : 'not');
      for (const range of ranges.filter(r => r.count === 0)) {
        const at = scriptSource.lastIndexOf('case ', range.startOffset);
        const part = scriptSource.slice(range.startOffset, range.endOffset);
        console.log('missed', functionName, scriptSource.slice(at, at + 9), part.trim());
      }
    }
  }
`;

const define = { PROGRAM: JSON.stringify(PROGRAM) };

test('once trained, the run loop is compiled once and kept', async () => {
  const text = await bundledOutput(KEPT, { flags: ['--trace-deopt', '--trace-opt'], define });
  expect(text).toMatch(/instructions 1\d{8}/);
  expect(text).toMatch(/completed optimizing.*run32/);
  expect(text.split('\n').filter(l => /bailout.*run32/.test(l))).toEqual([]);
}, 60_000);

test('the training takes every branch of both loops', async () => {
  const lines = (await bundledOutput(COVERED, { define })).trim().split('\n');
  expect(lines.filter(l => l.endsWith(' trained'))).toHaveLength(2);
  // Leaving a loop needs no feedback.
  expect(lines.filter(l => l.startsWith('missed') && !l.endsWith('return c;'))).toEqual([]);
}, 60_000);
