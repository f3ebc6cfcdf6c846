/**
 * The drives of this program: read from the command line, opened, and described for query-block.
 */

import type { DiskGeometry } from './block/backend.ts';
import type { DriveContext, DriveSpec } from './block/drive-options.ts';
import type { BlockContext } from './block/driver.ts';
import type { BlockNode } from './block/node.ts';
import type { DriveBackend, DriveFailure } from './block/node-backend.ts';
import { located } from './command-line.ts';
import { UserError } from './error.ts';
import type { Events } from './events.ts';
import { guessGeometry } from './hw/ide/geometry.ts';
import type { Json } from './json.ts';
import { bareError, type CharRequest, type Config, type DriveRequest } from './main-config.ts';
import { describeBitmap, describeMedium, describeStats } from './main-drives-describe.ts';
import { hidOfName } from './main-usb-names.ts';
import type { MissingKey } from './monitor/drives.ts';
import { CommandLineError } from './options.ts';
import { toUtf8 } from './utf8.ts';

type JsonObject = { readonly [name: string]: Json };

/** The block layer, loaded when there is a drive. */
async function loadBlock() {
  const [options, drivers, drive, shared, node, host] = await Promise.all([
    import('./block/drive-options.ts'),
    import('./block/drivers.ts'),
    import('./block/drive.ts'),
    import('./block/shared-node.ts'),
    import('./block/node.ts'),
    import('./host-file-io.ts'),
  ]);
  return { ...options, ...drivers, ...drive, ...shared, ...node, host: host.nodeBlockHost };
}
type BlockModule = Awaited<ReturnType<typeof loadBlock>>;

export interface OpenDrive {
  readonly spec: DriveSpec;
  readonly backend: DriveBackend;
  /** Of a disk: the user's choice or the partition table's; otherwise its size decides. */
  readonly geometry: DiskGeometry | undefined;
  /** A device has it: it is no longer removable, and no orphan. */
  isClaimed: boolean;
  /** As the user wrote it, on the command line. */
  readonly location?: string;
}

/** A node of a drive's graph that has a name of its own. */
interface NamedNode {
  readonly drive: OpenDrive;
  readonly node: BlockNode;
}

/** `-device` models that replace the default CD-ROM. */
const CD_REPLACERS = ['ide-cd', 'ide-hd', 'ide-drive', 'scsi-cd'];

export class DriveTable {
  readonly drives: OpenDrive[] = [];
  /** Deleted, but for devices that have them; their ids are free when those are gone. */
  readonly hidden = new Set<OpenDrive>();
  /** Of `-usbdevice disk:`, until the machine has them. */
  readonly usbDisks: OpenDrive[] = [];
  /** A device's request has failed; false while there is no machine that could stop for it. */
  onFailure: (drive: OpenDrive, failure: DriveFailure) => boolean = () => false;
  /** A drive can be read from now on. */
  onKey: (drive: string) => void = () => {};
  /** A line about what nodes do, on stdout. */
  tell: (text: string) => void = () => {};
  private block: BlockModule | undefined;
  encryptedImages: Config['encryptedImages'] = 'refuse';
  private snapshotAll = false;
  private usbCount = 0;

  constructor(
    private readonly program: string,
    private readonly printError: (text: string) => void,
    private readonly mayOpenEncrypted: () => boolean,
    private readonly events: Events,
  ) {}

  /** Opens all drives that the command line names, then the default ones. */
  async openAll(config: Config): Promise<void> {
    this.encryptedImages = config.encryptedImages;
    this.snapshotAll = config.snapshot;
    for (const request of config.drives) await this.open(request);
    if (!config.hasDefaults) return;
    const replaced = config.devices.some(d => CD_REPLACERS.includes(d.list.get('driver') ?? ''));
    if (!replaced && !this.isTaken('ide', 1, 0)) await this.openDefault('ide', 2);
    await this.openDefault('floppy', 0);
    await this.openDefault('sd', 0);
  }

  /** Opens those of `-usbdevice`, which come when monitors are there. Throws CommandLineError. */
  async openUsbDisks(requests: readonly CharRequest[]): Promise<void> {
    for (const request of requests) {
      if (hidOfName(request.text) !== undefined) continue;
      try {
        this.usbDisks.push(await this.openUsb(request));
      } catch (error) {
        if (!(error instanceof CommandLineError)) throw error;
        const { message, location, hint } = error;
        const why = `qemu: could not add USB device '${request.text}'`;
        const rest = hint === undefined ? why : `${hint}\n${why}`;
        throw message === '' ? bareError(why) : new CommandLineError(message, location, rest);
      }
    }
  }

  private isTaken(type: string, bus: number, unit: number): boolean {
    return this.drives.some(
      ({ spec }) => spec.interface === type && spec.bus === bus && spec.unit === unit,
    );
  }

