/**
 * The option groups of QEMU 2.2.50, as `query-command-line-options` lists them: what a group takes,
 * of which types. Clients look here for what they may pass; what has nothing behind it on this
 * machine is listed all the same, because the options are accepted.
 */

type Kind = 'boolean' | 'number' | 'size' | 'string';

export interface OptionGroupRow {
  readonly option: string;
  readonly parameters: readonly (readonly [name: string, type: Kind, help?: string])[];
}

export const OPTION_GROUPS: readonly OptionGroupRow[] = [
  {
    option: 'vnc',
    parameters: [
      ['non-adaptive', 'boolean'],
      ['lossy', 'boolean'],
      ['acl', 'boolean'],
      ['x509verify', 'boolean'],
      ['tls', 'boolean'],
      ['sasl', 'boolean'],
      ['lock-key-sync', 'boolean'],
      ['reverse', 'boolean'],
      ['password', 'boolean'],
      ['ipv6', 'boolean'],
      ['ipv4', 'boolean'],
      ['to', 'number'],
      ['connections', 'number'],
      ['head', 'number'],
      ['display', 'string'],
      ['share', 'string'],
      ['x509', 'string'],
      ['websocket', 'string'],
      ['vnc', 'string'],
    ],
  },
  {
    option: 'acpi',
    parameters: [],
  },
  {
    option: 'virtfs',
    parameters: [
      ['sock_fd', 'number'],
      ['socket', 'string'],
      ['readonly', 'boolean'],
      ['writeout', 'string'],
      ['security_model', 'string'],
      ['mount_tag', 'string'],
      ['path', 'string'],
      ['fsdriver', 'string'],
    ],
  },
  {
    option: 'fsdev',
    parameters: [
      ['sock_fd', 'number'],
      ['socket', 'string'],
      ['readonly', 'boolean'],
      ['writeout', 'string'],
      ['security_model', 'string'],
      ['path', 'string'],
      ['fsdriver', 'string'],
    ],
  },
  {
    option: 'smbios',
    parameters: [],
  },
  {
    option: 'semihosting-config',
    parameters: [
      ['target', 'string'],
      ['enable', 'boolean'],
    ],
  },
  {
    option: 'icount',
    parameters: [
      ['align', 'boolean'],
      ['shift', 'string'],
    ],
  },
  {
    option: 'numa',
    parameters: [],
  },
  {
    option: 'name',
    parameters: [
      [
        'debug-threads',
        'boolean',
        'When enabled, name the individual threads; defaults off.\nNOTE: The thread names are for debugging and not a\nstable API.',
      ],
      ['process', 'string', 'Sets the name of the QEMU process, as shown in top etc'],
      [
        'guest',
        'string',
        'Sets the name of the guest.\nThis name will be displayed in the SDL window caption.\nThe name will also be used for the VNC server',
      ],
    ],
  },
  {
    option: 'msg',
    parameters: [['timestamp', 'boolean']],
  },
  {
    option: 'realtime',
    parameters: [['mlock', 'boolean']],
  },
  {
    option: 'tpmdev',
    parameters: [],
  },
  {
    option: 'object',
    parameters: [],
  },
  {
    option: 'add-fd',
    parameters: [
      ['opaque', 'string', 'free-form string used to describe fd'],
      ['set', 'number', 'ID of the fd set to add fd to'],
      ['fd', 'number', 'file descriptor of which a duplicate is added to fd set'],
    ],
  },
  {
    option: 'sandbox',
    parameters: [['enable', 'boolean']],
  },
  {
    option: 'boot-opts',
    parameters: [
      ['strict', 'boolean'],
      ['reboot-timeout', 'string'],
      ['splash-time', 'string'],
      ['splash', 'string'],
      ['menu', 'boolean'],
      ['once', 'string'],
      ['order', 'string'],
    ],
  },
  {
    option: 'smp-opts',
    parameters: [
      ['maxcpus', 'number'],
      ['threads', 'number'],
      ['cores', 'number'],
      ['sockets', 'number'],
      ['cpus', 'number'],
    ],
  },
  {
    option: 'memory',
    parameters: [
      ['maxmem', 'size'],
      ['slots', 'number'],
      ['size', 'size'],
    ],
  },
  {
    option: 'machine',
    parameters: [],
  },
  {
    option: 'option-rom',
    parameters: [
      ['romfile', 'string'],
      ['bootindex', 'number'],
    ],
  },
  {
    option: 'trace',
    parameters: [
      ['file', 'string'],
      ['events', 'string'],
    ],
  },
  {
    option: 'mon',
    parameters: [
      ['pretty', 'boolean'],
      ['default', 'boolean'],
      ['chardev', 'string'],
      ['mode', 'string'],
    ],
  },
  {
    option: 'global',
    parameters: [
      ['value', 'string'],
      ['property', 'string'],
      ['driver', 'string'],
    ],
  },
  {
    option: 'rtc',
    parameters: [
      ['driftfix', 'string'],
      ['clock', 'string'],
      ['base', 'string'],
    ],
  },
  {
    option: 'net',
    parameters: [],
  },
  {
    option: 'netdev',
    parameters: [],
  },
  {
    option: 'device',
    parameters: [],
  },
  {
    option: 'chardev',
    parameters: [
      ['chardev', 'string'],
      ['size', 'size'],
      ['debug', 'number'],
      ['name', 'string'],
      ['signal', 'boolean'],
      ['mux', 'boolean'],
      ['rows', 'number'],
      ['cols', 'number'],
      ['height', 'number'],
      ['width', 'number'],
      ['telnet', 'boolean'],
      ['reconnect', 'number'],
      ['delay', 'boolean'],
      ['server', 'boolean'],
      ['wait', 'boolean'],
      ['ipv6', 'boolean'],
      ['ipv4', 'boolean'],
      ['to', 'number'],
      ['localport', 'string'],
      ['localaddr', 'string'],
      ['port', 'string'],
      ['host', 'string'],
      ['path', 'string'],
      ['backend', 'string'],
    ],
  },
  {
    option: 'drive',
    parameters: [
      ['copy-on-read', 'boolean', 'copy read data from backing file into image file'],
      ['werror', 'string', 'write error action'],
      ['rerror', 'string', 'read error action'],
      ['read-only', 'boolean', 'open drive file as read-only'],
      ['file', 'string', 'file name'],
      ['serial', 'string', 'disk serial number'],
      ['addr', 'string', 'pci address (virtio only)'],
      ['boot', 'boolean', '(deprecated, ignored)'],
      ['trans', 'string', 'chs translation (auto, lba, none)'],
      ['secs', 'number', 'number of sectors (ide disk geometry)'],
      ['heads', 'number', 'number of heads (ide disk geometry)'],
      ['cyls', 'number', 'number of cylinders (ide disk geometry)'],
      ['if', 'string', 'interface (ide, scsi, sd, mtd, floppy, pflash, virtio)'],
      ['media', 'string', 'media type (disk, cdrom)'],
      ['index', 'number', 'index number'],
      ['unit', 'number', 'unit number (i.e. lun for scsi)'],
      ['bus', 'number', 'bus number'],
      ['detect-zeroes', 'string', 'try to optimize zero writes (off, on, unmap)'],
      ['throttling.iops-size', 'number', 'when limiting by iops max size of an I/O in bytes'],
      ['throttling.bps-write-max', 'number', 'total bytes write burst'],
      ['throttling.bps-read-max', 'number', 'total bytes read burst'],
      ['throttling.bps-total-max', 'number', 'total bytes burst'],
      ['throttling.iops-write-max', 'number', 'I/O operations write burst'],
      ['throttling.iops-read-max', 'number', 'I/O operations read burst'],
      ['throttling.iops-total-max', 'number', 'I/O operations burst'],
      ['throttling.bps-write', 'number', 'limit write bytes per second'],
      ['throttling.bps-read', 'number', 'limit read bytes per second'],
      ['throttling.bps-total', 'number', 'limit total bytes per second'],
      ['throttling.iops-write', 'number', 'limit write operations per second'],
      ['throttling.iops-read', 'number', 'limit read operations per second'],
      ['throttling.iops-total', 'number', 'limit total I/O operations per second'],
      ['werror', 'string', 'write error action'],
      ['format', 'string', 'disk format (raw, qcow2, ...)'],
      ['aio', 'string', 'host AIO implementation (threads, native)'],
      ['cache.no-flush', 'boolean', 'ignore any flush requests for the device'],
      ['cache.direct', 'boolean', 'enables use of O_DIRECT (bypass the host page cache)'],
      ['cache.writeback', 'boolean', 'enables writeback mode for any caches'],
      ['discard', 'string', 'discard operation (ignore/off, unmap/on)'],
      ['snapshot', 'boolean', 'enable/disable snapshot mode'],
    ],
  },
];
