/**
 * I/O limits of a drive: bytes and operations per second, with bursts, as leaky buckets.
 *
 * Levels follow the host's clock, not virtual time: limits protect the host, not the guest.
 */

import { UserError } from '../error.ts';
import type { Options } from './options.ts';

export interface ThrottleLimits {
  readonly bps: number;
  readonly bpsRd: number;
  readonly bpsWr: number;
  readonly iops: number;
  readonly iopsRd: number;
  readonly iopsWr: number;
  readonly bpsMax: number;
  readonly bpsRdMax: number;
  readonly bpsWrMax: number;
  readonly iopsMax: number;
  readonly iopsRdMax: number;
  readonly iopsWrMax: number;
  readonly iopsSize: number;
}

const KEYS: readonly (readonly [keyof ThrottleLimits, string])[] = [
  ['bps', 'bps-total'],
  ['bpsRd', 'bps-read'],
  ['bpsWr', 'bps-write'],
  ['iops', 'iops-total'],
  ['iopsRd', 'iops-read'],
  ['iopsWr', 'iops-write'],
  ['bpsMax', 'bps-total-max'],
  ['bpsRdMax', 'bps-read-max'],
  ['bpsWrMax', 'bps-write-max'],
  ['iopsMax', 'iops-total-max'],
  ['iopsRdMax', 'iops-read-max'],
  ['iopsWrMax', 'iops-write-max'],
  ['iopsSize', 'iops-size'],
];

/** Takes `throttling.*`; negative numbers wrap around as in C and so limit nothing. */
export function takeThrottling(options: Options): ThrottleLimits {
  const limits: { [name: string]: number } = {};
  for (const [name, key] of KEYS) {
    const value = options.takeNumber(`throttling.${key}`) ?? 0;
    limits[name] = value < 0 ? 2 ** 64 + value : value;
  }
  const result = limits as unknown as ThrottleLimits;
  checkLimits(result);
  return result;
}

export function checkLimits(limits: ThrottleLimits): void {
  const clash = (total: number, read: number, write: number): boolean =>
    total !== 0 && (read !== 0 || write !== 0);
  if (
    clash(limits.bps, limits.bpsRd, limits.bpsWr) ||
    clash(limits.iops, limits.iopsRd, limits.iopsWr) ||
    clash(limits.bpsMax, limits.bpsRdMax, limits.bpsWrMax) ||
    clash(limits.iopsMax, limits.iopsRdMax, limits.iopsWrMax)
  ) {
    throw new UserError(
      'bps/iops/max total values and read/write values cannot be used at the same time',
    );
  }
}

export const NO_LIMITS: ThrottleLimits = {
  bps: 0,
  bpsRd: 0,
  bpsWr: 0,
  iops: 0,
  iopsRd: 0,
  iopsWr: 0,
  bpsMax: 0,
  bpsRdMax: 0,
  bpsWrMax: 0,
  iopsMax: 0,
  iopsRdMax: 0,
  iopsWrMax: 0,
  iopsSize: 0,
};

/** One rate: may run ahead by its burst, otherwise makes the caller wait. */
class Bucket {
  private levelAtMs = 0;
  private level = 0;

  constructor(
    private readonly perSecond: number,
    private readonly burst: number,
  ) {}

  /** Milliseconds to wait before `amount` more may pass; 0 admits it. */
  delayMs(nowMs: number): number {
    this.leak(nowMs);
    const over = this.level - this.burst;
    return over <= 0 ? 0 : Math.ceil((over * 1000) / this.perSecond);
  }

  add(amount: number): void {
    this.level += amount;
  }

  private leak(nowMs: number): void {
    this.level = Math.max(0, this.level - ((nowMs - this.levelAtMs) * this.perSecond) / 1000);
    this.levelAtMs = nowMs;
  }
}

/** A rate without a burst gets a tenth of a second's worth. */
function withBursts(limits: ThrottleLimits): ThrottleLimits {
  const burst = (rate: number, max: number): number => (max === 0 ? Math.floor(rate / 10) : max);
  return {
    ...limits,
    bpsMax: burst(limits.bps, limits.bpsMax),
    bpsRdMax: burst(limits.bpsRd, limits.bpsRdMax),
    bpsWrMax: burst(limits.bpsWr, limits.bpsWrMax),
    iopsMax: burst(limits.iops, limits.iopsMax),
    iopsRdMax: burst(limits.iopsRd, limits.iopsRdMax),
    iopsWrMax: burst(limits.iopsWr, limits.iopsWrMax),
  };
}

/** Decides when a request may go. */
export class Throttle {
  private readonly bytes: readonly (readonly [Bucket, boolean, boolean])[];
  private readonly operations: readonly (readonly [Bucket, boolean, boolean])[];

  readonly limits: ThrottleLimits;

  constructor(limits: ThrottleLimits) {
    this.limits = withBursts(limits);
    const bucket = (rate: number, max: number, read: boolean, write: boolean) =>
      rate === 0 ? [] : [[new Bucket(rate, max === 0 ? rate / 10 : max), read, write] as const];
    const l = limits;
    this.bytes = [
      ...bucket(l.bps, l.bpsMax, true, true),
      ...bucket(l.bpsRd, l.bpsRdMax, true, false),
      ...bucket(l.bpsWr, l.bpsWrMax, false, true),
    ];
    this.operations = [
      ...bucket(l.iops, l.iopsMax, true, true),
      ...bucket(l.iopsRd, l.iopsRdMax, true, false),
      ...bucket(l.iopsWr, l.iopsWrMax, false, true),
    ];
  }

  get enabled(): boolean {
    return this.bytes.length > 0 || this.operations.length > 0;
  }

  /** 0 when the request may go now, and then it is accounted for. */
  admit(write: boolean, length: number, nowMs: number): number {
    const mine = (entry: readonly [Bucket, boolean, boolean]): boolean => entry[write ? 2 : 1];
    const bytes = this.bytes.filter(mine);
    const operations = this.operations.filter(mine);
    const delay = [...bytes, ...operations].reduce(
      (most, [bucket]) => Math.max(most, bucket.delayMs(nowMs)),
      0,
    );
    if (delay > 0) return delay;
    const size = this.limits.iopsSize;
    const units = size === 0 ? 1 : Math.max(1, length / size);
    for (const [bucket] of bytes) bucket.add(length);
    for (const [bucket] of operations) bucket.add(units);
    return 0;
  }
}
