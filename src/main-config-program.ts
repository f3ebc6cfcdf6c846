/**
 * Options about the program rather than the machine: its pid file, doors for viewers and debuggers,
 * accelerators, watchdogs, ROMs beside the firmware.
 *
 * Not there: VNC, the debugger's door, watchdog devices. The answers are those of a QEMU that was
 * built without them.
 */

import type { Occurrence } from './command-line.ts';
import { UserError } from './error.ts';
import { CommandLineError } from './options.ts';

export interface ProgramSettings {
  pidFile: string | undefined;
  singlestep: boolean;
  watchdogAction: string;
  readonly optionRoms: string[];
}

export const WATCHDOG_ACTIONS = ['reset', 'shutdown', 'poweroff', 'pause', 'debug', 'none'];

const NO_LOCATION = null;

function readWatchdogAction(settings: ProgramSettings, { argument }: Occurrence): void {
  if (!WATCHDOG_ACTIONS.includes(argument)) {
    throw new CommandLineError('Unknown -watchdog-action parameter', NO_LOCATION);
  }
  settings.watchdogAction = argument;
}

const FIRST_VNC_PORT = 5900;

/** Wrong addresses are told apart from the right ones, which nobody serves. */
function readVnc(_settings: ProgramSettings, { argument }: Occurrence): void {
  const [address] = argument.split(',');
  if (address === 'none') return;
  const display = /^[^:]*:([0-9]+)$/.exec(address)?.[1];
  const failed = "Failed to start VNC server on `(null)'";
  if (display === undefined && !address.startsWith('unix:')) {
    throw new UserError(`${failed}: error parsing address '${address}'`);
  }
  if (display !== undefined && Number(display) + FIRST_VNC_PORT > 65535) {
    throw new UserError(`${failed}: port ${display} out of range`);
  }
  throw new CommandLineError('VNC support is disabled', NO_LOCATION);
}

/** What is no character device at all ends the program without a word, as in 2.2.50. */
function readGdb(_settings: ProgramSettings, { argument }: Occurrence): void {
  if (argument === 'none') return;
  const isDevice = /^(tcp|udp|telnet|unix|file|pipe|fd):|^\/dev\/|^(stdio|null|pty|vc)$/;
  const text = `Could not open gdbserver on device '${argument}'`;
  throw new CommandLineError(isDevice.test(argument) ? text : '', NO_LOCATION);
}

type Reader = (settings: ProgramSettings, option: Occurrence) => void;

export const PROGRAM_READERS: { readonly [name: string]: Reader } = {
  pidfile: (settings, { argument }) => {
    settings.pidFile = argument;
  },
  singlestep: settings => {
    settings.singlestep = true;
  },
  'enable-kvm': () => {
    throw new CommandLineError('"kvm" accelerator not found.\nNo accelerator found!', NO_LOCATION);
  },
  watchdog: () => {
    const text = 'Unknown -watchdog device. Supported devices are:';
    throw new CommandLineError(text, NO_LOCATION);
  },
  'watchdog-action': readWatchdogAction,
  vnc: readVnc,
  gdb: readGdb,
  s: (settings, option) => readGdb(settings, { ...option, argument: 'tcp::1234' }),
  'option-rom': (settings, { argument }) => {
    settings.optionRoms.push(argument.replace(/^romfile=/, '').split(',')[0]);
  },
};
