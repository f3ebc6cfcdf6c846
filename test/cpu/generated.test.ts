import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { HOT16, HOT32, WIDE16 } from '../../src/cpu/hot.ts';
import { instances } from '../../src/cpu/kinds.ts';

const GENERATED = join(import.meta.dirname, '../../src/cpu/generated/interpreter.js');
/** V8 never optimizes functions above 60 KiB of bytecode: the loops would be 15 times slower. */
const LIMIT = 55 * 1024;

/** Bytes of bytecode of a run loop, as V8 prints it. */
function bytecodeLength(loop: string): number {
  // Calling it once compiles it; the first record makes it leave at once.
  const program = `
    import { build } from '${GENERATED}';
    const names = new Proxy({}, { get: () => new Int32Array(16).fill(9999) });
    try { build(names).${loop}(0, 0, 0); } catch {}`;
  const flags = ['--print-bytecode', `--print-bytecode-filter=${loop}`, '--input-type=module'];
  const text = execFileSync(process.execPath, [...flags, '-e', program], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return Number(/Bytecode length: (\d+)/.exec(text)?.[1]);
}

test.each(['run32', 'run16'])('%s stays small enough for V8 to optimize', loop => {
  const length = bytecodeLength(loop);
  expect(length).toBeGreaterThan(10_000);
  expect(length).toBeLessThan(LIMIT);
});

test('every hot case is an instance that the table reaches', () => {
  const known = new Set(instances.map(instance => instance.key));
  expect([...HOT32, ...HOT16, ...WIDE16].filter(key => !known.has(key))).toEqual([]);
});
