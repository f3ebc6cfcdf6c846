/**
 * The types of QMP's answers, as the documentation of QEMU 2.2's protocol has them, and a check of
 * answers against them: every member has its type, none is missing, none is unknown.
 */

const blockDevice = (image: string): string =>
  'file: str, node-name?: str, ro: bool, drv: str, backing_file?: str, ' +
  'backing_file_depth: int, encrypted: bool, encryption_key_missing: bool, ' +
  'detect_zeroes: DetectZeroes, bps: int, bps_rd: int, bps_wr: int, iops: int, iops_rd: int, ' +
  `iops_wr: int, image: ${image}, bps_max?: int, bps_rd_max?: int, bps_wr_max?: int, ` +
  'iops_max?: int, iops_rd_max?: int, iops_wr_max?: int, iops_size?: int, ' +
  'cache: BlockdevCacheInfo, write_threshold: int';

/** Members with types; a question mark where they may be absent. */
const STRUCTS: { readonly [type: string]: string } = {
  AddfdInfo: 'fdset-id: int, fd: int',
  BlockDeviceInfo: blockDevice('ImageInfo'),
  BlockDeviceStats:
    'rd_bytes: int, wr_bytes: int, rd_operations: int, wr_operations: int, ' +
    'flush_operations: int, flush_total_time_ns: int, wr_total_time_ns: int, ' +
    'rd_total_time_ns: int, wr_highest_offset: int, rd_merged: int, wr_merged: int',
  BlockDirtyInfo: 'count: int, granularity: int',
  BlockInfo:
    'device: str, type: str, removable: bool, locked: bool, inserted?: BlockDeviceInfo, ' +
    'tray_open?: bool, io-status?: IoStatus, dirty-bitmaps?: [BlockDirtyInfo]',
  BlockJobInfo:
    'type: str, device: str, len: int, offset: int, busy: bool, paused: bool, speed: int, ' +
    'io-status: IoStatus, ready: bool',
  BlockStats:
    'device?: str, node-name?: str, stats: BlockDeviceStats, parent?: BlockStats, ' +
    'backing?: BlockStats',
  BlockdevCacheInfo: 'writeback: bool, direct: bool, no-flush: bool',
  ChardevBackendInfo: 'name: str',
  ChardevInfo: 'label: str, filename: str, frontend-open: bool',
  ChardevReturn: 'pty?: str',
  CommandInfo: 'name: str',
  CommandLineOptionInfo: 'option: str, parameters: [CommandLineParameterInfo]',
  CommandLineParameterInfo: 'name: str, type: ParameterType, help?: str, default?: str',
  CpuDefinitionInfo: 'name: str',
  CpuInfo: 'CPU: int, current: bool, halted: bool, pc: int, thread_id: int',
  DevicePropertyInfo: 'name: str, type: str, description?: str',
  DumpGuestMemoryCapability: 'formats: [DumpFormat]',
  EventInfo: 'name: str',
  FdsetFdInfo: 'fd: int, opaque?: str',
  FdsetInfo: 'fdset-id: int, fds: [FdsetFdInfo]',
  IOThreadInfo: 'id: str, thread-id: int',
  ImageInfo:
    'filename: str, format: str, dirty-flag?: bool, actual-size?: int, virtual-size: int, ' +
    'cluster-size?: int, encrypted?: bool, compressed?: bool, backing-filename?: str, ' +
    'full-backing-filename?: str, backing-filename-format?: str, snapshots?: [SnapshotInfo], ' +
    'backing-image?: ImageInfo, format-specific?: ImageInfoSpecific',
  ImageInfoSpecific: 'type: SpecificKind, data: ImageInfoSpecificQCow2',
  ImageInfoSpecificQCow2: 'compat: str, lazy-refcounts?: bool, corrupt?: bool, refcount-bits?: int',
  KvmInfo: 'enabled: bool, present: bool',
  MachineInfo: 'name: str, alias?: str, is-default?: bool, cpu-max: int',
  Memdev:
    'size: int, merge: bool, dump: bool, prealloc: bool, host-nodes: [int], policy: HostMemPolicy',
  MigrationCapabilityStatus: 'capability: MigrationCapability, state: bool',
  MigrationInfo:
    'status?: MigrationStatus, ram?: MigrationStats, disk?: MigrationStats, total-time?: int, ' +
    'expected-downtime?: int, downtime?: int, setup-time?: int',
  MigrationStats:
    'transferred: int, remaining: int, total: int, duplicate: int, skipped: int, normal: int, ' +
    'normal-bytes: int, dirty-pages-rate: int, mbps: number, dirty-sync-count: int',
  MouseInfo: 'name: str, index: int, current: bool, absolute: bool',
  NamedNodeInfo: blockDevice('NoImageInfo'),
  NameInfo: 'name?: str',
  /** As recorded: nothing is told of a node's image. */
  NoImageInfo: '',
  ObjectPropertyInfo: 'name: str, type: str',
  ObjectTypeInfo: 'name: str',
  PciClass: 'desc?: str, class: int',
  PciDeviceInfo:
    'bus: int, slot: int, function: int, class_info: PciClass, id: PciId, irq?: int, ' +
    'qdev_id: str, regions: [PciMemoryRegion]',
  PciId: 'device: int, vendor: int',
  PciInfo: 'bus: int, devices: [PciDeviceInfo]',
  PciMemoryRegion:
    'bar: int, type: PciRegion, address: int, size: int, prefetch?: bool, mem_type_64?: bool',
  SnapshotInfo:
    'id: str, name: str, vm-state-size: int, date-sec: int, date-nsec: int, ' +
    'vm-clock-sec: int, vm-clock-nsec: int',
  StatusInfo: 'running: bool, singlestep: bool, status: RunState',
  TargetInfo: 'arch: Target',
  TraceEventInfo: 'name: str, state: TraceState',
  UuidInfo: 'UUID: str',
  VncInfo: 'enabled: bool, host?: str, family?: str, service?: str, auth?: str',
  VersionInfo: 'qemu: VersionTriple, package: str',
  VersionTriple: 'major: int, minor: int, micro: int',
};

