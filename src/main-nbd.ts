/**
 * Drives exported to clients of the Network Block Device protocol.
 */

import type { NbdConnection, NbdExport } from './block/nbd.ts';
import { UserError } from './error.ts';
import type { DriveTable } from './main-drives.ts';
import type { NbdAddress, NbdServer } from './monitor/vm.ts';

export class DriveNbdServer implements NbdServer {
  private stopListening: (() => void) | undefined;
  private isStarting = false;
  private exports: NbdExport[] = [];
  private readonly connections = new Set<NbdConnection>();
  private readonly watched = new WeakSet<object>();

  /** `post` hands what clients send to the machine, between two instructions. */
  constructor(
    private readonly drives: DriveTable,
    private readonly post: (deliver: () => void) => void,
  ) {}

  async start(address: NbdAddress): Promise<void> {
    if (this.stopListening !== undefined || this.isStarting) {
      throw new UserError('NBD server already running');
    }
    this.isStarting = true;
    try {
      const [{ NbdConnection }, { listen }] = await Promise.all([
        import('./block/nbd.ts'),
        import('./host-nbd.ts'),
      ]);
      this.stopListening = await listen(address, peer => {
        const connection = new NbdConnection(() => this.exports, peer);
        this.connections.add(connection);
        return {
          take: bytes => {
            const own = bytes.slice();
            this.post(() => connection.feed(own));
          },
          gone: () => this.connections.delete(connection),
        };
      });
    } finally {
      this.isStarting = false;
    }
  }

  add(device: string, isWritable: boolean): void {
    if (this.stopListening === undefined) throw new UserError('NBD server not running');
    if (this.exports.some(({ name }) => name === device)) {
      throw new UserError(`NBD server already exporting device '${device}'`);
    }
    const { backend } = this.drives.find(device);
    if (!backend.inserted) throw new UserError(`Device '${device}' has no medium`);
    if (!this.watched.has(backend)) backend.removalListeners.add(() => this.remove(device));
    this.watched.add(backend);
    this.exports.push({ name: device, disk: backend, isWritable });
  }

  /** Its medium is no longer what clients know. */
  private remove(device: string): void {
    this.exports = this.exports.filter(({ name }) => name !== device);
    for (const connection of this.connections) {
      if (connection.export?.name === device) connection.close();
    }
  }

  stop(): void {
    this.stopListening?.();
    this.stopListening = undefined;
    this.exports = [];
    for (const connection of this.connections) connection.close();
  }
}
