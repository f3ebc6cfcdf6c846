import { expect, test } from 'vitest';
import { Clock } from '../src/clock.ts';
import type { CpuCore, RunResult } from '../src/cpu/cpu.ts';
import { Events } from '../src/events.ts';
import { Inbox } from '../src/inbox.ts';
import { Log } from '../src/log.ts';
import { type Board, Machine } from '../src/machine.ts';
import { Memory } from '../src/memory.ts';
import type { PaceMode } from '../src/pace.ts';
import { Ports } from '../src/ports.ts';
import { InstantHost } from './support/instant-host.ts';

/** A processor that counts, and does what a test says at given instructions. */
class ScriptedCpu implements CpuCore {
  instructions = 0;
  halted = false;
  resets = 0;
  pc = 0;
  readonly codeSize = 32;
  readonly budgets: number[] = [];
  readonly script = new Map<number, () => void>();
  private mustExit = false;

  run(budget: number): RunResult {
    this.budgets.push(budget);
    this.mustExit = false;
    for (let left = budget; left > 0; left--) {
      this.instructions++;
      this.script.get(this.instructions)?.();
      if (this.halted) return 'halted';
      if (this.mustExit) return 'exit';
    }
    return 'budget';
  }
  requestExit(): void {
    this.mustExit = true;
  }
  reset(): void {
    this.resets++;
    this.halted = false;
  }
  save() {
    return { instructions: this.instructions };
  }
  load(): void {}
  pagingText(): string {
    return '';
  }
  registersText = () => '';
  register = () => undefined;
  general = () => 0;
  setGeneral(): void {}
  dumpNotes = () => new Uint8Array();
  translate = (linear: number) => linear;
}

class EmptyBoard implements Board {
  resets = 0;
  presses = 0;
  reset(): void {
    this.resets++;
  }
  powerButton(): void {
    this.presses++;
  }
  readonly devices = new Map();
  save = () => ({});
  load(): void {}
}

function powerOn(options: { mode?: PaceMode; rebootEnds?: boolean; shutdownEnds?: boolean } = {}) {
  const clock = new Clock();
  const cpu = new ScriptedCpu();
  const host = new InstantHost();
  const events = new Events();
  const heard: string[] = [];
  events.listen(event => heard.push(event.name));
  const machine = new Machine({
    clock,
    cpu,
    host,
    events,
    inbox: new Inbox(clock),
    memory: new Memory(0x10000),
    ports: new Ports(),
    board: new EmptyBoard(),
    log: new Log(),
    paceMode: options.mode ?? { kind: 'counted', shift: 3, sleep: false },
    rebootEnds: options.rebootEnds ?? false,
    shutdownEnds: options.shutdownEnds ?? true,
  });
  return { machine, clock, cpu, host, heard };
}

test('starts in prelaunch, runs nothing until cont', async () => {
  const { machine, cpu, heard } = powerOn();
  machine.inbox.post(() => machine.quit(3));
  expect(await machine.power()).toBe(3);
  expect([machine.runState, cpu.instructions, heard]).toEqual(['prelaunch', 0, []]);
});

test('counted time: a timer fires at exactly its instruction', async () => {
  const { machine, clock, cpu } = powerOn();
  const seen: number[] = [];
  const timer = clock.timer('t', () => {
    seen.push(cpu.instructions, clock.nowNs);
    machine.quit();
  });
  timer.arm(8 * 1000);
  machine.cont();
  await machine.power();
  expect(seen).toEqual([1000, 8000]);
});

test('counted time: a device that arms a timer inside a slice shortens the slice', async () => {
  const { machine, clock, cpu } = powerOn();
  const seen: number[] = [];
  const timer = clock.timer('t', () => {
    seen.push(cpu.instructions);
    machine.quit();
  });
  cpu.script.set(100, () => {
    clock.sync();
    timer.arm(clock.nowNs + 80);
  });
  machine.cont();
  await machine.power();
  expect(seen).toEqual([110]);
});

test('a halted processor jumps to the next deadline and goes on', async () => {
  const { machine, clock, cpu } = powerOn();
  cpu.script.set(10, () => {
    cpu.halted = true;
  });
  clock
    .timer('wake', () => {
      cpu.halted = false;
    })
    .arm(1_000_000);
  cpu.script.set(11, () => machine.quit());
  machine.cont();
  await machine.power();
  expect(clock.nowNs).toBe(1_000_008);
});

