/**
 * Commands of subsystems that this machine does not have: networks, VNC, SPICE, Xen, TPM, a memory
 * balloon, file descriptors of clients, trace points. They answer as a QEMU that was built or
 * started without them.
 */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import {
  bool,
  empty,
  int,
  openStruct,
  optional,
  returned,
  type StructSchema,
  str,
  struct,
} from '../../schema.ts';
import { action, type Command, command } from '../command.ts';

type JsonObject = { readonly [name: string]: Json };

/** Always the same answer. */
function fixed(name: string, type: string, doc: string, answer: Json): Command {
  return command({ name, doc, args: empty, returns: returned<Json>(type), run: () => answer });
}

/** Arguments are checked, and that is all. */
function nothing<A>(name: string, doc: string, args: StructSchema<A>): Command {
  return action({ name, doc, args, run: () => {} });
}

/** Always an error; `type` is what the command would return. */
function failing<A>(
  name: string,
  doc: string,
  args: StructSchema<A>,
  why: (args: A) => UserError,
  type = 'Empty',
): Command {
  return command({
    name,
    doc,
    args,
    returns: returned<Json>(type),
    run(_vm, given) {
      throw why(given);
    },
  });
}

const notFound = (name: string): UserError =>
  new UserError(`Device '${name}' not found`, 'DeviceNotFound');

const notActive = (what: string): UserError =>
  new UserError(`No ${what} device has been activated`, 'DeviceNotActive');

export const queryAcpiOspmStatus = fixed(
  'query-acpi-ospm-status',
  "['ACPIOSTInfo']",
  'What the guest said about hot-plugged memory: there is none.',
  [],
);

export const queryMemoryDevices = fixed(
  'query-memory-devices',
  "['MemoryDeviceInfo']",
  'Hot-plugged memory: none.',
  [],
);

export const queryTpmTypes = fixed(
  'query-tpm-types',
  "['TpmType']",
  'The back ends for TPM devices that QEMU 2.2.50 has.',
  ['passthrough'],
);

export const queryTpmModels = fixed(
  'query-tpm-models',
  "['TpmModel']",
  'The TPM devices that QEMU 2.2.50 has.',
  ['tpm-tis'],
);

export const queryTpm = fixed('query-tpm', "['TPMInfo']", 'The TPM device: none.', []);

export const queryVnc = fixed('query-vnc', 'VncInfo', 'The VNC server: none.', { enabled: false });

export const queryVncServers = fixed(
  'query-vnc-servers',
  "['VncInfo2']",
  'The VNC servers: none.',
  [],
);

export const queryRxFilter = command({
  name: 'query-rx-filter',
  doc: 'What network cards let through: there are none.',
  args: struct('RxFilterArgs', { name: optional(str) }),
  returns: returned<readonly JsonObject[]>("['RxFilterInfo']"),
  run(_vm, { name }) {
    if (name !== undefined) throw new UserError(`invalid net client name: ${name}`);
    return [];
  },
});

export const setLink = failing(
  'set_link',
  'Plug or unplug the cable of a network card.',
  struct('SetLinkArgs', { name: str, up: bool }),
  ({ name }) => notFound(name),
);

export const netdevAdd = failing(
  'netdev_add',
  'Add a network back end: none is there.',
  openStruct('NetdevAddArgs', { id: str, type: str }),
  ({ type }) => new UserError(`Invalid parameter '${type}'`),
);

export const netdevDel = failing(
  'netdev_del',
  'Remove a network back end.',
  struct('NetdevDelArgs', { id: str }),
  ({ id }) => notFound(id),
);

export const balloon = failing(
  'balloon',
  'Ask the guest to give back memory.',
  struct('BalloonArgs', { value: int }),
  () => notActive('balloon'),
);

export const queryBalloon = failing(
  'query-balloon',
  'How much memory the guest has.',
  empty,
  () => notActive('balloon'),
  'BalloonInfo',
);

const NOT_SUPPLIED = 'No file descriptor supplied via SCM_RIGHTS';

export const getfd = failing(
  'getfd',
  'Name a file descriptor that came with the command: none ever does.',
  struct('GetfdArgs', { fdname: str }),
  () => new UserError(NOT_SUPPLIED),
);

export const closefd = failing(
  'closefd',
  'Close a file descriptor by its name.',
  struct('ClosefdArgs', { fdname: str }),
  ({ fdname }) => new UserError(`File descriptor named '${fdname}' not found`),
);

