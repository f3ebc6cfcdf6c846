/** Commands that only look. */

import { CHAR_BACKENDS } from '../../chardev-spec.ts';
import { HostError } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { parseLogItems } from '../../log.ts';
import { bool, empty, enumeration, optional, returned, str, struct } from '../../schema.ts';
import { action, type Command, command } from '../command.ts';
import { EVENT_TABLE } from '../event-table.ts';
import { QEMU_VERSION } from '../version.ts';
import { TOPICS } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

/** A query without arguments that is answered at once. */
function query(
  name: string,
  type: string,
  doc: string,
  run: (vm: Parameters<Command['invoke']>[0]) => Json | Promise<Json>,
): Command {
  return command({ name, doc, args: empty, returns: returned<Json>(type), run });
}

export const queryStatus = query(
  'query-status',
  'StatusInfo',
  'Whether the machine runs, and if not, why.',
  vm => {
    const status = vm.machine.runState;
    return { running: status === 'running', singlestep: vm.settings.singlestep, status };
  },
);

export const queryVersion = query(
  'query-version',
  'VersionInfo',
  'The version of QEMU whose behaviour this is.',
  () => QEMU_VERSION,
);

export const queryName = query(
  'query-name',
  'NameInfo',
  "The guest's name.",
  (vm): JsonObject => (vm.name === undefined ? {} : { name: vm.name }),
);

export const queryUuid = query('query-uuid', 'UuidInfo', "The machine's UUID.", vm => ({
  UUID: vm.uuid,
}));

export const queryKvm = query(
  'query-kvm',
  'KvmInfo',
  'Whether the host processor runs the guest: never.',
  () => ({ enabled: false, present: true }),
);

export const queryTarget = query(
  'query-target',
  'TargetInfo',
  'The architecture that is emulated.',
  () => ({ arch: 'x86_64' }),
);

export const queryCpus = query('query-cpus', "['CpuInfo']", 'The processors.', vm => {
  const { cpu } = vm.machine;
  return [{ CPU: 0, current: true, halted: cpu.halted, pc: cpu.pc, thread_id: vm.host.threadId }];
});

export const queryPci = query('query-pci', "['PciInfo']", 'The PCI buses and their devices.', vm =>
  vm.panel.queryPci(),
);

export const queryMice = query('query-mice', "['MouseInfo']", 'The pointing devices.', vm =>
  vm.panel.queryMice(),
);

export const queryBlock = query('query-block', "['BlockInfo']", 'The drives and their media.', vm =>
  vm.drives.query(),
);

export const queryBlockstats = command({
  name: 'query-blockstats',
  doc: 'What the drives have done.',
  args: struct('BlockstatsArgs', { 'query-nodes': optional(bool) }),
  returns: returned<Json>("['BlockStats']"),
  run: vm => vm.drives.queryStats(),
});

export const queryNamedBlockNodes = query(
  'query-named-block-nodes',
  "['BlockDeviceInfo']",
  'Images that were given names of their own.',
  vm => vm.drives.queryNodes(),
);

export const queryBlockJobs = query(
  'query-block-jobs',
  "['BlockJobInfo']",
  'Block jobs under way.',
  vm => vm.drives.queryJobs(),
);

export const queryChardev = query(
  'query-chardev',
  "['ChardevInfo']",
  'The character devices.',
  vm =>
    vm.chars.list().map(({ label, char }) => ({
      label,
      filename: char.filename,
      'frontend-open': char.hasFrontend,
    })),
);

export const queryChardevBackends = query(
  'query-chardev-backends',
  "['ChardevBackendInfo']",
  'The kinds of character devices there are.',
  () => CHAR_BACKENDS.map(name => ({ name })),
);

export const queryEvents = query('query-events', "['EventInfo']", 'The events there are.', () =>
  EVENT_TABLE.map(({ name }) => ({ name })),
);

/** `query-commands` lists the commands it is given, itself among them. */
export function queryCommands(list: () => readonly Command[]): Command {
  return query('query-commands', "['CommandInfo']", 'The commands there are.', () =>
    list()
      .filter(item => !item.isInternal)
      .map(item => ({ name: item.name })),
  );
}

export const infoText = command({
  name: 'x-info',
  doc: 'A text about the machine, as the human monitor shows it.',
  args: struct('InfoArgs', { topic: enumeration('Topic', TOPICS) }),
  returns: returned<string>('str'),
  run(vm, { topic }) {
    if (topic === 'registers') return vm.machine.cpu.registersText();
    return vm.panel.show(topic) ?? '';
  },
});

export const completePath = command({
  name: 'x-complete-path',
  doc: 'File names that begin so.',
  args: struct('PathArgs', { prefix: str }),
  returns: returned<readonly string[]>("['str']"),
  run: (vm, { prefix }) => vm.host.completePath(prefix),
});

export const register = command({
  name: 'x-register',
  doc: 'A register for expressions, in decimal; absent when there is none of that name.',
  args: struct('RegisterArgs', { name: str }),
  returns: returned<JsonObject>('RegisterInfo'),
  run(vm, { name }): JsonObject {
    const value = vm.machine.cpu.register(name);
    return value === undefined ? {} : { value: value.toString() };
  },
});

export const logItems = command({
  name: 'x-log',
  doc: 'Choose what is logged: a list of items, or none.',
  args: struct('LogArgs', { items: str }),
  returns: returned<JsonObject>('LogInfo'),
  run(vm, { items }) {
    const known = items === 'none' ? [] : parseLogItems(items);
    if (known !== undefined) vm.log.enable(known);
    return { known: known !== undefined };
  },
});

export const logFile = action({
  name: 'x-logfile',
  doc: 'Choose the file that logs go to.',
  args: struct('LogfileArgs', { filename: str }),
  run(vm, { filename }) {
    try {
      vm.host.setLogFile(filename);
    } catch (error) {
      throw error instanceof HostError ? new UserError(`${filename}: ${error.message}`) : error;
    }
  },
});

/** Listed among the commands; each connection answers it itself, once. */
export const qmpCapabilities = action({
  name: 'qmp_capabilities',
  doc: 'Leave negotiation: other commands are accepted from now on.',
  args: empty,
  run() {
    throw new UserError('The command qmp_capabilities has not been found', 'CommandNotFound');
  },
});
