import { describe, expect, test } from 'vitest';
import type { Tray } from '../../../src/block/backend.ts';
import { Clock } from '../../../src/clock.ts';
import { ScsiDisk } from '../../../src/hw/scsi/disk.ts';
import { Inbox } from '../../../src/inbox.ts';
import { ramDisk } from '../../support/board.ts';

const CHECK_CONDITION = 2;
const SECTOR = 2048;

/** A CD-ROM drive without a bus: commands in, bytes out. */
class Drive {
  readonly clock = new Clock();
  readonly inbox = new Inbox(this.clock);
  readonly moves: boolean[] = [];
  readonly disk: ScsiDisk;
  tray: Tray | undefined;
  private changed: () => void = () => {};
  private inserted = true;

  constructor() {
    const disc = ramDisk(8 * SECTOR, 'scsi0-cd0');
    for (let i = 0; i < disc.bytes.length; i++) disc.bytes[i] = i >> 11;
    Object.defineProperty(disc, 'inserted', { get: () => this.inserted });
    const backend = Object.assign(disc, {
      connectTray: (tray: Tray) => {
        this.tray = tray;
        tray.onMove = isOpen => this.moves.push(isOpen);
      },
      onMediaChange: (listener: () => void) => {
        this.changed = listener;
      },
    });
    this.inbox.holding = true;
    this.disk = new ScsiDisk({ media: 'cdrom', backend, serial: '', inbox: this.inbox });
  }

  put(inserted: boolean): void {
    this.inserted = inserted;
    this.changed();
  }

  async run(...cdb: readonly number[]): Promise<Uint8Array> {
    const command = new Uint8Array(16);
    command.set(cdb);
    this.disk.execute(command);
    while (this.inbox.busy) {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      if (this.inbox.mustWait) continue;
      this.clock.advanceTo(Math.max(this.clock.nowNs, this.inbox.nextDueNs()));
      this.inbox.deliver();
    }
    const bytes = new Uint8Array(0x10000);
    return bytes.subarray(0, this.disk.phase === 'in' ? this.disk.take(bytes) : 0);
  }

  /** Key, code, qualifier of a command that fails. */
  async sense(...cdb: readonly number[]): Promise<number[]> {
    await this.run(...cdb);
    expect(this.disk.status).toBe(CHECK_CONDITION);
    const sense = await this.run(0x03, 0, 0, 0, 18, 0);
    return [sense[2], sense[12], sense[13]];
  }

  async ready(): Promise<this> {
    expect(await this.sense(0)).toEqual([6, 0x29, 0]);
    await this.run(0);
    expect(this.disk.status).toBe(0);
    return this;
  }
}

const UNLOAD = [0x1b, 0, 0, 0, 2, 0];
const LOAD = [0x1b, 0, 0, 0, 3, 0];
const LOCK = [0x1e, 0, 0, 0, 1, 0];

describe('a SCSI CD-ROM drive', () => {
  test('says what it is', async () => {
    const drive = new Drive();
    const inquiry = await drive.run(0x12, 0, 0, 0, 36, 0);
    expect([...inquiry.subarray(0, 2)]).toEqual([5, 0x80]);
    expect(new TextDecoder().decode(inquiry.subarray(8))).toBe('QEMU    QEMU CD-ROM     2.2.');
  });

  test('reads sectors of 2048 bytes, and writes none', async () => {
    const drive = await new Drive().ready();
    expect([...(await drive.run(0x25))]).toEqual([0, 0, 0, 7, 0, 0, 8, 0]);
    const data = await drive.run(0x28, 0, 0, 0, 0, 3, 0, 0, 2, 0);
    expect([data.length, data[0], data[SECTOR]]).toEqual([2 * SECTOR, 3, 4]);
    expect(await drive.sense(0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0)).toEqual([5, 0x21, 0]);
    expect(await drive.sense(0x2a, 0, 0, 0, 0, 0, 0, 0, 1, 0)).toEqual([7, 0x27, 0]);
  });

  test('tells its table of contents and its pages', async () => {
    const drive = await new Drive().ready();
    const toc = await drive.run(0x43, 0, 0, 0, 0, 0, 0, 0, 100, 0);
    expect([...toc.subarray(0, 4), ...toc.subarray(16, 20)]).toEqual([0, 18, 1, 1, 0, 0, 0, 8]);
    const page = await drive.run(0x1a, 0, 0x2a, 0, 100, 0);
    expect([...page.subarray(0, 5)]).toEqual([page.length - 1, 0, 0, 0, 0x2a]);
    expect(await drive.sense(0x1a, 0, 0x08, 0, 100, 0)).toEqual([5, 0x24, 0]);
  });

  test('the guest moves the tray unless it has locked it', async () => {
    const drive = await new Drive().ready();
    await drive.run(...LOCK);
    expect(drive.tray?.isLocked).toBe(true);
    expect(await drive.sense(...UNLOAD)).toEqual([5, 0x53, 2]);
    await drive.run(0x1e);
    await drive.run(...UNLOAD);
    expect(await drive.sense(0)).toEqual([2, 0x3a, 0]);
    await drive.run(...LOAD);
    await drive.run(0);
    expect(drive.disk.status).toBe(0);
    expect(drive.moves).toEqual([true, false]);
  });

  test('the guest hears of another medium, and of the wish to take it out', async () => {
    const drive = await new Drive().ready();
    const events = [0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8, 0];
    drive.tray?.requestEject(false);
    expect([...(await drive.run(...events))].slice(4, 6)).toEqual([1, 2]);
    drive.put(false);
    expect(await drive.sense(0)).toEqual([6, 0x3a, 0]);
    expect(await drive.sense(0)).toEqual([2, 0x3a, 0]);
    drive.put(true);
    expect([...(await drive.run(...events))].slice(4, 6)).toEqual([2, 2]);
    expect(await drive.sense(0)).toEqual([6, 0x3a, 0]);
    expect(await drive.sense(0)).toEqual([6, 0x28, 0]);
    await drive.run(0);
    expect(drive.disk.status).toBe(0);
  });
});
