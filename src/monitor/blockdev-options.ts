/**
 * What `blockdev-add` takes, as QAPI's `BlockdevOptions` has it: members that all drivers know, and
 * those of each driver that is here. A member of another type, or one that nobody knows, is refused
 * before anything is opened.
 */

import type { Json } from '../json.ts';
import {
  bool,
  enumeration,
  flatUnion,
  int,
  lazily,
  listOf,
  nameOr,
  optional,
  type Schema,
  str,
  struct,
  uint64,
} from '../schema.ts';

const onError = enumeration('BlockdevOnError', ['report', 'ignore', 'enospc', 'stop']);

const BASE = {
  id: optional(str),
  'node-name': optional(str),
  discard: optional(enumeration('BlockdevDiscardOptions', ['ignore', 'unmap'])),
  cache: optional(
    struct('BlockdevCacheOptions', {
      writeback: optional(bool),
      direct: optional(bool),
      'no-flush': optional(bool),
    }),
  ),
  aio: optional(enumeration('BlockdevAioOptions', ['threads', 'native'])),
  rerror: optional(onError),
  werror: optional(onError),
  'read-only': optional(bool),
  'detect-zeroes': optional(enumeration('BlockdevDetectZeroesOptions', ['off', 'on', 'unmap'])),
};

const reference: Schema<Json> = nameOr(
  'BlockdevRef',
  lazily('BlockdevOptions', () => blockdevOptions),
);

const overlapMode = enumeration('Qcow2OverlapCheckMode', ['none', 'constant', 'cached', 'all']);

const overlapFlags = struct('Qcow2OverlapCheckFlags', {
  template: optional(overlapMode),
  'main-header': optional(bool),
  'active-l1': optional(bool),
  'active-l2': optional(bool),
  'refcount-table': optional(bool),
  'refcount-block': optional(bool),
  'snapshot-table': optional(bool),
  'inactive-l1': optional(bool),
  'inactive-l2': optional(bool),
});

const qcow2 = {
  file: reference,
  backing: optional(reference),
  'lazy-refcounts': optional(bool),
  'pass-discard-request': optional(bool),
  'pass-discard-snapshot': optional(bool),
  'pass-discard-other': optional(bool),
  'overlap-check': optional(nameOr('Qcow2OverlapChecks', overlapFlags, overlapMode)),
  'cache-size': optional(int),
  'l2-cache-size': optional(int),
  'refcount-cache-size': optional(int),
};

const injectError = struct('BlkdebugInjectErrorOptions', {
  event: str,
  state: optional(int),
  errno: optional(int),
  sector: optional(int),
  once: optional(bool),
  immediately: optional(bool),
});

const setState = struct('BlkdebugSetStateOptions', {
  event: str,
  state: optional(int),
  new_state: int,
});

const blkdebug = {
  image: reference,
  config: optional(str),
  align: optional(int),
  'inject-error': optional(listOf(injectError)),
  'set-state': optional(listOf(setState)),
};

const none = { size: optional(int), 'latency-ns': optional(uint64) };

export const blockdevOptions: Schema<{ readonly [name: string]: Json }> = flatUnion(
  'BlockdevOptions',
  'driver',
  BASE,
  {
    raw: { file: reference },
    qcow: { file: reference, backing: optional(reference) },
    qcow2,
    file: { filename: str },
    'null-co': none,
    'null-aio': none,
    blkdebug,
  },
);
