/**
 * One counter of an 8254: its state, and what follows from it at a given clock pulse.
 *
 * Spec: Intel 8254 data sheet, "Mode definitions". A count written in modes 2 and 3 while the
 * counter runs takes over at the end of the period, or half period; `catchUp` does that.
 */

import { bool, count, u8, u16 } from '../../state.ts';

export const counterFields = {
  /** As written, for the status byte: modes 6 and 7 are 2 and 3. */
  modeBits: u8(3),
  bcd: bool(),
  /** RW bits: 1 least significant byte only, 2 most significant only, 3 both, low first. */
  access: u8(3),
  /** Clock pulses of one period, 1 to 65536. */
  period: count(0x10000),
  /** A count that waits for the end of the period; 0 when there is none. */
  nextPeriod: count(),
  /** True once a count follows the control word, and GATE has triggered where it must. */
  running: bool(true),
  startTick: count(),
  /** While GATE is low in modes 0 and 4: pulses counted, plus one; 0 otherwise. */
  heldTicks: count(),
  gate: bool(true),
  /** The low byte has been written, the high byte is to come. */
  writesHigh: bool(),
  lowByte: u8(),
  readsHigh: bool(),
  latch: u16(),
  latchedBytes: u8(),
  status: u8(),
  statusLatched: bool(),
};

export interface Counter {
  modeBits: number;
  bcd: boolean;
  access: number;
  period: number;
  nextPeriod: number;
  running: boolean;
  startTick: number;
  heldTicks: number;
  gate: boolean;
  writesHigh: boolean;
  lowByte: number;
  readsHigh: boolean;
  latch: number;
  latchedBytes: number;
  status: number;
  statusLatched: boolean;
}

/** 0 terminal count, 1 one-shot, 2 rate, 3 square wave, 4 software strobe, 5 hardware strobe. */
function modeOf(c: Counter): number {
  return c.modeBits > 5 ? c.modeBits - 4 : c.modeBits;
}

function isPeriodic(c: Counter): boolean {
  return modeOf(c) === 2 || modeOf(c) === 3;
}

function startsByGate(c: Counter): boolean {
  return modeOf(c) === 1 || modeOf(c) === 5;
}

/** Pulses since the count was loaded; negative until the pulse that loads it. */
function elapsed(c: Counter, tick: number): number {
  return c.heldTicks > 0 ? c.heldTicks - 1 : tick - c.startTick;
}

/** Pulses for which OUT of mode 3 is high. */
function highPulses(c: Counter): number {
  return (c.period + 1) >> 1;
}

/** Lets a count that waited take over. */
export function catchUp(c: Counter, tick: number): void {
  if (c.nextPeriod === 0 || !c.running || tick < c.startTick) return;
  const since = tick - c.startTick;
  if (modeOf(c) === 2) {
    if (since < c.period) return;
    c.startTick += c.period;
    c.period = c.nextPeriod;
  } else {
    const high = highPulses(c);
    if (since < high) return;
    const beginsHigh = since >= c.period;
    const boundary = c.startTick + (beginsHigh ? c.period : high);
    c.period = c.nextPeriod;
    c.startTick = boundary - (beginsHigh ? 0 : highPulses(c));
  }
  c.nextPeriod = 0;
}

/** Moves `startTick` to the period that runs, so that a new count waits for this one's end. */
function rebase(c: Counter, tick: number): void {
  const since = tick - c.startTick;
  if (since >= c.period) c.startTick = tick - (since % c.period);
}

/** The counting element as a read shows it, BCD or binary. */
export function countOf(c: Counter, tick: number): number {
  const value = binaryCount(c, Math.max(0, elapsed(c, tick)));
  if (!c.bcd) return value & 0xffff;
  const digits = value % 10000;
  const pair = (n: number): number => Math.floor(n / 10) * 16 + (n % 10);
  return (pair(Math.floor(digits / 100)) << 8) | pair(digits % 100);
}

function binaryCount(c: Counter, since: number): number {
  if (!c.running) return c.period;
  const modulus = c.bcd ? 10000 : 0x10000;
  const phase = since % c.period;
  switch (modeOf(c)) {
    case 2:
      return c.period - phase;
    case 3: {
      const half = phase < highPulses(c) ? phase : phase - highPulses(c);
      return (c.period & ~1) - 2 * half;
    }
    default:
      return (((c.period - since) % modulus) + modulus) % modulus;
  }
}

