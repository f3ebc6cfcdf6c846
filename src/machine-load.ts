/**
 * Reads a machine's state as machine-state.ts describes it, into a machine that is built alike.
 *
 * What does not fit is told in QEMU's words where it has any. Unlike QEMU, a device of this machine
 * that the stream does not have is an error, too: it would go on from its reset state.
 */

import { UserError } from './error.ts';
import {
  CPU,
  type DeviceSection,
  deviceHead,
  EINVAL,
  EIO,
  ENOTSUP,
  HEADER_LENGTH,
  IS_ZERO,
  instanceOf,
  LONGEST_SECTION,
  LoadError,
  MAGIC,
  memorySection,
  PAGE_HEAD,
  SECTION,
  SECTION_LENGTH,
  type StatefulMachine,
  type StateSource,
  TIMER,
  timerSection,
  VERSION,
} from './machine-state.ts';
import { PAGE_SIZE } from './memory.ts';
import { decodePlain } from './plain-bytes.ts';
import { type Plain, StateError } from './state.ts';

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

function hex(value: number): string {
  return `0x${value.toString(16)}`;
}

function notLoaded(id: string, why: string): LoadError {
  const { name, instance } = instanceOf(id);
  const where = `error while loading state for instance ${hex(instance)} of device '${name}'`;
  return new LoadError(why === '' ? [where] : [why, where]);
}

class Loader {
  private readonly devices = new Map<string, DeviceSection>();
  private hasMemory = false;

  constructor(
    private readonly machine: StatefulMachine,
    private readonly source: StateSource,
  ) {}

  async run(): Promise<void> {
    await this.readHeader();
    this.machine.resetParts();
    for (;;) {
      const head = await this.take(SECTION_LENGTH);
      const length = view(head).getUint32(1, true);
      if (head[0] === SECTION.end) break;
      if (length > LONGEST_SECTION) throw new LoadError([], EINVAL);
      this.readSection(head[0], await this.take(length));
    }
    this.finish();
  }

  private async readHeader(): Promise<void> {
    const header = await this.source.read(HEADER_LENGTH);
    if (header === undefined || MAGIC.some((byte, i) => header[i] !== byte)) {
      throw new LoadError(['Not a migration stream']);
    }
    if (view(header).getUint32(MAGIC.length, true) !== VERSION) {
      throw new LoadError(['Unsupported migration stream version'], ENOTSUP);
    }
  }

  private async take(length: number): Promise<Uint8Array> {
    const bytes = await this.source.read(length);
    if (bytes === undefined) throw new LoadError([], EIO);
    return bytes;
  }

  private readSection(kind: number, bytes: Uint8Array): void {
    try {
      if (kind === SECTION.memory) this.readBlocks(bytes);
      else if (kind === SECTION.pages) this.readPages(bytes);
      else if (kind === SECTION.device) this.readDevice(bytes);
      else throw new LoadError([`Unknown savevm section type ${kind}`]);
    } catch (error) {
      if (error instanceof UserError) throw new LoadError([error.message]);
      throw error;
    }
  }

  private readBlocks(bytes: Uint8Array): void {
    const { blocks } = memorySection.load(decodePlain(bytes));
    const { guestRanges, u8 } = this.machine.memory;
    for (const { name, length } of blocks) {
      const own = guestRanges.find(range => range.name === name);
      if (own === undefined) {
        throw notLoaded('ram', `Unknown ramblock "${name}", cannot accept migration`);
      }
      if (own.length === length) continue;
      const why = `Length mismatch: ${name}: ${hex(length)} in != ${hex(own.length)}`;
      throw notLoaded('ram', `${why}: Invalid argument`);
    }
    for (const [i, { name }] of guestRanges.entries()) {
      if (blocks[i]?.name === name) continue;
      throw notLoaded('ram', `Missing ramblock "${name}", cannot accept migration`);
    }
    for (const { offset, length } of guestRanges) u8.fill(0, offset, offset + length);
    this.hasMemory = true;
  }

  private readPages(bytes: Uint8Array): void {
    if (!this.hasMemory) throw notLoaded('ram', '');
    const { guestRanges, u8 } = this.machine.memory;
    const data = view(bytes);
    for (let at = 0; at < bytes.length; ) {
      if (at + PAGE_HEAD > bytes.length) throw notLoaded('ram', '');
      const block = data.getUint32(at, true);
      const page = data.getUint32(at + 4, true);
      at += PAGE_HEAD;
      const range = guestRanges[block & ~IS_ZERO];
      if (range === undefined || page * PAGE_SIZE >= range.length) throw notLoaded('ram', '');
      const to = range.offset + page * PAGE_SIZE;
      if (block >= IS_ZERO) u8.fill(0, to, to + PAGE_SIZE);
      else if (at + PAGE_SIZE > bytes.length) throw notLoaded('ram', '');
      else {
        u8.set(bytes.subarray(at, at + PAGE_SIZE), to);
        at += PAGE_SIZE;
      }
    }
  }

  private readDevice(bytes: Uint8Array): void {
    const { head, state } = decodePlain(bytes) as { readonly [name: string]: Plain | undefined };
    const { name, instance, version } = deviceHead.load(head ?? 0);
    const id = this.ids.find(key => {
      const own = instanceOf(key);
      return own.name === name && own.instance === instance;
    });
    if (id === undefined) {
      throw new LoadError([`Unknown savevm section or instance '${name}' ${instance}`]);
    }
    const own = this.machine.board.devices.get(id)?.stateVersion ?? 1;
    if (version !== own) {
      throw new LoadError([`savevm: unsupported version ${version} for '${name}' v${own}`]);
    }
    this.devices.set(id, { name, instance, version, state: state ?? 0 });
  }

  /** Of the sections that this machine has. */
  private get ids(): readonly string[] {
    return [TIMER, CPU, ...this.machine.board.devices.keys()];
  }

  private finish(): void {
    const { board } = this.machine;
    for (const id of this.ids) {
      if (this.devices.has(id)) continue;
      const { name, instance } = instanceOf(id);
      throw new LoadError([`Missing savevm section or instance '${name}' ${instance}`]);
    }
    if (!this.hasMemory) throw new LoadError(["Missing savevm section or instance 'ram' 0"]);
    const stateOf = (id: string): Plain => this.devices.get(id)?.state ?? 0;
    try {
      const { nowNs } = timerSection.load(stateOf(TIMER));
      const chips = [...board.devices.keys()].map(id => [id, stateOf(id)]);
      this.machine.load({ nowNs, cpu: stateOf(CPU), devices: Object.fromEntries(chips) });
    } catch (error) {
      if (error instanceof StateError) throw notLoaded(error.owner, error.message);
      if (error instanceof UserError) throw notLoaded(TIMER, error.message);
      throw error;
    }
  }
}

/**
 * Within `Machine.exclusive`. Throws LoadError; the machine is reset then, and its memory is what
 * has come so far.
 */
export async function readMachine(machine: StatefulMachine, source: StateSource): Promise<void> {
  await new Loader(machine, source).run();
}
