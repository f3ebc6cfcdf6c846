/**
 * One PC: its clock, memory, processor, board and drives, and the loop that runs them:
 * deliver the inbox, run the CPU until the next deadline, advance the clock, repeat; or sleep.
 *
 * When each call is legal: `power` once; `stop`, `cont`, `reset`, `powerdown`, `quit` at any time,
 * between instructions (from the inbox or from a timer), never from inside a device access.
 */

import type { Clock } from './clock.ts';
import type { CpuCore } from './cpu/cpu.ts';
import { UserError } from './error.ts';
import type { Events } from './events.ts';
import { Hash } from './hash.ts';
import type { Inbox } from './inbox.ts';
import type { Log } from './log.ts';
import type { Memory } from './memory.ts';
import type { HostPace, PaceMode } from './pace.ts';
import { Pace } from './pace.ts';
import type { Ports } from './ports.ts';
import { checkTransition, NEEDS_RESET, type RunState } from './run-state.ts';
import { type Plain, StateError } from './state.ts';

/** What the loop needs of a board; `hw/board/pc.ts` is the one there is. */
export interface Board {
  reset(): void;
  /** The power button, as ACPI sees it. */
  powerButton(): void;
  /** Every device's state by id. */
  save(): { readonly [id: string]: Plain };
  /** Throws StateError. */
  load(state: { readonly [id: string]: Plain }): void;
  /** By id, in the order of their states. */
  readonly devices: ReadonlyMap<string, { readonly stateVersion: number }>;
}

/** As `Machine.save` gives it. */
export type MachineState = {
  readonly nowNs: number;
  readonly cpu: Plain;
  readonly devices: { readonly [id: string]: Plain };
};

/** What comes from outside is delivered for so long at once. */
const TURN_NS = 2_000_000;
/** One delivery that took very long is none of the others' fault. */
const MOST_OWED_NS = 10_000_000;

export interface MachineParts<B extends Board> {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly memory: Memory;
  readonly ports: Ports;
  readonly cpu: CpuCore;
  readonly board: B;
  readonly events: Events;
  readonly log: Log;
  readonly host: HostPace;
  readonly paceMode: PaceMode;
  /** -no-reboot: a reset ends the program. -no-shutdown: powering off only stops the machine. */
  readonly rebootEnds: boolean;
  readonly shutdownEnds: boolean;
}

export class Machine<B extends Board = Board> {
  readonly clock: Clock;
  readonly inbox: Inbox;
  readonly memory: Memory;
  readonly ports: Ports;
  readonly cpu: CpuCore;
  readonly board: B;
  readonly events: Events;
  readonly log: Log;
  /** Asked before `cont` starts the machine; throws when something (a key) is missing. */
  beforeCont: () => void = () => {};
  private readonly pace: Pace;
  private state: RunState = 'prelaunch';
  /** What `cont` asked for while the machine waits for its state from another. */
  runsAfterIncoming = false;
  private exitStatus: number | undefined;
  /** Above 0 while somebody has the machine to himself. */
  private holdCount = 0;
  /** Above 0 while the guest is not to get on. */
  private standCount = 0;
  private resetRequested = false;
  private shutdownRequested = false;
  /** Host time that went to the world outside and that the guest has not had since. */
  private owedNs = 0;

  constructor(private readonly parts: MachineParts<B>) {
    ({
      clock: this.clock,
      inbox: this.inbox,
      memory: this.memory,
      ports: this.ports,
      cpu: this.cpu,
      board: this.board,
      events: this.events,
      log: this.log,
    } = parts);
    this.pace = new Pace(parts.paceMode, parts.host);
    this.inbox.holding = parts.paceMode.kind === 'counted';
    this.inbox.onArrival = () => parts.host.wake();
    this.clock.setSource(
      () => (this.state === 'running' ? this.pace.nowNs(this.cpu.instructions) : 0),
      () => this.cpu.requestExit(),
    );
  }

  get runState(): RunState {
    return this.state;
  }

