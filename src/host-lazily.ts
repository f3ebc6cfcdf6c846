/**
 * Modules of Node that are loaded when they are first used: a tool that starts, answers and ends
 * within 10 ms of a bare Node cannot afford what it does not need.
 */

import { createRequire } from 'node:module';
import { join } from 'node:path';

/** The module `name`, by a function that loads it once. */
export function lazily<T>(name: string): () => T {
  let loaded: T | undefined;
  return () => {
    loaded ??= createRequire(join(import.meta.dirname, 'host-lazily.js'))(name) as T;
    return loaded;
  };
}
