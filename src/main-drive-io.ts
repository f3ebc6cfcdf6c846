/**
 * The image exerciser's commands on a drive of the running machine: HMP `qemu-io`.
 */

import { findDebug, runLine } from './block/io/commands.ts';
import { IoSession } from './block/io/session.ts';
import type { DriveBackend } from './block/node-backend.ts';
import type { BlockHost } from './disk-host.ts';
import type { DriveOutlets } from './main-drive-host.ts';

interface IoRequest {
  readonly command: string;
  readonly host: BlockHost;
  readonly outlets: DriveOutlets;
}

/** What a drive's commands have under way outlives each of them. */
interface Bench {
  readonly session: IoSession;
  /** Of the command that is running; what comes later is printed at once. */
  text: string | undefined;
}

const benches = new WeakMap<DriveBackend, Bench>();

function benchOf(drive: DriveBackend, { host, outlets }: IoRequest): Bench {
  const session = new IoSession({
    print: more => {
      if (bench.text === undefined) outlets.printOut(more);
      else bench.text += more;
    },
    complain: line => outlets.printError(line),
    prefix: '',
    elapsed: () => host.elapsed(),
    sleep: ms => host.sleep(ms),
  });
  const bench: Bench = { session, text: undefined };
  benches.set(drive, bench);
  return bench;
}

/** Runs one command while the guest's requests wait; returns what it prints. */
export async function runIo(drive: DriveBackend, request: IoRequest): Promise<string> {
  const bench = benches.get(drive) ?? benchOf(drive, request);
  const { session } = bench;
  session.node = drive.node;
  session.drive = drive.aside;
  bench.text = '';
  // Any command may write: a backup saves everything first, a mirror copies everything again.
  if (drive.job !== undefined) await drive.beforeWrite?.(0, drive.length);
  const release = await drive.drain();
  try {
    await runLine(session, request.command);
    // A request that has come to a breakpoint waits for a later command.
    const suspended = findDebug(session)?.waitSuspended();
    await Promise.race([session.settle(), ...(suspended === undefined ? [] : [suspended])]);
    for (const listener of drive.writeListeners) listener(0, drive.length);
    return bench.text;
  } finally {
    bench.text = undefined;
    release();
  }
}
