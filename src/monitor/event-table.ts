/**
 * The events of QEMU 2.2.50 in the order of `query-events`: their members, and how often they are
 * told at most. Those of subsystems that are not here never happen.
 */

export interface EventRow {
  readonly name: string;
  /** Members with types; a question mark where they may be absent. */
  readonly data: string;
  readonly doc: string;
  /** Of several within this time only the first and then the last are told. */
  readonly intervalMs?: number;
}

const JOB = 'type: BlockJobType, device: str, len: int, offset: int, speed: int';
const PEER = 'server: VncServerInfo, client: VncClientInfo';
const SPICE = 'server: SpiceBasicInfo, client: SpiceBasicInfo';

/** At most one a second. */
function limited(name: string, data: string, doc: string): EventRow {
  return { name, data, doc, intervalMs: 1000 };
}

export const EVENT_TABLE: readonly EventRow[] = [
  limited('VSERPORT_CHANGE', 'id: str, open: bool', 'The guest opened or closed a virtio port.'),
  limited(
    'QUORUM_REPORT_BAD',
    'error?: str, node-name: str, sector-num: int, sectors-count: int',
    'A copy of several differs.',
  ),
  limited(
    'QUORUM_FAILURE',
    'reference: str, sector-num: int, sectors-count: int',
    'Too few copies agree.',
  ),
  { name: 'GUEST_PANICKED', data: 'action: GuestPanicAction', doc: 'The guest said so.' },
  limited('BALLOON_CHANGE', 'actual: int', 'The guest gave memory back, or took it again.'),
  {
    name: 'ACPI_DEVICE_OST',
    data: 'info: ACPIOSTInfo',
    doc: 'The guest about hot-plugged memory.',
  },
  { name: 'SPICE_MIGRATE_COMPLETED', data: '', doc: 'Clients of the SPICE server have moved.' },
  { name: 'SPICE_DISCONNECTED', data: SPICE, doc: 'A client went.' },
  {
    name: 'SPICE_INITIALIZED',
    data: 'server: SpiceServerInfo, client: SpiceChannel',
    doc: 'A client may work.',
  },
  { name: 'SPICE_CONNECTED', data: SPICE, doc: 'A client came.' },
  { name: 'VNC_DISCONNECTED', data: PEER, doc: 'A client went.' },
  { name: 'VNC_INITIALIZED', data: PEER, doc: 'A client may work.' },
  {
    name: 'VNC_CONNECTED',
    data: 'server: VncServerInfo, client: VncBasicInfo',
    doc: 'A client came.',
  },
  {
    name: 'NIC_RX_FILTER_CHANGED',
    data: 'name?: str, path: str',
    doc: 'A network card lets other packets through.',
  },
  {
    name: 'DEVICE_DELETED',
    data: 'device?: str, path: str',
    doc: 'A device is gone: before the answer to device_del.',
  },
  limited('WATCHDOG', 'action: WatchdogExpirationAction', 'A watchdog barked.'),
  limited(
    'RTC_CHANGE',
    'offset: int',
    'The guest set the clock: seconds off from what it would show by itself.',
  ),
  { name: 'WAKEUP', data: '', doc: 'The guest woke up.' },
  { name: 'SUSPEND_DISK', data: '', doc: 'The guest went into S4.' },
  { name: 'SUSPEND', data: '', doc: 'The guest went into S3.' },
  { name: 'RESUME', data: '', doc: 'The machine runs: before the answer to cont.' },
  { name: 'STOP', data: '', doc: 'The machine stands: before the answer to stop.' },
  { name: 'RESET', data: '', doc: 'The machine was reset.' },
  { name: 'POWERDOWN', data: '', doc: 'The power button was pressed.' },
  { name: 'SHUTDOWN', data: '', doc: 'The machine was switched off, or the program ends.' },
  {
    name: 'DEVICE_TRAY_MOVED',
    data: 'device: str, tray-open: bool',
    doc: 'A tray opened or closed, whoever moved it.',
  },
  {
    name: 'BLOCK_WRITE_THRESHOLD',
    data: 'node-name: str, amount-exceeded: uint64, write-threshold: uint64',
    doc: 'A node was written beyond what block-set-write-threshold said.',
  },
  { name: 'BLOCK_JOB_READY', data: JOB, doc: 'A job waits for block-job-complete.' },
  {
    name: 'BLOCK_JOB_ERROR',
    data: 'device: str, operation: IoOperationType, action: BlockErrorAction',
    doc: 'A job met an error.',
  },
  { name: 'BLOCK_JOB_CANCELLED', data: JOB, doc: 'A job was cancelled.' },
  { name: 'BLOCK_JOB_COMPLETED', data: `${JOB}, error?: str`, doc: 'A job has ended.' },
  {
    name: 'BLOCK_IO_ERROR',
    data:
      'device: str, operation: IoOperationType, action: BlockErrorAction, ' +
      'nospace?: bool, reason: str',
    doc: 'A request of the guest failed.',
  },
  {
    name: 'BLOCK_IMAGE_CORRUPTED',
    data: 'device: str, msg: str, offset?: int, size?: int, fatal: bool',
    doc: 'An image contradicts itself.',
  },
];