test('stop and cont tell their events once and keep virtual time still', async () => {
  const { machine, clock, cpu, host, heard } = powerOn({ mode: { kind: 'live' } });
  cpu.script.set(5, () => host.spend(1000));
  machine.inbox.post(() => {
    machine.cont();
    machine.cont();
  });
  cpu.script.set(6, () => {
    machine.inbox.post(() => {
      machine.stop();
      machine.stop();
      host.spend(5_000_000);
      machine.cont();
      machine.quit();
    });
    cpu.requestExit();
  });
  await machine.power();
  expect(heard).toEqual(['RESUME', 'STOP', 'RESUME']);
  expect(clock.nowNs).toBe(1000);
});

test('a guest that stands still gets no instruction, but arrivals are delivered', async () => {
  const { machine, cpu, heard } = powerOn();
  const seen: number[] = [];
  machine.cont();
  machine.inbox.post(() => {
    void machine.standing(async () => {
      for (let turn = 0; turn < 3; turn++) {
        await new Promise<void>(resolve => machine.inbox.post(resolve));
        seen.push(cpu.instructions);
      }
      cpu.script.set(cpu.instructions + 5, () => machine.quit());
    });
  });
  await machine.power();
  expect([seen, cpu.instructions, heard]).toEqual([[0, 0, 0], 5, ['RESUME']]);
});

test('however much fifty clients ask for, the guest has half of the time', async () => {
  const { machine, cpu, host } = powerOn({ mode: { kind: 'live' } });
  const spent = { guest: 0, clients: 0 };
  cpu.run = () => {
    host.spend(300_000);
    spent.guest += 300_000;
    cpu.instructions += 1000;
    return 'budget';
  };
  const served: number[] = new Array(50).fill(0);
  const ask = (client: number): void => {
    host.spend(100_000);
    spent.clients += 100_000;
    served[client]++;
    if (spent.clients >= 100_000_000) machine.quit();
    else machine.inbox.post(() => ask(client));
  };
  for (const client of served.keys()) machine.inbox.post(() => ask(client));
  machine.cont();
  await machine.power();
  expect(spent.guest / spent.clients).toBeGreaterThan(0.9);
  expect([Math.min(...served), Math.max(...served)]).toEqual([20, 20]);
});

test('while the guest does not run, clients have all of the time', async () => {
  const { machine, host } = powerOn();
  let asked = 0;
  const ask = (): void => {
    host.spend(1_000_000);
    if (++asked === 100) machine.quit();
    else machine.inbox.post(ask);
  };
  machine.inbox.post(ask);
  await machine.power();
  expect(host.nowNs()).toBe(100_000_000);
});

test('a reset hits board and processor between instructions; with -no-reboot it ends', async () => {
  const first = powerOn();
  first.cpu.script.set(7, () => first.machine.requestReset());
  first.cpu.script.set(8, () => first.machine.quit());
  first.machine.cont();
  await first.machine.power();
  expect([first.cpu.resets, first.machine.board.resets, first.heard]).toEqual([
    1,
    1,
    ['RESUME', 'RESET'],
  ]);
  const second = powerOn({ rebootEnds: true });
  second.cpu.script.set(7, () => second.machine.requestReset());
  second.machine.cont();
  expect(await second.machine.power()).toBe(0);
  expect([second.cpu.resets, second.cpu.instructions]).toEqual([0, 7]);
});

test('power off ends the program, or with -no-shutdown waits for a reset', async () => {
  const { machine, cpu, heard } = powerOn({ shutdownEnds: false });
  cpu.script.set(7, () => machine.requestShutdown());
  machine.cont();
  const states: string[] = [];
  machine.events.listen(event => {
    if (event.name !== 'STOP') return;
    machine.inbox.post(() => {
      states.push(machine.runState);
      expect(() => machine.cont()).toThrow('Resetting the Virtual Machine is required');
      machine.requestReset();
      machine.inbox.post(() => {
        states.push(machine.runState);
        machine.quit();
      });
    });
  });
  await machine.power();
  expect(states).toEqual(['shutdown', 'paused']);
  expect(heard).toEqual(['RESUME', 'SHUTDOWN', 'STOP', 'RESET']);
});

test('disk work in counted time completes at the same instruction, fast host or slow', async () => {
  const run = async (delays: number): Promise<number> => {
    const { machine, cpu } = powerOn();
    let at = 0;
    cpu.script.set(50, () => {
      machine.clock.sync();
      const promise = (async () => {
        for (let i = 0; i < delays; i++) await new Promise(resolve => setImmediate(resolve));
      })();
      machine.inbox.expect(
        { label: 'read', durationNs: 80_000, promise },
        () => {
          at = cpu.instructions;
          machine.quit();
        },
        () => {},
      );
      cpu.requestExit();
    });
    machine.cont();
    await machine.power();
    return at;
  };
  expect([await run(0), await run(40)]).toEqual([10_050, 10_050]);
});
