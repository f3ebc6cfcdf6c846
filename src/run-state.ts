/**
 * The machine's run states, named as QEMU names them, and every legal change in one table.
 */

import { assert } from './error.ts';

export const RUN_STATES = [
  'debug',
  'inmigrate',
  'internal-error',
  'io-error',
  'paused',
  'postmigrate',
  'prelaunch',
  'finish-migrate',
  'restore-vm',
  'running',
  'save-vm',
  'shutdown',
  'suspended',
  'watchdog',
  'guest-panicked',
] as const;

export type RunState = (typeof RUN_STATES)[number];

const LEGAL: { readonly [from in RunState]: readonly RunState[] } = {
  debug: ['running', 'finish-migrate', 'paused'],
  inmigrate: ['running', 'paused', 'prelaunch'],
  'internal-error': ['paused', 'finish-migrate'],
  'io-error': ['running', 'finish-migrate', 'paused'],
  paused: ['running', 'finish-migrate', 'save-vm', 'restore-vm', 'prelaunch'],
  postmigrate: ['running', 'finish-migrate', 'paused'],
  prelaunch: ['running', 'finish-migrate', 'inmigrate', 'restore-vm', 'save-vm', 'paused'],
  'finish-migrate': ['running', 'postmigrate'],
  'restore-vm': ['running', 'paused', 'prelaunch'],
  running: [
    'debug',
    'internal-error',
    'io-error',
    'paused',
    'finish-migrate',
    'restore-vm',
    'save-vm',
    'shutdown',
    'watchdog',
    'guest-panicked',
  ],
  'save-vm': ['running', 'paused', 'prelaunch'],
  shutdown: ['paused', 'finish-migrate'],
  suspended: ['running'],
  watchdog: ['running', 'finish-migrate'],
  'guest-panicked': ['paused', 'finish-migrate'],
};

/** States in which `cont` is refused until the machine is reset. */
export const NEEDS_RESET: readonly RunState[] = ['internal-error', 'shutdown', 'guest-panicked'];

/** Asserts that a change is one of the table's. */
export function checkTransition(from: RunState, to: RunState): void {
  assert(from === to || LEGAL[from].includes(to), `run state may not go from ${from} to ${to}`);
}
