/**
 * The image exerciser's commands on a drive of the running machine: HMP `qemu-io`.
 */

import { runLine } from './block/io/commands.ts';
import { IoSession } from './block/io/session.ts';
import type { DriveBackend } from './block/node-backend.ts';
import type { BlockHost } from './disk-host.ts';
import type { DriveOutlets } from './main-drive-host.ts';

interface IoRequest {
  readonly command: string;
  readonly host: BlockHost;
  readonly outlets: DriveOutlets;
}

/** Runs one command while the guest's requests wait; returns what it prints. */
export async function runIo(drive: DriveBackend, request: IoRequest): Promise<string> {
  const { command, host, outlets } = request;
  let text = '';
  const session = new IoSession({
    print: more => {
      text += more;
    },
    complain: line => outlets.printError(line),
    prefix: '',
    elapsed() {
      const { seconds, nanoseconds } = host.now();
      return seconds + nanoseconds / 1e9;
    },
    sleep: ms => host.sleep(ms),
  });
  session.node = drive.node;
  // Any command may write: a backup saves everything first, a mirror copies everything again.
  if (drive.job !== undefined) await drive.beforeWrite?.(0, drive.length);
  const release = await drive.drain();
  try {
    await runLine(session, command);
    await session.settle();
    for (const listener of drive.writeListeners) listener(0, drive.length);
  } finally {
    release();
  }
  return text;
}
