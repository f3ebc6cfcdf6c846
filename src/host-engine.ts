/**
 * What the program asks of the JavaScript engine itself.
 */

import { setFlagsFromString } from 'node:v8';

type Loop = (...args: never[]) => unknown;

/** V8's own functions for it, which are part of the language only while a flag is set. */
interface Engine {
  optimize(loop: Loop): void;
  optimizeBeside(loop: Loop): void;
  status(loop: Loop): number;
  /** Bits of a status that say: compiled. */
  readonly compiled: number;
}

let engine: Engine | null | undefined;

function makeEngine(): Engine | null {
  try {
    setFlagsFromString('--allow-natives-syntax');
    const make = (text: string) => new Function('loop', text) as (loop: Loop) => never;
    const optimize = make('%OptimizeFunctionOnNextCall(loop)');
    const optimizeBeside = make('%OptimizeFunctionOnNextCall(loop, "concurrent")');
    const status = make('return %GetOptimizationStatus(loop)');
    const example = (): number => 1;
    example();
    const before: number = status(example);
    optimize(example);
    example();
    return { optimize, optimizeBeside, status, compiled: status(example) & ~before };
  } catch {
    return null;
  } finally {
    setFlagsFromString('--no-allow-natives-syntax');
  }
}

/**
 * What `question` says of V8; `none` where V8 does not offer that. V8 drops the code of functions
 * that nobody called for long, and cannot read its own functions anew without the flag: then they
 * are made again.
 */
function ask<T>(question: (engine: Engine) => T, none: T): T {
  engine ??= makeEngine();
  if (engine === null) return none;
  try {
    return question(engine);
  } catch {
    engine = makeEngine();
    return engine === null ? none : question(engine);
  }
}

/**
 * Has V8 compile `loop` at its next call, at once instead of beside it: a loop of 40 KB takes V8 a
 * quarter of a second, in which it would run thirty times slower. False where that is not offered.
 */
export function compileSoon(loop: Loop): boolean {
  return ask(({ optimize }) => {
    optimize(loop);
    return true;
  }, false);
}

/** Has V8 compile `loop` beside the program, from its next call on. False as above. */
export function compileBeside(loop: Loop): boolean {
  return ask(({ optimizeBeside }) => {
    optimizeBeside(loop);
    return true;
  }, false);
}

/** Whether it has. */
export function isCompiled(loop: Loop): boolean {
  return ask(({ status, compiled }) => (status(loop) & compiled) === compiled, true);
}

/** The flag that puts off optimising, by V8's version; an unknown one costs a line on stderr. */
function lateFlag(version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number);
  if (major === 11 && minor === 3) return '--interrupt-budget=540672';
  if ((major === 12 && minor >= 4) || major === 13) return '--invocation-count-for-turbofan=24000';
  return undefined;
}

/**
 * For programs that mostly wait for the system: V8 optimises what runs eight times as long as it
 * would otherwise. Copying a gigabyte then costs no compilation at all, which is a fifth of its
 * processor time; loops over bytes are still compiled within some milliseconds.
 */
export function compileLate(): void {
  const flag = lateFlag(process.versions.v8);
  if (flag !== undefined) setFlag(flag);
}

/**
 * For walks over many small tables: V8 would let 48 MB of young garbage pile up before it looks.
 * Most of it is dead at once, so looking more often costs next to nothing.
 */
export function collectSoon(): void {
  setFlag('--semi-space-growth-factor=1');
}

function setFlag(flag: string): void {
  // A code cache made under other flags than those of a start would be refused.
  if (process.env['TINAMOU_BUILD_CACHE'] !== undefined) return;
  setFlagsFromString(flag);
}
