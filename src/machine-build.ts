/**
 * Puts a machine together: clock, memory, processor and board from checked settings.
 */

import type { Clock } from './clock.ts';
import { Cpu } from './cpu/core.ts';
import type { CpuWiring } from './cpu/cpu.ts';
import type { CpuModel } from './cpu/models.ts';
import type { Events } from './events.ts';
import type { PcOptions } from './hw/board/options.ts';
import { Pc } from './hw/board/pc.ts';
import type { Inbox } from './inbox.ts';
import type { Log } from './log.ts';
import { Machine } from './machine.ts';
import { Memory } from './memory.ts';
import type { HostPace, PaceMode } from './pace.ts';
import { Ports } from './ports.ts';

/** Beside guest RAM: firmware, its shadow, option ROMs, video memory. */
const ARENA_EXTRA = 40 * 1024 * 1024;
/** The processor's address arithmetic holds the arena in 31 bits. */
export const MAX_LOW_RAM = 2 ** 31 - ARENA_EXTRA - 0x10000;
const TSC_HZ = 1_000_000_000n;

export interface MachineSettings {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly events: Events;
  readonly log: Log;
  readonly host: HostPace;
  readonly paceMode: PaceMode;
  readonly rebootEnds: boolean;
  readonly shutdownEnds: boolean;
  readonly board: Omit<PcOptions, 'clock' | 'inbox' | 'memory' | 'ports' | 'log'>;
  readonly model: CpuModel;
  readonly engine?: CpuWiring['engine'];
  /** Takes a line about why the machine ends by itself. */
  readonly complain: (line: string) => void;
}

export type PcMachine = Machine<Pc>;

export function buildMachine(settings: MachineSettings): PcMachine {
  const { clock, inbox, events, log, model } = settings;
  const memory = new Memory(Math.min(settings.board.ramSize, 0xe0000000) + ARENA_EXTRA);
  const ports = new Ports();
  const board = new Pc(
    { ...settings.board, hasApic: model.features.has('apic'), clock, inbox, memory, ports, log },
    {
      onReset: () => machine.requestReset(),
      onShutdown: () => machine.requestShutdown(),
      onSuspend: () => {},
      onTimeSet: offset => events.emit('RTC_CHANGE', { offset }),
      onDebugExit: status => machine.quit(status),
    },
  );
  const wiring: CpuWiring = {
    memory,
    ports,
    log,
    intr: board.intr,
    nmi: board.nmi,
    a20: board.a20,
    smi: board.smi,
    smiActive: board.i440fx.smm,
    ferr: board.ferr,
    ignne: board.ignne,
    acknowledge: () => board.acknowledge(),
    onApicBase: value => board.setApicBase(value),
    syncClock: () => clock.sync(),
    timeStamp: () => {
      clock.sync();
      return (BigInt(clock.nowNs) * TSC_HZ) / 1_000_000_000n;
    },
    engine: settings.engine,
    onTripleFault: why => {
      if (settings.rebootEnds) settings.complain(`${why}\n`);
      machine.requestReset();
    },
  };
  const cpu = new Cpu(wiring, model);
  board.input.vmport.registers = cpu;
  // The machine's reset at power-on, after the processor's own; `-d cpu_reset` shows both.
  cpu.reset();
  const machine: PcMachine = new Machine<Pc>({
    clock,
    inbox,
    memory,
    ports,
    cpu,
    board,
    events,
    log,
    host: settings.host,
    paceMode: settings.paceMode,
    rebootEnds: settings.rebootEnds,
    shutdownEnds: settings.shutdownEnds,
  });
  return machine;
}