  /** Starts, or goes on. Silent when it runs already. */
  cont(): void {
    if (NEEDS_RESET.includes(this.state)) {
      throw new UserError('Resetting the Virtual Machine is required');
    }
    if (this.state === 'running' || this.state === 'suspended') return;
    this.beforeCont();
    if (this.state === 'inmigrate') this.runsAfterIncoming = true;
    else this.start();
  }

  /** Runs, whatever speaks against it. */
  start(): void {
    this.enter('running');
    this.pace.begin(this.clock.nowNs, this.cpu.instructions);
    this.events.emit('RESUME');
    this.parts.host.wake();
  }

  /** Stops a running machine; in every other state nothing happens. */
  stop(next: RunState = 'paused'): void {
    if (this.state !== 'running') return;
    this.clock.sync();
    this.enter(next);
    this.events.emit('STOP');
  }

  /** Goes from one state in which it does not run to another. */
  rest(next: RunState): void {
    this.enter(next);
  }

  /**
   * Runs `work` with the machine as it stands: nothing from outside is delivered meanwhile, and
   * what the machine itself had under way is done before.
   */
  async exclusive<T>(work: () => Promise<T>): Promise<T> {
    this.holdCount++;
    try {
      await this.inbox.drain();
      return await work();
    } finally {
      this.holdCount--;
      this.parts.host.wake();
    }
  }

  /** Runs `work` with the guest standing still. Unlike in `exclusive`, others are served. */
  async standing<T>(work: () => Promise<T>): Promise<T> {
    this.standCount++;
    try {
      return await work();
    } finally {
      this.standCount--;
      this.parts.host.wake();
    }
  }

  /** A reset at the next instruction boundary, whoever asks for it. */
  requestReset(): void {
    this.resetRequested = true;
    this.cpu.requestExit();
    this.parts.host.wake();
  }

  /** The guest switched the power off. */
  requestShutdown(): void {
    this.shutdownRequested = true;
    this.cpu.requestExit();
    this.parts.host.wake();
  }

  /** Presses the power button: the guest decides what follows. */
  powerdown(): void {
    this.board.powerButton();
    this.events.emit('POWERDOWN');
  }

  /** Ends `power` with an exit status. */
  quit(status = 0): void {
    this.exitStatus ??= status;
    this.cpu.requestExit();
    this.parts.host.wake();
  }

  /** The loop; resolves with the program's exit status. */
  async power(): Promise<number> {
    while (this.exitStatus === undefined) {
      if (this.holdCount > 0) {
        await this.parts.host.sleep(Number.POSITIVE_INFINITY);
        continue;
      }
      this.serveOutside();
      this.serveRequests();
      if (this.exitStatus !== undefined) break;
      if (this.runs) await this.runOnce();
      else if (!this.inbox.ready) await this.parts.host.sleep(Number.POSITIVE_INFINITY);
      else await this.breatheSometimes();
    }
    return this.exitStatus;
  }

  private get runs(): boolean {
    return this.state === 'running' && this.standCount === 0;
  }

  /**
   * Delivers what has come, for a while; not as long as an earlier while is not made up for by the
   * guest's. However many clients ask for however much, half of the time is the guest's.
   */
  private serveOutside(): void {
    const { inbox, parts } = this;
    const startNs = parts.host.nowNs();
    const canWait = this.runs && !this.cpu.halted;
    const mayGoOn = (): boolean =>
      this.exitStatus === undefined &&
      this.holdCount === 0 &&
      parts.host.nowNs() < startNs + TURN_NS &&
      !(canWait && this.owedNs > 0);
    // A reset asked for by one delivery is done before the next.
    do inbox.deliver(() => this.serveRequests(), mayGoOn);
    while (inbox.ready && mayGoOn());
    this.owedNs = Math.min(this.owedNs + parts.host.nowNs() - startNs, MOST_OWED_NS);
  }

  /** Everything but memory that decides how the machine goes on. */
  save(): MachineState {
    return {
      nowNs: this.clock.nowNs,
      cpu: this.cpu.save(),
      devices: this.board.save(),
    };
  }

