/**
 * What QEMU offers on its human monitor only, as internal commands: networks, pointers, sound
 * captures, injected errors, single steps. Where this machine has no such device, the answer is the
 * one of a QEMU that was built or started without it.
 */

import { HostError } from '../../disk-host.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { bool, empty, int, listOf, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Capture } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

export const acl = action({
  name: 'x-acl',
  doc: 'Look up an access control list: there is none.',
  args: struct('AclArgs', { aclname: str }),
  run(_vm, { aclname }) {
    throw new UserError(`acl: unknown list '${aclname}'`);
  },
});

export const hostNetAdd = action({
  name: 'x-host-net-add',
  doc: 'Connect a host network to a hub: there are no host networks.',
  args: struct('HostNetArgs', { device: str, opts: optional(str) }),
  run(_vm, { device }) {
    throw new UserError(`invalid host network device ${device}`);
  },
});

export const hostNetRemove = action({
  name: 'x-host-net-remove',
  doc: 'Take a host network off a hub.',
  args: struct('HostNetRemoveArgs', { hub: int, device: str }),
  run(_vm, { hub, device }) {
    throw new UserError(`Host network device '${device}' on hub '${hub}' not found`);
  },
});

const NO_USER_NETWORK = 'user mode network stack not in use\n';

/** One word is a rule; three are a hub, a name and a rule. */
function forwardAnswer(words: readonly string[]): string {
  if (words.length < 2) return NO_USER_NETWORK;
  const [hub, name] = words;
  return `unrecognized (vlan-id, stackname) pair (${hub}, ${name})\n`;
}

export const hostfwdAdd = command({
  name: 'x-hostfwd-add',
  doc: 'Forward a port of the host.',
  args: struct('ForwardArgs', { words: listOf(str) }),
  returns: returned<string>('str'),
  run: (_vm, { words }) => forwardAnswer(words),
});

export const hostfwdRemove = command({
  name: 'x-hostfwd-remove',
  doc: 'Forward a port of the host no longer.',
  args: struct('ForwardArgs', { words: listOf(str) }),
  returns: returned<string>('str'),
  run: (_vm, { words }) => forwardAnswer(words),
});

const MCE_BANKS = 10;

export const mce = action({
  name: 'x-mce',
  doc: 'Report a machine check to the guest.',
  args: struct('MceArgs', { cpu: int, bank: int, valid: bool }),
  run(_vm, { cpu, bank, valid }) {
    if (cpu !== 0) return;
    if (bank < 0 || bank >= MCE_BANKS) throw new UserError('Invalid MCE bank number');
    if (!valid) throw new UserError('Invalid MCE status code');
    throw new UserError('MCE injection not supported');
  },
});

export const mouseSet = action({
  name: 'x-mouse-set',
  doc: 'Choose the pointing device that gets events.',
  args: struct('MouseSetArgs', { index: int }),
  run(vm, { index }) {
    if (vm.panel.chooseMouse(index)) return;
    throw new UserError(`Mouse at index '${index | 0}' not found`);
  },
});

export const pcieAerInjectError = action({
  name: 'x-pcie-aer-inject-error',
  doc: 'Report an error of a PCI Express device: there are no such devices.',
  args: struct('AerArgs', { id: str }),
  run(_vm, { id }) {
    throw new UserError(`id or pci device path is invalid or device not found. ${id}`);
  },
});

export const singlestep = action({
  name: 'x-singlestep',
  doc: 'Translate one instruction at a time: shown by query-status, the guest cannot tell.',
  args: struct('SinglestepArgs', { enable: bool }),
  run(vm, { enable }) {
    vm.settings.singlestep = enable;
  },
});

export const gdbserver = command({
  name: 'x-gdbserver',
  doc: 'Let a debugger connect: not there yet.',
  args: struct('GdbArgs', { device: str }),
  returns: returned<string>('str'),
  run(_vm, { device }) {
    if (device === 'none') return 'Disabled gdbserver\n';
    return `Could not open gdbserver on device '${device}'\n`;
  },
});

/** As -watchdog-action has them. */
const WATCHDOG_ACTIONS = ['reset', 'shutdown', 'poweroff', 'pause', 'debug', 'none'];

export const watchdogAction = action({
  name: 'x-watchdog-action',
  doc: 'What happens when a watchdog barks.',
  args: struct('WatchdogArgs', { action: str }),
  run(vm, { action }) {
    if (!WATCHDOG_ACTIONS.includes(action)) {
      throw new UserError(`Unknown watchdog action '${action}'`);
    }
    vm.settings.watchdogAction = action;
  },
});

const WAV_HEADER_SIZE = 44;

/** A RIFF header of a file without samples. */
function wavHeader({ freq, bits, nchannels }: Capture): Uint8Array {
  const header = new Uint8Array(WAV_HEADER_SIZE);
  const view = new DataView(header.buffer);
  const word = (at: number, text: string): void => {
    for (let i = 0; i < 4; i++) header[at + i] = text.charCodeAt(i);
  };
  const frame = (nchannels * bits) / 8;
  word(0, 'RIFF');
  view.setUint32(4, WAV_HEADER_SIZE - 8, true);
  word(8, 'WAVE');
  word(12, 'fmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, nchannels, true);
  view.setUint32(24, freq, true);
  view.setUint32(28, freq * frame, true);
  view.setUint16(32, frame, true);
  view.setUint16(34, bits, true);
  word(36, 'data');
  return header;
}

function notAdded(why: string): UserError {
  return new UserError(`${why}\nFailed to add wave capture`);
}

export const wavcapture = action({
  name: 'x-wavcapture',
  doc: 'Record sound: nothing sounds here, so the file has a header and no samples.',
  args: struct('WavArgs', { path: str, freq: int, bits: int, nchannels: int }),
  async run(vm, capture) {
    const { path, bits, nchannels } = capture;
    if (bits !== 8 && bits !== 16) {
      throw notAdded(`incorrect bit count ${bits}, must be 8 or 16`);
    }
    if (nchannels !== 1 && nchannels !== 2) {
      throw notAdded(`incorrect channel count ${nchannels}, must be 1 or 2`);
    }
    try {
      await vm.host.writeFile(path, [wavHeader(capture)]);
    } catch (error) {
      if (!(error instanceof UserError || error instanceof HostError)) throw error;
      const reason = error.message.replace(/^.*: /, '');
      throw notAdded(`Failed to open wave file \`${path}'\nReason: ${reason}`);
    }
    vm.settings.captures.unshift(capture);
  },
});

export const stopcapture = action({
  name: 'x-stopcapture',
  doc: 'End a recording; nothing happens when there is none of that number.',
  args: struct('StopCaptureArgs', { index: int }),
  run(vm, { index }) {
    if (index >= 0) vm.settings.captures.splice(index, 1);
  },
});

export const captures = command({
  name: 'x-captures',
  doc: 'Recordings under way.',
  args: empty,
  returns: returned<readonly JsonObject[]>("['Capture']"),
  run: vm => vm.settings.captures.map(item => ({ ...item, bytes: 0 })),
});
