/**
 * Migration on this host: where a machine's state goes to and, with -incoming, comes from.
 */

import { UserError } from './error.ts';
import { exit, finishOutput, millisecondsSinceStart, nextTurn } from './host-main.ts';
import type { PcMachine } from './machine-build.ts';
import { type MigratingMachine, Migration, type MigrationHost } from './machine-migrate.ts';
import { LoadError } from './machine-state.ts';
import type { CharRequest } from './main-config.ts';
import { parseMigrationUri } from './migration-uri.ts';
import { CommandLineError } from './options.ts';

export function migrationHost(sleep: (ms: number) => Promise<void>): MigrationHost {
  return {
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
  sleep: (ms: number) => Promise<void>,
): Migration {
  return new Migration(machine, migrationHost(sleep));
}

/**
 * `-incoming`: the machine waits for its state. Resolves when somebody can connect; what comes then
 * comes by itself, and a state that does not fit ends the program. Throws CommandLineError.
 */
export async function receiveMachine(
  machine: PcMachine,
  { text, location }: CharRequest,
  report: (line: string) => void,
): Promise<void> {
  const { IncomingStream } = await import('./host-migrate.ts');
  await new Promise<void>((resolve, reject) => {
    const refuse = (error: unknown): void => {
      if (error instanceof UserError) reject(new CommandLineError(error.message, location));
      else reject(error);
    };
    try {
      const place = parseMigrationUri(text);
      if (place === undefined) throw new UserError(`unknown migration protocol: ${text}`);
      IncomingStream.open(place, resolve).then(stream => load(machine, stream, report), refuse);
    } catch (error) {
      refuse(error);
    }
  });
}

async function load(
  machine: PcMachine,
  stream: { read(length: number): Promise<Uint8Array | undefined>; close(): void },
  report: (line: string) => void,
): Promise<void> {
  const { readMachine } = await import('./machine-load.ts');
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
  if (machine.runsAfterIncoming) machine.start();
  else machine.rest('paused');
}

/** What the monitor was told before is done. */
async function afterInput({ inbox }: PcMachine): Promise<void> {
  for (let i = 0; i < 2; i++) await nextTurn();
  await new Promise<void>(resolve => inbox.post(resolve));
}
