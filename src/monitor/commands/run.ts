/** Commands that start, stop, reset and end the machine. */

import { UserError } from '../../error.ts';
import { empty, int, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';

export const stop = action({
  name: 'stop',
  doc: 'Stop the machine. Nothing happens when it is not running.',
  args: empty,
  run(vm) {
    vm.machine.stop();
  },
});

export const cont = action({
  name: 'cont',
  doc: 'Let the machine run, or go on.',
  args: empty,
  run(vm) {
    vm.machine.cont();
  },
});

export const systemReset = action({
  name: 'system_reset',
  doc: 'Reset the machine.',
  args: empty,
  run(vm) {
    vm.machine.requestReset();
  },
});

export const systemPowerdown = action({
  name: 'system_powerdown',
  doc: 'Press the power button; the guest decides what follows.',
  args: empty,
  run(vm) {
    // After the reply, as the event that follows it.
    vm.machine.inbox.post(() => vm.machine.powerdown());
  },
});

export const systemWakeup = action({
  name: 'system_wakeup',
  doc: 'Wake the guest from suspend. Nothing happens when it is not suspended.',
  args: empty,
  run() {},
});

export const quit = action({
  name: 'quit',
  doc: 'End the program with status 0.',
  args: empty,
  run(vm) {
    vm.machine.quit(0);
  },
});

export const injectNmi = action({
  name: 'inject-nmi',
  doc: 'Raise a non-maskable interrupt.',
  args: empty,
  run(vm) {
    vm.panel.nmi();
  },
});

export const cpu = action({
  name: 'cpu',
  doc: 'Choose the processor that other commands are about.',
  args: struct('CpuArgs', { index: int }),
  run(_vm, { index }) {
    if (index !== 0) throw new UserError("Parameter 'index' expects a CPU number");
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

export const bootSet = action({
  name: 'x-boot-set',
  doc: 'Choose the order of boot devices.',
  args: struct('BootArgs', { order: str }),
  run(vm, { order }) {
    checkBootOrder(order);
    vm.panel.setBootOrder(order);
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
