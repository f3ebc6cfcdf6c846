/**
 * All commands, in the order of query-commands: the newest of QEMU's first. Internal ones follow.
 */

import type { Command } from '../command.ts';
import * as block from './block.ts';
import * as jobs from './block-jobs.ts';
import * as chardev from './chardev.ts';
import * as devices from './devices.ts';
import * as encryption from './encryption.ts';
import * as human from './human.ts';
import * as input from './input.ts';
import * as memory from './memory.ts';
import * as query from './query.ts';
import * as run from './run.ts';
import * as snapshots from './snapshots.ts';

const COMMANDS: readonly Command[] = [
  query.queryNamedBlockNodes,
  block.blockdevAdd,
  chardev.chardevRemove,
  chardev.chardevAdd,
  query.queryTarget,
  query.queryBlockJobs,
  query.queryBalloon,
  query.queryUuid,
  query.queryName,
  query.queryMice,
  query.queryStatus,
  query.queryKvm,
  query.queryPci,
  query.queryIothreads,
  query.queryCpus,
  query.queryBlockstats,
  query.queryBlock,
  query.queryChardevBackends,
  query.queryChardev,
  query.queryEvents,
  query.queryCommands(() => COMMANDS),
  query.queryVersion,
  run.humanMonitorCommand,
  query.qmpCapabilities,
  block.blockSetIoThrottle,
  encryption.blockPasswd,
  jobs.driveMirror,
  jobs.blockdevSnapshotDeleteInternalSync,
  jobs.blockdevSnapshotInternalSync,
  jobs.blockdevSnapshotSync,
  jobs.transaction,
  jobs.blockJobComplete,
  jobs.blockJobResume,
  jobs.blockJobPause,
  jobs.blockJobCancel,
  jobs.blockJobSetSpeed,
  jobs.driveBackup,
  jobs.blockCommit,
  jobs.blockStream,
  block.blockResize,
  chardev.ringbufRead,
  chardev.ringbufWrite,
  run.injectNmi,
  memory.pmemsave,
  memory.memsave,
  run.cpu,
  input.sendKey,
  devices.deviceDel,
  devices.deviceAdd,
  run.systemPowerdown,
  run.systemReset,
  run.systemWakeup,
  run.cont,
  run.stop,
  block.change,
  block.eject,
  run.quit,
  run.bootSet,
  query.infoText,
  query.completePath,
  query.register,
  query.logItems,
  query.logFile,
  memory.readMemory,
  memory.sumMemory,
  memory.disassemble,
  memory.readPort,
  memory.writePort,
  input.keyNames,
  chardev.chardevAddOptions,
  encryption.missingKeys,
  block.driveAdd,
  block.driveDel,
  block.commit,
  block.qemuIo,
  human.acl,
  human.hostNetAdd,
  human.hostNetRemove,
  human.hostfwdAdd,
  human.hostfwdRemove,
  human.mce,
  human.mouseSet,
  human.pcieAerInjectError,
  human.singlestep,
  human.gdbserver,
  human.watchdogAction,
  human.wavcapture,
  human.stopcapture,
  human.captures,
  devices.usbAdd,
  devices.usbDel,
  devices.deviceHelp,
  snapshots.savevm,
  snapshots.loadvm,
  snapshots.delvm,
  snapshots.snapshots,
];

/** The commands of this run. */
export function commandsFor(encryptedImages: 'refuse' | 'legacy'): readonly Command[] {
  if (encryptedImages === 'legacy') return COMMANDS;
  const list: readonly Command[] = COMMANDS.filter(item => item.name !== 'block_passwd').map(
    item => (item.name === 'query-commands' ? query.queryCommands(() => list) : item),
  );
  return list;
}
