import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readMachine } from '../../src/machine-load.ts';
import { Migration, type MigrationSink } from '../../src/machine-migrate.ts';
import { ramDisk } from '../support/board.ts';
import { sourceOf, WholeMachine } from '../support/whole-machine.ts';

const REPEAT = join(import.meta.dirname, 'guests/repeat.bin');
const MS = 1_000_000;

function boot(): WholeMachine {
  const ide = ramDisk(1 << 20);
  ide.bytes.set(readFileSync(REPEAT));
  return new WholeMachine(['-m', '16'], { ide });
}

class Collector implements MigrationSink {
  readonly chunks: Uint8Array[] = [];
  /** Breaks after so many. */
  limit = Number.POSITIVE_INFINITY;
  isDestroyed = false;

  async write(bytes: Uint8Array): Promise<void> {
    if (this.chunks.length >= this.limit) throw new Error('the peer is gone');
    this.chunks.push(bytes.slice());
  }

  async finish(): Promise<void> {}

  destroy(): void {
    this.isDestroyed = true;
  }

  get bytes(): Uint8Array {
    return new Uint8Array(Buffer.concat(this.chunks));
  }
}

function migrationOf({ machine }: WholeMachine, sink: Collector): Migration {
  let nowMs = 0;
  return new Migration(() => machine, {
    nowMs: () => nowMs,
    async sleep(ms) {
      nowMs += ms;
      await new Promise(resolve => setImmediate(resolve));
    },
    checkDrives() {},
    async flushDrives() {},
    handOverDrives() {},
    connect: () => ({ atOnce: false, open: async () => sink }),
  });
}

test('a machine is sent while it runs, and goes on elsewhere as it would have here', async () => {
  const here = boot();
  await here.runTo(50 * MS);
  const sink = new Collector();
  const migration = migrationOf(here, sink);
  here.machine.start();
  await migration.to('here');
  await migration.end;
  expect([migration.status, here.machine.runState]).toEqual(['completed', 'postmigrate']);
  expect(here.nowNs).toBeGreaterThan(50 * MS);
  const { zeroPages, normalPages } = migration.progress;
  expect((zeroPages + normalPages) * 4096).toBeGreaterThanOrEqual(migration.totalBytes);
  const there = boot();
  await readMachine(there.machine, sourceOf(sink.bytes));
  expect(there.nowNs).toBe(here.nowNs);
  const atNs = here.nowNs + 30 * MS;
  await here.runTo(atNs);
  await there.runTo(atNs);
  expect(there.hash).toBe(here.hash);
  here.end();
  there.end();
});