  /** `disk:[format=F:]FILE`. Throws CommandLineError, with an empty message for other words. */
  async openUsb({ text, location }: CharRequest): Promise<OpenDrive> {
    const match = /^disk:(?:format=([^:]*):)?(.*)$/s.exec(text);
    if (match === null) throw bareError('');
    const [, format, file] = match;
    const pairs: [string, string][] = [
      ['if', 'none'],
      ['id', `usb${this.usbCount++}`],
      ['file', file],
    ];
    if (format !== undefined) pairs.push(['format', format]);
    try {
      if (file === '') throw new CommandLineError('block device specification needed', location);
      return await this.open({ pairs, location });
    } catch (error) {
      if (!(error instanceof CommandLineError)) throw error;
      const { message, hint } = error;
      const failed = "Failed to create USB device 'usb-storage'";
      if (hint !== undefined && location !== undefined) {
        const rest = `${hint}\n${this.program}: ${location}: ${failed}`;
        throw new CommandLineError(message, location, rest);
      }
      const lines = [message, hint, failed].filter(line => line !== undefined);
      throw new CommandLineError(lines.join('\n'), location);
    }
  }

  private async openDefault(type: string, index: number): Promise<void> {
    if (this.isTaken(type, Math.floor(index / 2), index % 2)) return;
    const media = type === 'ide' ? 'cdrom' : 'disk';
    const pairs = [
      ['if', type],
      ['index', String(index)],
      ['media', media],
    ] as const;
    await this.open({ pairs, location: undefined });
    const last = this.drives[this.drives.length - 1];
    last.isClaimed = true;
  }

  private async open(request: DriveRequest): Promise<OpenDrive> {
    const block = await this.layer();
    const { location } = request;
    try {
      const spec = located(location, () => this.parse(block, request.pairs));
      for (const { text, located: hasPlace } of spec.warnings) {
        this.printError(hasPlace ? `${this.program}: ${location}: ${text}\n` : `${text}\n`);
      }
      return await this.openSpec(block, spec, location);
    } catch (error) {
      if (error instanceof block.FormatHelp) throw new CommandLineError(error.message, null);
      if (error instanceof UserError) {
        throw new CommandLineError(error.message, location, error.hint);
      }
      throw error;
    }
  }

  /** Opens one more drive, with `file` the name of another node if given. Throws UserError. */
  async add(pairs: readonly (readonly [string, string])[], file?: string): Promise<OpenDrive> {
    const block = await this.layer();
    try {
      const spec = this.parse(block, pairs);
      if (file !== undefined) spec.options.set('file', file);
      return await this.openSpec(block, spec);
    } catch (error) {
      if (error instanceof block.FormatHelp) throw new UserError(error.message);
      throw error;
    }
  }

  async layer(): Promise<BlockModule> {
    this.block ??= await loadBlock();
    return this.block;
  }

  async context(): Promise<BlockContext> {
    const { host } = await this.layer();
    return {
      host,
      encryptedImages: this.encryptedImages,
      imageTool: 'tinamou-img',
      warn: text => this.printError(`${text}\n`),
      tell: text => this.tell(text),
      mayOpenEncrypted: this.mayOpenEncrypted,
      findNode: name => this.findNode(name),
      whoseName: name => this.whoseName(name),
    };
  }

  private findNode(name: string): DriveBackend['node'] {
    const drive = this.drives.find(({ spec }) => spec.id === name);
    return drive?.backend.node ?? this.named(name)?.node;
  }

  /** A node that the user named so, and the drive that has it. */
  named(name: string): NamedNode | undefined {
    return this.namedNodes().find(({ node }) => node.nodeName === name);
  }

  private namedNodes(): NamedNode[] {
    const found = new Map<BlockNode, OpenDrive>();
    const below = (node: BlockNode | undefined): BlockNode[] => this.block?.nodesFrom(node) ?? [];
    for (const drive of this.drives) {
      const { node, jobTarget } = drive.backend;
      for (const item of [...below(node), ...below(jobTarget)]) {
        // Shared nodes are in the graphs of several drives.
        if (item.nodeName !== undefined && !found.has(item)) found.set(item, drive);
      }
    }
    return [...found].map(([node, drive]) => ({ node, drive }));
  }

  private whoseName(name: string): 'device' | 'node' | undefined {
    if (this.drives.some(({ spec }) => spec.id === name)) return 'device';
    return this.named(name) === undefined ? undefined : 'node';
  }

  private parse(block: BlockModule, given: readonly (readonly [string, string])[]): DriveSpec {
    const context: DriveContext = {
      defaultInterface: 'ide',
      drives: this.drives.map(({ spec }) => spec),
      formats: block.driverNames(),
    };
    const pairs = [...given];
    if (this.snapshotAll && !pairs.some(([key]) => key === 'snapshot')) {
      pairs.push(['snapshot', 'on']);
    }
    return block.parseDrive(pairs, context);
  }