  /**
   * Takes what `save` gave on a machine built alike, with its memory already in place; then both
   * go on the same way. Throws StateError, and is reset then. Within `exclusive` only.
   */
  load({ nowNs, cpu, devices }: MachineState): void {
    this.resetParts();
    this.clock.restore(nowNs);
    try {
      this.board.load(devices);
      try {
        this.cpu.load(cpu);
      } catch (error) {
        if (error instanceof UserError) throw new StateError('cpu', error.message);
        throw error;
      }
    } catch (error) {
      this.resetParts();
      throw error;
    }
    this.clock.canonicalize();
    this.resetRequested = false;
    this.shutdownRequested = false;
  }

  /** Reset without anybody hearing of it. */
  resetParts(): void {
    this.board.reset();
    this.cpu.reset();
  }

  /** 16 digits that are the same for two machines that would go on the same way. */
  stateHash(): string {
    const hash = new Hash().plain(this.save());
    for (const { offset, length } of this.memory.guestRanges) {
      hash.bytes(this.memory.u8.subarray(offset, offset + length));
    }
    return hash.digest();
  }

  private enter(next: RunState): void {
    checkTransition(this.state, next);
    this.state = next;
  }

  private serveRequests(): void {
    if (this.shutdownRequested) {
      this.shutdownRequested = false;
      this.events.emit('SHUTDOWN');
      if (this.parts.shutdownEnds) this.quit(0);
      else this.stop('shutdown');
    }
    if (!this.resetRequested || this.exitStatus !== undefined) return;
    this.resetRequested = false;
    if (this.parts.rebootEnds) {
      this.events.emit('SHUTDOWN');
      this.quit(0);
      return;
    }
    this.resetParts();
    if (NEEDS_RESET.includes(this.state)) this.enter('paused');
    this.events.emit('RESET');
  }

  /** One slice, or one sleep of a halted processor. */
  private async runOnce(): Promise<void> {
    const { clock, cpu, inbox, parts, pace } = this;
    if (inbox.mustWait) {
      await parts.host.sleep(Number.POSITIVE_INFINITY);
      return;
    }
    const untilNs = Math.min(clock.nextDeadlineNs(), inbox.nextDueNs());
    if (cpu.halted) {
      await this.idle(untilNs);
      return;
    }
    const at = { instructions: cpu.instructions, busy: inbox.busy };
    const startNs = parts.host.nowNs();
    cpu.run(pace.beginSlice(clock.nowNs, untilNs, at));
    this.owedNs = Math.max(0, this.owedNs - (parts.host.nowNs() - startNs));
    clock.advanceTo(Math.max(clock.nowNs, pace.endSlice(cpu.instructions)));
    if (!inbox.holding || inbox.mustWait) await parts.host.breathe();
    else await this.breatheSometimes();
  }

  private lastBreathNs = 0;

  /** Counted slices can be short; letting the host in after each would cost more than they do. */
  private async breatheSometimes(): Promise<void> {
    const nowNs = this.parts.host.nowNs();
    if (nowNs - this.lastBreathNs < 2_000_000) return;
    this.lastBreathNs = nowNs;
    await this.parts.host.breathe();
  }

  /** HLT: nothing happens until the next deadline, or until something arrives. */
  private async idle(untilNs: number): Promise<void> {
    const { clock, inbox, pace, parts } = this;
    if (inbox.ready) return;
    const mode = pace.mode;
    if (mode.kind === 'live') {
      const leftNs = untilNs - pace.idleNs(untilNs);
      if (leftNs > 0) await parts.host.sleep(leftNs);
      else await this.breatheSometimes();
      // One deadline at a time, so that no tick of a late host is lost on the guest.
      clock.advanceTo(Math.max(clock.nowNs, Math.min(pace.idleNs(untilNs), untilNs)));
      return;
    }
    if (untilNs === Number.POSITIVE_INFINITY || mode.sleep) {
      await parts.host.sleep(untilNs - clock.nowNs);
      if (inbox.ready || untilNs === Number.POSITIVE_INFINITY) return;
    } else await this.breatheSometimes();
    if (this.state === 'running') clock.advanceTo(Math.max(clock.nowNs, untilNs));
  }
}
