/**
 * Migration on this host: where a machine's state goes to and, with -incoming, comes from.
 */

import { HostError } from './disk-host.ts';
import { UserError } from './error.ts';
import { handOverLocks, takeBackLocks } from './host-lock.ts';
import { exit, finishOutput, millisecondsSinceStart, nextTurn } from './host-main.ts';
import type { PcMachine } from './machine-build.ts';
import { type MigratingMachine, Migration, type MigrationHost } from './machine-migrate.ts';
import { LoadError, type StateSource } from './machine-state.ts';
import type { CharRequest } from './main-config.ts';
import type { DriveTable } from './main-drives.ts';
import { parseMigrationUri } from './migration-uri.ts';
import { CommandLineError } from './options.ts';

/** How long the process before may take to let go of the images. */
const PATIENCE_MS = 10_000;
const STEP_MS = 20;

function migrationHost(table: DriveTable, sleep: (ms: number) => Promise<void>): MigrationHost {
  return {
    checkDrives() {
      for (const { backend } of table.drives) {
        const { node } = backend;
        if (node === undefined || node.readOnly || node.driver !== 'qcow') continue;
        const what = `Block format 'qcow' used by device '${backend.name}'`;
        throw new UserError(`${what} does not support feature 'live migration'`);
      }
    },
    async flushDrives() {
      for (const { backend } of table.drives) await backend.node?.flush();
    },
    handOverDrives: handOverLocks,
    nowMs: millisecondsSinceStart,
    sleep,
    connect(uri) {
      const place = parseMigrationUri(uri);
      if (place === undefined) return undefined;
      return {
        atOnce: place.kind === 'unix' || place.kind === 'fd',
        open: async () => (await import('./host-migrate.ts')).OutgoingStream.open(place),
      };
    },
  };
}

export function createMigration(
  machine: () => MigratingMachine,
  table: DriveTable,
  sleep: (ms: number) => Promise<void>,
): Migration {
  return new Migration(machine, migrationHost(table, sleep));
}

/**
 * Before a machine that was sent away goes on here: the images are ours again, if the other process
 * is done with them. What it has written is read anew before an instruction runs. Throws UserError.
 */
export function takeDrivesBack(receiver: Receiver): void {
  const { machine, report } = receiver;
  if (machine.runState === 'inmigrate' || !takeLocks()) return;
  machine
    .exclusive(() => reload(receiver))
    .catch((error: unknown) => {
      machine.stop();
      report(error instanceof Error ? error.message : String(error));
    });
}

/** False when we have them already. Throws UserError. */
function takeLocks(): boolean {
  try {
    return takeBackLocks();
  } catch (error) {
    if (error instanceof HostError) throw new UserError(error.message);
    throw error;
  }
}

async function reload({ drives }: Pick<Receiver, 'drives'>): Promise<void> {
  const { reloadImage } = await import('./block/operations.ts');
  for (const { backend } of drives.drives) {
    if (backend.node !== undefined) await reloadImage(backend.node, backend.name);
  }
}

export interface Receiver {
  readonly machine: PcMachine;
  readonly drives: DriveTable;
  /** Takes a line of what went wrong. */
  readonly report: (line: string) => void;
  readonly sleep: (ms: number) => Promise<void>;
}

/** The process before lets go of the images when it knows that everything has arrived. */
async function takeImages(receiver: Receiver): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += STEP_MS) {
    try {
      takeLocks();
      break;
    } catch (error) {
      if (waitedMs >= PATIENCE_MS) throw error;
    }
    await receiver.sleep(STEP_MS);
  }
  await reload(receiver);
}

/**
 * `-incoming`: the machine waits for its state. Resolves when somebody can connect; what comes then
 * comes by itself, and a state that does not fit ends the program. Throws CommandLineError.
 */
export async function receiveMachine(
  receiver: Receiver,
  { text, location }: CharRequest,
): Promise<void> {
  receiver.machine.rest('inmigrate');
  const { IncomingStream } = await import('./host-migrate.ts');
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: unknown): void => {
      if (error instanceof UserError) reject(new CommandLineError(error.message, location));
      else reject(error);
    };
    try {
      const place = parseMigrationUri(text);
      if (place === undefined) throw new UserError(`unknown migration protocol: ${text}`);
      IncomingStream.open(place, resolve).then(stream => load(receiver, stream), refuse);
    } catch (error) {
      refuse(error);
    }
  });
}

async function load(receiver: Receiver, stream: StateSource & { close(): void }): Promise<void> {
  const { machine, report } = receiver;
  const { readMachine } = await import('./machine-load.ts');
  receiver.drives.holdAll();
  try {
    await readMachine(machine, stream);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    await afterInput(machine);
    for (const line of error.lines) report(line);
    report(`load of migration failed: ${error.errnoText}`);
    await finishOutput();
    exit(1);
  }
  stream.close();
  try {
    await takeImages(receiver);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    report(error.message);
    machine.runsAfterIncoming = false;
  }
  if (machine.runsAfterIncoming) machine.start();
  else machine.rest('paused');
}

/** What the monitor was told before is done. */
async function afterInput({ inbox }: PcMachine): Promise<void> {
  for (let i = 0; i < 2; i++) await nextTurn();
  await new Promise<void>(resolve => inbox.post(resolve));
}
