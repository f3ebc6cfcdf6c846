/**
 * The seven result bytes of commands that move data.
 *
 * Data sheet: Intel 82077AA (290166), section 5.1.1 (status registers).
 */

import type { Place } from './place.ts';

/** ST0. */
export const ABNORMAL = 0x40;
export const INVALID = 0x80;

/** ST1. */
export const END_OF_CYLINDER = 0x80;
const DATA_ERROR = 0x20;
const OVERRUN = 0x10;
const NO_DATA = 0x04;
const NOT_WRITABLE = 0x02;
const MISSING_MARK = 0x01;
/** ST2. */
const WRONG_CYLINDER = 0x10;

const SIZE_512 = 2;

const ERRORS = {
  'missing-mark': [MISSING_MARK, 0],
  'no-data': [NO_DATA, 0],
  'wrong-cylinder': [NO_DATA, WRONG_CYLINDER],
  protected: [NOT_WRITABLE, 0],
  overrun: [OVERRUN, 0],
  'data-error': [DATA_ERROR, DATA_ERROR],
} as const;

export class Outcome {
  private status0 = 0;
  private status1 = 0;
  private status2 = 0;

  /** `select`: drive and head as the command has them. */
  constructor(
    private readonly select: number,
    public place: Place,
  ) {}

  fail(error: keyof typeof ERRORS): undefined {
    const [status1, status2] = ERRORS[error];
    this.addError(status1);
    this.status2 |= status2;
    return undefined;
  }

  /** For a reason that is noted already. */
  stop(): void {
    this.status0 |= ABNORMAL;
  }

  /** Bits of ST1. */
  addError(status1: number): void {
    this.status0 |= ABNORMAL;
    this.status1 |= status1;
  }

  get result(): readonly number[] {
    const { track, head, sector } = this.place;
    const select = (this.select & 3) | (head << 2);
    const status = [this.status0 | select, this.status1, this.status2];
    return [...status, track, head, sector, SIZE_512];
  }
}