const ENUMS: { readonly [type: string]: string } = {
  BlockErrorAction: 'ignore report stop',
  BlockJobType: 'commit stream mirror backup',
  DetectZeroes: 'off on unmap',
  DumpFormat: 'elf kdump-zlib kdump-lzo kdump-snappy',
  HostMemPolicy: 'default preferred bind interleave',
  IoOperationType: 'read write',
  IoStatus: 'ok failed nospace',
  MigrationCapability: 'xbzrle rdma-pin-all auto-converge zero-blocks',
  MigrationStatus: 'none setup active completed failed cancelled cancelling',
  ParameterType: 'string boolean number size',
  PciRegion: 'io memory',
  RunState:
    'debug inmigrate internal-error io-error paused postmigrate prelaunch finish-migrate ' +
    'restore-vm running save-vm shutdown suspended watchdog guest-panicked',
  SpecificKind: 'qcow2',
  Target: 'x86_64',
  TpmModel: 'tpm-tis',
  TpmType: 'passthrough',
  TraceState: 'unavailable disabled enabled',
};

const isBelow = (limit: number, value: unknown): boolean =>
  Number.isInteger(value) && Math.abs(Number(value)) <= limit;

const SIMPLE: { readonly [type: string]: (value: unknown) => boolean } = {
  any: () => true,
  str: value => typeof value === 'string',
  bool: value => typeof value === 'boolean',
  int: value => isBelow(2 ** 63, value),
  uint64: value => isBelow(2 ** 64, value) && Number(value) >= 0,
  number: value => typeof value === 'number',
};

export type Members = { readonly [name: string]: unknown };

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is wrong with a value of that type, a line each. */
export function misfits(value: unknown, type: string, at = type): string[] {
  const item = /^\['?(\w+)'?\]$/.exec(type)?.[1];
  if (item !== undefined) {
    if (!Array.isArray(value)) return [`${at} is no list`];
    return value.flatMap((one: unknown, i) => misfits(one, item, `${at}[${i}]`));
  }
  const isFit = SIMPLE[type];
  const names = ENUMS[type]?.split(' ');
  if (isFit !== undefined) return isFit(value) ? [] : [`${at} is ${JSON.stringify(value)}`];
  if (names !== undefined) return names.some(n => n === value) ? [] : [`${at} is '${value}'`];
  const members = STRUCTS[type];
  return members === undefined ? [`${at}: unknown type ${type}`] : unfit(value, members, at);
}

/** The same, for members in this notation. */
export function unfit(value: unknown, members: string, at: string): string[] {
  if (!isMembers(value)) return [`${at} is no object`];
  const rows = members === '' ? [] : members.split(', ').map(text => text.split(': '));
  const known = new Map(rows.map(([name, type]) => [name.replace('?', ''), type]));
  const missing = rows.filter(([name]) => !name.endsWith('?') && !(name in value));
  return [
    ...missing.map(([name]) => `${at}.${name} is missing`),
    ...Object.entries(value).flatMap(([name, member]) => {
      const type = known.get(name);
      return type === undefined
        ? [`${at}.${name} is unknown`]
        : misfits(member, type, `${at}.${name}`);
    }),
  ];
}
