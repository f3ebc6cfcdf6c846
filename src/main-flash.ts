/**
 * Drives with `if=pflash`: read whole, they take the place of the firmware.
 */

import type { FlashOptions } from './hw/board/options.ts';
import type { DriveTable, OpenDrive } from './main-drives.ts';
import type { Fittings } from './main-fittings.ts';
import { CommandLineError } from './options.ts';

const UNITS = 2;
const BLOCK = 0x1000;
/** Below that other devices have their registers. */
const MOST = 8 * 1024 * 1024;

/** Units without a gap; what is beyond is no chip. Throws CommandLineError. */
export async function fitFlashes({ drives }: DriveTable, { flashes }: Fittings): Promise<void> {
  let total = 0;
  for (let unit = 0; unit < UNITS; unit++) {
    const drive = drives.find(
      ({ spec }) => spec.interface === 'pflash' && spec.bus === 0 && spec.unit === unit,
    );
    if (drive === undefined) return;
    const { name, length } = drive.backend;
    if (length === 0 || length % BLOCK !== 0) {
      const why = `system firmware block device ${name} has invalid size ${length}`;
      const info = `its size must be a non-zero multiple of 0x${BLOCK.toString(16)}`;
      throw new CommandLineError(why, undefined, `info: ${info}`);
    }
    total += length;
    if (total > MOST) {
      const why = `combined size of system firmware exceeds ${MOST} bytes`;
      throw new CommandLineError(why, undefined);
    }
    flashes.push(await readFlash(drive));
    drive.isClaimed = true;
  }
}

async function readFlash({ backend }: OpenDrive): Promise<FlashOptions> {
  const bytes = new Uint8Array(backend.length);
  try {
    await backend.read(0, bytes);
  } catch {
    const why = 'failed to read the initial flash content';
    const what = 'Initialization of device cfi.pflash01 failed';
    throw new CommandLineError(`${what}: ${why}`, undefined);
  }
  return { backend, bytes };
}
