/**
 * The drives of this program: read from the command line, opened, and described for query-block.
 */

import type { DriveContext, DriveSpec } from './block/drive-options.ts';
import type { BlockContext } from './block/driver.ts';
import type { DriveBackend } from './block/node-backend.ts';
import { located } from './command-line.ts';
import { UserError } from './error.ts';
import type { Json } from './json.ts';
import { bareError, type CharRequest, type Config, type DriveRequest } from './main-config.ts';
import type { JobTable } from './main-jobs.ts';
import type { Drives, MissingKey } from './monitor/vm.ts';
import { CommandLineError } from './options.ts';

type JsonObject = { readonly [name: string]: Json };

/** The block layer, loaded when there is a drive. */
async function loadBlock() {
  const [options, drivers, drive, host] = await Promise.all([
    import('./block/drive-options.ts'),
    import('./block/drivers.ts'),
    import('./block/drive.ts'),
    import('./host-file-io.ts'),
  ]);
  return { ...options, ...drivers, ...drive, host: host.nodeBlockHost };
}
type BlockModule = Awaited<ReturnType<typeof loadBlock>>;

export interface OpenDrive {
  readonly spec: DriveSpec;
  readonly backend: DriveBackend;
  /** A device has it: it is no longer removable, and no orphan. */
  isClaimed: boolean;
}

/** `-device` models that replace the default CD-ROM. */
const CD_REPLACERS = ['ide-cd', 'ide-hd', 'ide-drive', 'scsi-cd'];

export class DriveTable implements Drives {
  readonly drives: OpenDrive[] = [];
  /** Of `-usbdevice disk:`. */
  readonly usbDisks: OpenDrive[] = [];
  /** A drive can be read from now on. */
  onKey: (drive: string) => void = () => {};
  control: JobTable | undefined;
  private context: BlockContext | undefined;
  private block: BlockModule | undefined;

  constructor(
    private readonly program: string,
    private readonly printError: (text: string) => void,
    private readonly mayOpenEncrypted: () => boolean,
  ) {}

  /** Opens all drives that the command line names, then the default ones. */
  async openAll(config: Config): Promise<void> {
    for (const request of config.drives) await this.open(request, config);
    for (const request of config.usbDevices) await this.openUsb(request, config);
    if (!config.hasDefaults) return;
    const replaced = config.devices.some(d => CD_REPLACERS.includes(d.list.get('driver') ?? ''));
    if (!replaced && !this.isTaken('ide', 1, 0)) await this.openDefault('ide', 2, config);
    await this.openDefault('floppy', 0, config);
    await this.openDefault('sd', 0, config);
  }

  private isTaken(type: string, bus: number, unit: number): boolean {
    return this.drives.some(
      ({ spec }) => spec.interface === type && spec.bus === bus && spec.unit === unit,
    );
  }

  /** `-usbdevice disk:[format=F:]FILE`. */
  private async openUsb({ text, location }: CharRequest, config: Config): Promise<void> {
    const why = `qemu: could not add USB device '${text}'`;
    const match = /^disk:(?:format=([^:]*):)?(.*)$/s.exec(text);
    if (match === null) throw bareError(why);
    const [, format, file] = match;
    const pairs: [string, string][] = [
      ['if', 'none'],
      ['id', `usb${this.usbDisks.length}`],
      ['file', file],
    ];
    if (format !== undefined) pairs.push(['format', format]);
    try {
      if (file === '') throw new CommandLineError('block device specification needed', location);
      this.usbDisks.push(await this.open({ pairs, location }, config));
    } catch (error) {
      if (!(error instanceof CommandLineError)) throw error;
      const lines = `${error.message}\nFailed to create USB device 'usb-storage'`;
      throw new CommandLineError(lines, location, why);
    }
  }

  private async openDefault(type: string, index: number, config: Config): Promise<void> {
    if (this.isTaken(type, Math.floor(index / 2), index % 2)) return;
    const media = type === 'ide' ? 'cdrom' : 'disk';
    const pairs = [
      ['if', type],
      ['index', String(index)],
      ['media', media],
    ] as const;
    await this.open({ pairs, location: undefined }, config);
    const last = this.drives[this.drives.length - 1];
    last.isClaimed = true;
  }

  private async open(request: DriveRequest, config: Config): Promise<OpenDrive> {
    this.block ??= await loadBlock();
    const { parseDrive, openDrive, driverNames, FormatHelp, host } = this.block;
    const { location } = request;
    const context: DriveContext = {
      defaultInterface: 'ide',
      drives: this.drives.map(({ spec }) => spec),
      formats: driverNames(),
    };
    const pairs = [...request.pairs];
    if (config.snapshot && !pairs.some(([key]) => key === 'snapshot')) {
      pairs.push(['snapshot', 'on']);
    }
    try {
      const spec = located(location, () => parseDrive(pairs, context));
      for (const { text, located: hasPlace } of spec.warnings) {
        this.printError(hasPlace ? `${this.program}: ${location}: ${text}\n` : `${text}\n`);
      }
      const blockContext: BlockContext = {
        host,
        encryptedImages: config.encryptedImages,
        imageTool: 'tinamou-img',
        warn: text => this.printError(`${text}\n`),
        mayOpenEncrypted: this.mayOpenEncrypted,
      };
      this.context = blockContext;
      const backend = await openDrive(spec, blockContext);
      const drive = { spec, backend, isClaimed: false };
      this.drives.push(drive);
      return drive;
    } catch (error) {
      if (error instanceof FormatHelp) throw new CommandLineError(error.message, null);
      if (error instanceof UserError) {
        throw new CommandLineError(error.message, location, error.hint);
      }
      throw error;
    }
  }