export function outOf(c: Counter, tick: number): boolean {
  const mode = modeOf(c);
  const since = elapsed(c, tick);
  if (!c.running || since < 0) return mode !== 0;
  switch (mode) {
    case 0:
    case 1:
      return since >= c.period;
    case 2:
      return since % c.period !== c.period - 1 || c.period === 1;
    case 3:
      return since % c.period < highPulses(c);
    default:
      return since !== c.period;
  }
}

/** The first pulse after `tick` at which OUT may change; Infinity when it stays. */
export function nextEdgeTick(c: Counter, tick: number): number {
  const still = isPeriodic(c) && c.period === 1 && c.nextPeriod === 0;
  if (!c.running || c.heldTicks > 0 || still) return Number.POSITIVE_INFINITY;
  return edgesAround(c, tick).find(edge => edge > tick) ?? Number.POSITIVE_INFINITY;
}

function edgesAround(c: Counter, tick: number): number[] {
  const since = Math.max(0, tick - c.startTick);
  const base = c.startTick + since - (since % c.period);
  switch (modeOf(c)) {
    case 0:
    case 1:
      return [c.startTick, c.startTick + c.period];
    case 2:
      return [base, base + c.period - 1, base + c.period];
    case 3:
      return [base, base + highPulses(c), base + c.period];
    default:
      return [c.startTick + c.period, c.startTick + c.period + 1];
  }
}

/** True until a written count has reached the counting element. */
export function nullCount(c: Counter, tick: number): boolean {
  return !c.running || c.nextPeriod > 0 || elapsed(c, tick) < 0;
}

export function setControl(c: Counter, value: number): void {
  c.access = (value >> 4) & 3;
  c.modeBits = (value >> 1) & 7;
  c.bcd = (value & 1) !== 0;
  Object.assign(c, { running: false, nextPeriod: 0, heldTicks: 0, writesHigh: false });
  Object.assign(c, { readsHigh: false, latchedBytes: 0, statusLatched: false });
}

export function writeCount(c: Counter, value: number, tick: number): void {
  if (c.access === 1) load(c, value, tick);
  else if (c.access === 2) load(c, value << 8, tick);
  else if (c.writesHigh) {
    c.writesHigh = false;
    load(c, (value << 8) | c.lowByte, tick);
  } else {
    c.writesHigh = true;
    c.lowByte = value;
    // In mode 0 the first byte stops the counter and pulls OUT low.
    if (modeOf(c) === 0) c.running = false;
  }
}

function load(c: Counter, written: number, tick: number): void {
  const period = periodOf(written, c.bcd);
  if (isPeriodic(c) && c.running) {
    rebase(c, tick);
    c.nextPeriod = period;
    return;
  }
  c.period = period;
  if (startsByGate(c)) return;
  // In modes 2 and 3 a low GATE keeps the counter from starting at all.
  if (isPeriodic(c) && !c.gate) return;
  c.running = true;
  c.startTick = tick + 1;
  c.heldTicks = c.gate ? 0 : 1;
}

function periodOf(written: number, bcd: boolean): number {
  if (!bcd) return written === 0 ? 0x10000 : written;
  const decimal = [12, 8, 4, 0].reduce((sum, shift) => sum * 10 + ((written >> shift) & 15), 0);
  return decimal === 0 ? 10000 : decimal;
}

/** GATE moves. A rising edge triggers modes 1 and 5, restarts 2 and 3, resumes 0 and 4. */
export function onGate(c: Counter, level: boolean, tick: number): void {
  if (level === c.gate) return;
  c.gate = level;
  if (startsByGate(c)) {
    if (level) start(c, tick);
  } else if (isPeriodic(c)) {
    if (level) start(c, tick);
    else c.running = false;
  } else if (c.running) {
    if (level) resume(c, tick);
    else c.heldTicks = Math.max(0, tick - c.startTick) + 1;
  }
}

function start(c: Counter, tick: number): void {
  if (c.nextPeriod > 0) c.period = c.nextPeriod;
  c.nextPeriod = 0;
  c.running = true;
  c.startTick = tick + 1;
}

function resume(c: Counter, tick: number): void {
  c.startTick = Math.max(0, tick - (c.heldTicks - 1));
  c.heldTicks = 0;
}