  private async openSpec(
    block: BlockModule,
    spec: DriveSpec,
    location?: string,
  ): Promise<OpenDrive> {
    const backend = await block.openDrive(spec, await this.context());
    // As devices look it up when they are made: past the counters and limits of the drive.
    const geometry =
      spec.media === 'disk' ? await guessGeometry(spec.geometry, backend.node) : undefined;
    const drive = { spec, backend, geometry, isClaimed: false, location };
    backend.onTrayMove = isOpen => this.tellTray(drive, isOpen);
    backend.onFailure = failure => {
      // Optical media, cards, diskettes and flash leave failures to the guest.
      const stops = spec.media === 'disk' && !LEAVES_FAILURES.includes(spec.interface);
      return drive.isClaimed && stops && this.onFailure(drive, failure);
    };
    this.drives.push(drive);
    return drive;
  }

  /** Takes the drive out of the table; a device that has it is left with an empty one. */
  async remove(drive: OpenDrive): Promise<void> {
    const at = this.drives.indexOf(drive);
    if (at >= 0) this.drives.splice(at, 1);
    this.hidden.delete(drive);
    await this.empty(drive);
  }

  /** By its id. */
  find(device: string): OpenDrive {
    const found = this.drives.find(({ spec }) => spec.id === device);
    if (found === undefined) throw new UserError(`Device '${device}' not found`, 'DeviceNotFound');
    return found;
  }

  /** By its id, or by the name of its image's node; a node below that does not have `feature`. */
  findEither(device: string | undefined, node: string | undefined, feature?: string): OpenDrive {
    const found = this.drives.find(
      ({ spec, backend }) =>
        (device !== undefined && spec.id === device) ||
        (node !== undefined && backend.nodeName === node),
    );
    if (found !== undefined) return found;
    if (feature !== undefined && node !== undefined && this.named(node) !== undefined) {
      throw new UserError(`The feature '${feature}' is not enabled`);
    }
    throw new UserError(`Cannot find device=${device ?? ''} nor node_name=${node ?? ''}`);
  }

  /** Resolves when no request makes progress; true when some wait for the machine to go on. */
  async stalled(): Promise<boolean> {
    const { host } = await this.layer();
    while (this.drives.some(({ backend }) => !backend.isStill)) await host.sleep(1);
    // What has just been done is to be known to whoever asked for it.
    await host.sleep(0);
    return this.drives.some(({ backend }) => backend.hasHeld);
  }

  /** Another state of the machine is loaded: the present one's requests are forgotten. */
  holdAll(): void {
    for (const { backend } of this.drives) backend.holdAll();
  }

  isRemovable({ isClaimed, spec }: OpenDrive): boolean {
    const isFixed = isClaimed || FIXED_INTERFACES.includes(spec.interface);
    return !isFixed || spec.media === 'cdrom' || isCardOrFloppy(spec.interface);
  }

  /** Takes the medium out and closes it; devices with a tray are left with it open. */
  async empty(drive: OpenDrive): Promise<void> {
    const { backend } = drive;
    const release = await backend.drain();
    const old = this.withTray(drive, 'open', () => backend.replaceMedium(undefined));
    release();
    if (old !== undefined) await (await this.layer()).letGo(old);
  }

  /** The device hears of a medium only when its password is known. */
  insert(drive: OpenDrive, node: NonNullable<DriveBackend['node']>): void {
    this.withTray(drive, 'closed', () => drive.backend.replaceMedium(node));
  }

  /** Events as QEMU sends them: one more than needed when a closed tray is loaded. */
  private withTray<T>(drive: OpenDrive, becomes: 'open' | 'closed', change: () => T): T {
    const { backend, spec } = drive;
    const wasOpen = backend.tray?.isOpen ?? false;
    const result = change();
    const hasTray = backend.tray !== undefined || spec.interface === 'floppy';
    if (!hasTray || (becomes === 'closed' && backend.keyMissing)) return result;
    if (!wasOpen) this.tellTray(drive, true);
    if (becomes === 'closed') this.tellTray(drive, false);
    return result;
  }

  private tellTray({ backend }: OpenDrive, isOpen: boolean): void {
    this.events.emit('DEVICE_TRAY_MOVED', { device: backend.name, 'tray-open': isOpen });
  }

  /** The machine is over: failures stop nothing any more while `write` does what is left. */
  async finish(write: () => Promise<void>): Promise<void> {
    this.onFailure = () => false;
    for (const { backend } of this.drives) backend.dropHeld();
    try {
      await write();
    } catch (error) {
      this.printError(`${this.program}: ${error instanceof Error ? error.message : error}\n`);
    }
  }