export const addFd = failing(
  'add-fd',
  'Put a file descriptor that came with the command into a set: none ever does.',
  struct('AddFdArgs', { 'fdset-id': optional(int), opaque: optional(str) }),
  () => new UserError(NOT_SUPPLIED),
  'AddfdInfo',
);

export const removeFd = failing(
  'remove-fd',
  'Take a file descriptor out of a set.',
  struct('RemoveFdArgs', { 'fdset-id': int, fd: optional(int) }),
  args => {
    const which = args.fd === undefined ? '' : `, fd:${args.fd}`;
    return new UserError(`File descriptor named 'fdset-id:${args['fdset-id']}${which}' not found`);
  },
);

export const queryFdsets = fixed(
  'query-fdsets',
  "['FdsetInfo']",
  'The sets of file descriptors: none.',
  [],
);

export const addClient = failing(
  'add_client',
  'Hand the connection of a client over.',
  struct('AddClientArgs', {
    protocol: str,
    fdname: str,
    skipauth: optional(bool),
    tls: optional(bool),
  }),
  ({ fdname }) => new UserError(`File descriptor named '${fdname}' has not been found`),
);

const PROTOCOLS = ['vnc', 'spice'];

/** There is no server for any protocol. */
function noServer(protocol: string, why: string): UserError {
  if (!PROTOCOLS.includes(protocol)) return new UserError("Invalid parameter 'protocol'");
  return protocol === 'spice' ? notActive('spice') : new UserError(why);
}

const CONNECTED = ['fail', 'disconnect', 'keep'];

export const setPassword = failing(
  'set_password',
  'Set the password of the VNC or SPICE server.',
  struct('SetPasswordArgs', { protocol: str, password: str, connected: optional(str) }),
  ({ protocol, connected = 'keep' }) =>
    CONNECTED.includes(connected)
      ? noServer(protocol, 'Could not set password')
      : new UserError("Invalid parameter 'connected'"),
);

export const expirePassword = failing(
  'expire_password',
  'Set when the password of the VNC or SPICE server ends.',
  struct('ExpirePasswordArgs', { protocol: str, time: str }),
  ({ protocol }) => noServer(protocol, 'Could not set password'),
);

export const changeVncPassword = failing(
  'change-vnc-password',
  'Set the password of the VNC server.',
  struct('VncPasswordArgs', { password: str }),
  () => new UserError('Could not set password'),
);

export const clientMigrateInfo = failing(
  'client_migrate_info',
  'Tell clients of the SPICE server where the guest goes.',
  struct('ClientMigrateArgs', {
    protocol: str,
    hostname: str,
    port: optional(int),
    'tls-port': optional(int),
    'cert-subject': optional(str),
  }),
  ({ protocol }) =>
    protocol === 'spice' ? notActive('spice') : new UserError("Invalid parameter 'protocol'"),
);

export const xenSetGlobalDirtyLog = nothing(
  'xen-set-global-dirty-log',
  'Nothing, without Xen.',
  struct('XenLogArgs', { enable: bool }),
);

export const xenSaveDevicesState = failing(
  'xen-save-devices-state',
  'Save the state of the devices as Xen wants it: not there.',
  struct('XenSaveArgs', { filename: str }),
  () => new UserError('this feature or command is not currently supported'),
);

export const rtcResetReinjection = nothing(
  'rtc-reset-reinjection',
  'Forget clock ticks that wait to be made up for: none ever do.',
  empty,
);

/** There are no trace points: a name is unknown, a pattern fits none. */
function checkEvent(name: string, mayBeMissing: boolean): void {
  if (mayBeMissing || name.includes('*')) return;
  throw new UserError(`unknown event "${name}"`);
}

export const traceEventGetState = command({
  name: 'trace-event-get-state',
  doc: 'Whether trace points are on: there are none.',
  args: struct('TraceGetArgs', { name: str }),
  returns: returned<readonly JsonObject[]>("['TraceEventInfo']"),
  run(_vm, { name }) {
    checkEvent(name, false);
    return [];
  },
});

export const traceEventSetState = action({
  name: 'trace-event-set-state',
  doc: 'Switch trace points on or off: there are none.',
  args: struct('TraceSetArgs', { name: str, enable: bool, 'ignore-unavailable': optional(bool) }),
  run(_vm, { name }) {
    checkEvent(name, false);
  },
});

export const cpuAdd = failing(
  'cpu-add',
  'Add a processor: there is one, and no room for more.',
  struct('CpuAddArgs', { id: int }),
  ({ id }) =>
    new UserError(
      id === 0
        ? 'Unable to add CPU: 0, it already exists'
        : `Unable to add CPU: ${id}, max allowed: 0`,
    ),
);
