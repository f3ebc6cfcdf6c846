/** Commands that start, stop, reset and end the machine. */

import { UserError } from '../../error.ts';
import { empty, int, optional, returned, str, struct } from '../../schema.ts';
import { command, NOTHING } from '../command.ts';

export const stop = command({
  name: 'stop',
  doc: 'Stop the machine. Nothing happens when it is not running.',
  args: empty,
  returns: empty,
  run(vm) {
    vm.machine.stop();
    return NOTHING;
  },
});

export const cont = command({
  name: 'cont',
  doc: 'Let the machine run, or go on.',
  args: empty,
  returns: empty,
  run(vm) {
    vm.machine.cont();
    return NOTHING;
  },
});

export const systemReset = command({
  name: 'system_reset',
  doc: 'Reset the machine.',
  args: empty,
  returns: empty,
  run(vm) {
    vm.machine.requestReset();
    return NOTHING;
  },
});

export const systemPowerdown = command({
  name: 'system_powerdown',
  doc: 'Press the power button; the guest decides what follows.',
  args: empty,
  returns: empty,
  run(vm) {
    // After the reply, as the event that follows it.
    vm.machine.inbox.post(() => vm.machine.powerdown());
    return NOTHING;
  },
});

export const systemWakeup = command({
  name: 'system_wakeup',
  doc: 'Wake the guest from suspend. Nothing happens when it is not suspended.',
  args: empty,
  returns: empty,
  run() {
    return NOTHING;
  },
});

export const quit = command({
  name: 'quit',
  doc: 'End the program with status 0.',
  args: empty,
  returns: empty,
  run(vm) {
    vm.machine.quit(0);
    return NOTHING;
  },
});

export const injectNmi = command({
  name: 'inject-nmi',
  doc: 'Raise a non-maskable interrupt.',
  args: empty,
  returns: empty,
  run(vm) {
    vm.panel.nmi();
    return NOTHING;
  },
});

export const cpu = command({
  name: 'cpu',
  doc: 'Choose the processor that other commands are about.',
  args: struct('CpuArgs', { index: int }),
  returns: empty,
  run(_vm, { index }) {
    if (index !== 0) throw new UserError("Parameter 'index' expects a CPU number");
    return NOTHING;
  },
});

export const humanMonitorCommand = command({
  name: 'human-monitor-command',
  doc: 'Run a line of the human monitor; returns what it prints.',
  args: struct('HumanArgs', { 'command-line': str, 'cpu-index': optional(int) }),
  returns: returned<string>('str'),
  async run(vm, args) {
    const index = args['cpu-index'];
    if (index !== undefined && index !== 0) {
      throw new UserError("Parameter 'cpu-index' expects a CPU number");
    }
    const text = (await vm.human?.(args['command-line'])) ?? '';
    return text.replaceAll('\n', '\r\n');
  },
});

export const bootSet = command({
  name: 'x-boot-set',
  doc: 'Choose the order of boot devices.',
  args: struct('BootArgs', { order: str }),
  returns: empty,
  run(vm, { order }) {
    checkBootOrder(order);
    vm.panel.setBootOrder(order);
    return NOTHING;
  },
});

/** Letters a to p, each once. */
export function checkBootOrder(order: string): void {
  let seen = '';
  for (const letter of order) {
    if (letter < 'a' || letter > 'p') throw new UserError(`Invalid boot device '${letter}'`);
    if (seen.includes(letter)) {
      throw new UserError(`Boot device '${letter}' was given twice`);
    }
    seen += letter;
  }
}