  /** Writes everything back: the end of the program. */
  async closeAll(): Promise<void> {
    for (const drive of this.drives) {
      try {
        await this.empty(drive);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.printError(`${this.program}: ${drive.backend.name}: ${why}\n`);
      }
    }
  }

  /** Warns of drives that no device picked up. */
  warnOrphans(): void {
    const { block } = this;
    if (block === undefined) return;
    for (const { spec, isClaimed } of this.drives) {
      if (isClaimed || spec.interface === 'none') continue;
      this.printError(`${block.orphanText(spec)}\n`);
    }
  }

  query(): Json {
    return this.drives.map(drive => this.describe(drive));
  }

  queryStats(): Json {
    return this.drives.map(({ backend }): JsonObject => {
      const chain: BlockNode[] = [];
      for (let at = backend.node; at !== undefined; at = at.backing) chain.push(at);
      return describeStats(backend.statistics, chain, backend.name);
    });
  }

  /** Nodes that the user named, the last one first: their images are not looked into. */
  queryNodes(): Json {
    const nodes = this.namedNodes().flatMap(({ drive, node }): JsonObject[] => {
      const info = this.block?.nodeInfo(drive.backend, node);
      return info === undefined ? [] : [describeMedium({ ...info, images: [] }, node.nodeName)];
    });
    return nodes.reverse();
  }

  /** Up to where the nodes that are watched may be written. */
  private readonly thresholds = new Map<OpenDrive, number>();

  /** Tells once, by an event, when the node is written beyond this; 0 is never. */
  setWriteThreshold(name: string, threshold: number): void {
    const drive = this.drives.find(({ backend }) => backend.nodeName === name);
    if (drive === undefined) throw new UserError(`Device '${name}' not found`, 'DeviceNotFound');
    const { backend } = drive;
    const forget = (): void => {
      backend.writeWatch = undefined;
      this.thresholds.delete(drive);
    };
    forget();
    if (threshold === 0) return;
    this.thresholds.set(drive, threshold);
    backend.writeWatch = (offset, length) => {
      const excess = offset + length - threshold;
      if (excess <= 0) return;
      forget();
      this.events.emit('BLOCK_WRITE_THRESHOLD', {
        'node-name': name,
        'amount-exceeded': excess,
        'write-threshold': threshold,
      });
    };
  }

  missingKeys(): readonly MissingKey[] {
    return this.drives
      .filter(({ backend }) => backend.keyMissing)
      .map(({ backend }) => ({ device: backend.name, filename: backend.encryptedFilename }));
  }

  /** The machine may not run while a password is missing. */
  checkKeys(): void {
    const [missing] = this.missingKeys();
    if (missing === undefined) return;
    const { device, filename } = missing;
    throw new UserError(`'${device}' (${filename}) is encrypted`, 'DeviceEncrypted');
  }

  setPassword(device: string | undefined, node: string | undefined, password: string): void {
    const below = device === undefined && node !== undefined ? this.named(node) : undefined;
    if (below !== undefined && below.node !== below.drive.backend.node) {
      this.block?.setNodePassword(below.node, toUtf8(password));
      return;
    }
    const found = this.findEither(device, node);
    const set = (): void => this.block?.setDrivePassword(found.backend, toUtf8(password));
    if (found.backend.keyMissing) this.withTray(found, 'closed', set);
    else set();
    this.onKey(found.backend.name);
  }

  private describe(drive: OpenDrive): JsonObject {
    const { backend } = drive;
    const info = this.block?.driveInfo(backend);
    const removable = this.isRemovable(drive);
    const members: { [name: string]: Json } = {
      device: backend.name,
      type: 'unknown',
      locked: info?.locked ?? false,
      removable,
    };
    if (removable) members['tray_open'] = info?.trayOpen ?? false;
    if (hasIoStatus(drive)) members['io-status'] = backend.ioStatus;
    if (info?.inserted !== undefined) {
      const threshold = this.thresholds.get(drive);
      members['inserted'] = describeMedium(info.inserted, backend.nodeName, threshold);
    }
    const bitmaps = [...backend.dirtyBitmaps];
    if (bitmaps.length > 0) members['dirty-bitmaps'] = bitmaps.map(describeBitmap);
    return members;
  }
}

/** Their drives belong to a controller from the start. */
const FIXED_INTERFACES: readonly string[] = ['scsi', 'virtio', 'pflash'];

/** Their devices know nothing of machines that stop for an error. */
const LEAVES_FAILURES: readonly string[] = ['floppy', 'sd', 'pflash'];

/** True when the drive has a device that can say why the machine has stopped. */
export function hasIoStatus({ backend, spec, isClaimed }: OpenDrive): boolean {
  return isClaimed && !isCardOrFloppy(spec.interface) && backend.mayStop;
}

function isCardOrFloppy(type: string): boolean {
  return type === 'floppy' || type === 'sd';
}