  /** Ends jobs and writes back what images still hold in memory. */
  async close(): Promise<void> {
    await this.control?.stop();
    for (const { backend } of this.drives) {
      try {
        await backend.drain();
        await backend.close();
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        this.printError(`${this.program}: ${backend.name}: ${why}\n`);
      }
    }
  }

  /** Takes a drive away for good. */
  async remove(name: string): Promise<void> {
    const at = this.drives.findIndex(({ backend }) => backend.name === name);
    if (at < 0) return;
    const [{ backend }] = this.drives.splice(at, 1);
    await backend.drain();
    await backend.close();
  }

  /** What images are opened with; there once a drive is. */
  get blockContext(): BlockContext {
    if (this.context === undefined) throw new UserError('There are no drives');
    return this.context;
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
      const s = backend.statistics;
      const stats: JsonObject = {
        rd_bytes: s.rdBytes,
        wr_bytes: s.wrBytes,
        rd_operations: s.rdOperations,
        wr_operations: s.wrOperations,
        flush_operations: s.flushOperations,
        flush_total_time_ns: s.flushTotalTimeNs,
        wr_total_time_ns: s.wrTotalTimeNs,
        rd_total_time_ns: s.rdTotalTimeNs,
        wr_highest_offset: s.wrHighestOffset,
        rd_merged: 0,
        wr_merged: 0,
      };
      return { device: backend.name, stats };
    });
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
    const found = this.drives.find(
      ({ spec }) =>
        (device !== undefined && spec.id === device) ||
        (node !== undefined && spec.nodeName === node),
    );
    if (found === undefined || this.block === undefined) {
      throw new UserError(`Cannot find device=${device ?? ''} nor node_name=${node ?? ''}`);
    }
    this.block.setDrivePassword(found.backend, new TextEncoder().encode(password));
    this.onKey(found.backend.name);
  }

  private describe({ backend, spec, isClaimed }: OpenDrive): JsonObject {
    const info = this.block?.driveInfo(backend);
    const removable = !isClaimed || spec.media === 'cdrom' || isCardOrFloppy(spec.interface);
    const members: { [name: string]: Json } = {
      device: backend.name,
      type: 'unknown',
      locked: info?.locked ?? false,
      removable,
    };
    if (removable) members['tray_open'] = info?.trayOpen ?? false;
    if (isClaimed && !isCardOrFloppy(spec.interface)) members['io-status'] = 'ok';
    if (info?.inserted !== undefined) members['inserted'] = describeMedium(info.inserted);
    return members;
  }
}

function isCardOrFloppy(type: string): boolean {
  return type === 'floppy' || type === 'sd';
}

type Inserted = NonNullable<ReturnType<BlockModule['driveInfo']>['inserted']>;

/** Members in the order of the schema. */
function describeMedium(inserted: Inserted): JsonObject {
  const { backingFile, throttling, cache } = inserted;
  return {
    file: inserted.file,
    ro: inserted.readOnly,
    drv: inserted.driver,
    ...(backingFile === undefined ? {} : { backing_file: backingFile }),
    backing_file_depth: inserted.backingFileDepth,
    encrypted: inserted.encrypted,
    encryption_key_missing: inserted.encryptionKeyMissing,
    detect_zeroes: inserted.detectZeroes,
    ...describeLimits(throttling),
    cache: { writeback: cache.writeback, direct: cache.direct, 'no-flush': cache.noFlush },
    write_threshold: 0,
    image: describeImages(inserted.images),
  };
}

/** Bursts and sizes are listed only where they were set. */
function describeLimits(limits: Inserted['throttling']): JsonObject {
  const bursts = {
    bps_max: limits.bpsMax,
    bps_rd_max: limits.bpsRdMax,
    bps_wr_max: limits.bpsWrMax,
    iops_max: limits.iopsMax,
    iops_rd_max: limits.iopsRdMax,
    iops_wr_max: limits.iopsWrMax,
    iops_size: limits.iopsSize,
  };
  return {
    bps: limits.bps,
    bps_rd: limits.bpsRd,
    bps_wr: limits.bpsWr,
    iops: limits.iops,
    iops_rd: limits.iopsRd,
    iops_wr: limits.iopsWr,
    ...Object.fromEntries(Object.entries(bursts).filter(([, value]) => value !== 0)),
  };
}

function describeImages(images: Inserted['images']): JsonObject {
  const [image, ...backing] = images;
  if (image === undefined) return {};
  const { details, fullBackingFilename } = image;
  const members: { [name: string]: Json } = {
    filename: image.filename,
    format: image.format,
    'dirty-flag': details.dirty,
  };
  if (image.actualSize !== undefined) members['actual-size'] = image.actualSize;
  members['virtual-size'] = image.virtualSize;
  if (details.clusterSize !== undefined) members['cluster-size'] = details.clusterSize;
  if (details.encrypted) members['encrypted'] = true;
  if (details.backingFilename !== undefined && details.backingFilename !== '') {
    members['backing-filename'] = details.backingFilename;
    if (fullBackingFilename !== undefined) members['full-backing-filename'] = fullBackingFilename;
    if (details.backingFormat !== undefined) {
      members['backing-filename-format'] = details.backingFormat;
    }
  }
  if (backing.length > 0) members['backing-image'] = describeImages(backing);
  if (details.specific !== undefined) {
    members['format-specific'] = { type: details.specific.type, data: details.specific.data };
  }
  return members;
}
