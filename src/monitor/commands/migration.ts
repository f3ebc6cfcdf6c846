/** Sending the machine to another process, and what there is to set and to see about it. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { CAPABILITIES, type Migration } from '../../machine-migrate.ts';
import {
  bool,
  empty,
  enumeration,
  int,
  listOf,
  number,
  optional,
  returned,
  str,
  struct,
} from '../../schema.ts';
import { action, command } from '../command.ts';

type JsonObject = { readonly [name: string]: Json };

const PAGE = 4096;

export const migrate = action({
  name: 'migrate',
  doc: 'Send the machine to another process; returns at once, see query-migrate.',
  args: struct('MigrateArgs', {
    uri: str,
    blk: optional(bool),
    inc: optional(bool),
    detach: optional(bool),
  }),
  async run({ migration }, { uri, blk, inc }) {
    if (blk === true || inc === true) {
      throw new UserError(
        'QEMU compiled without old-style (blk/-b, inc/-i) block migration',
        'GenericError',
        'Use drive_mirror+NBD instead.',
      );
    }
    await migration.to(uri);
  },
});

export const migrationEnd = action({
  name: 'x-migration-end',
  doc: 'Wait for the end of a migration, whatever became of it.',
  args: empty,
  run: ({ migration }) => migration.end,
});

export const migrateCancel = action({
  name: 'migrate_cancel',
  doc: 'Break a migration off. Nothing happens when there is none.',
  args: empty,
  run({ migration }) {
    migration.cancel();
  },
});

export const migrateSetSpeed = action({
  name: 'migrate_set_speed',
  doc: 'Limit the bytes per second of migrations.',
  args: struct('MigrateSpeedArgs', { value: int }),
  run({ migration }, { value }) {
    migration.speed = Math.max(0, value);
  },
});

/** QEMU counts nanoseconds in 64 bits. */
const MAX_DOWNTIME_MS = 2 ** 64 / 1e6;

export const migrateSetDowntime = action({
  name: 'migrate_set_downtime',
  doc: 'Limit the seconds for which the guest may stand still at the end.',
  args: struct('MigrateDowntimeArgs', { value: number }),
  run({ migration }, { value }) {
    migration.maxDowntimeMs = Math.max(0, Math.min(value * 1000, MAX_DOWNTIME_MS));
  },
});

export const migrateSetCacheSize = action({
  name: 'migrate-set-cache-size',
  doc: 'Size of the cache of XBZRLE, which is not used; rounded down to a power of two.',
  args: struct('MigrateCacheArgs', { value: int }),
  run({ migration, machine }, { value }) {
    const memory = machine.memory.guestRanges.reduce((sum, { length }) => sum + length, 0);
    const refused = (why: string): UserError =>
      new UserError(`Parameter 'cache size' expects ${why}`);
    if (value < 0) throw refused('exceeding address space');
    if (value > memory) throw refused('exceeding guest ram size ');
    if (value < PAGE) throw refused('smaller than page size');
    migration.cacheSize = 2 ** Math.floor(Math.log2(value));
  },
});

export const queryMigrateCacheSize = command({
  name: 'query-migrate-cache-size',
  doc: 'Size of the cache of XBZRLE in bytes.',
  args: empty,
  returns: returned<number>('int'),
  run: ({ migration }) => migration.cacheSize,
});

const capability = struct('MigrationCapabilityStatus', {
  capability: enumeration('MigrationCapability', CAPABILITIES),
  state: bool,
});

export const migrateSetCapabilities = action({
  name: 'migrate-set-capabilities',
  doc: 'Switch capabilities of migrations; only their names are there.',
  args: struct('MigrateCapabilitiesArgs', { capabilities: listOf(capability) }),
  run({ migration }, { capabilities }) {
    if (migration.isActive) throw new UserError("There's a migration process in progress");
    for (const item of capabilities) migration.capabilities.set(item.capability, item.state);
  },
});

export const queryMigrateCapabilities = command({
  name: 'query-migrate-capabilities',
  doc: 'Which capabilities are switched on.',
  args: empty,
  returns: returned<Json>("['MigrationCapabilityStatus']"),
  run: ({ migration }) =>
    [...migration.capabilities].map(([name, state]) => ({ capability: name, state })),
});

function memoryInfo({ progress, totalBytes }: Migration): JsonObject {
  const { transferred, remaining, zeroPages, normalPages, passes, mbps } = progress;
  return {
    transferred,
    remaining,
    total: totalBytes,
    duplicate: zeroPages,
    skipped: 0,
    normal: normalPages,
    'normal-bytes': normalPages * PAGE,
    'dirty-pages-rate': 0,
    mbps,
    'dirty-sync-count': Math.max(0, passes - 1),
  };
}

function cacheInfo({ capabilities, cacheSize }: Migration): JsonObject {
  if (capabilities.get('xbzrle') !== true) return {};
  const counters = { bytes: 0, pages: 0, 'cache-miss': 0, 'cache-miss-rate': 0, overflow: 0 };
  return { 'xbzrle-cache': { 'cache-size': cacheSize, ...counters } };
}

export const queryMigrate = command({
  name: 'query-migrate',
  doc: 'How far the last migration is; nothing when there was none.',
  args: empty,
  returns: returned<JsonObject>('MigrationInfo'),
  run({ migration }): JsonObject {
    const { status, setupMs } = migration;
    if (status === undefined) return {};
    if (status === 'active') {
      return {
        status,
        'total-time': Math.round(migration.nowMs - migration.startedMs),
        'expected-downtime': Math.round(migration.maxDowntimeMs),
        'setup-time': setupMs,
        ram: memoryInfo(migration),
        ...cacheInfo(migration),
      };
    }
    if (status !== 'completed') return { status };
    return {
      status,
      'total-time': migration.totalMs,
      downtime: migration.downtimeMs,
      'setup-time': setupMs,
      ram: memoryInfo(migration),
      ...cacheInfo(migration),
    };
  },
});
