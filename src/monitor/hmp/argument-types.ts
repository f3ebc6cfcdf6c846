/** What arguments a monitor command takes, and what `/fmt` leaves behind. */

export type ArgumentKind =
  /** A word, perhaps quoted; the kinds differ in messages and completion. */
  | 'string'
  | 'filename'
  | 'block'
  /** All that is left of the line. */
  | 'rest'
  /** An expression; `int` must fit in 32 bits. */
  | 'int'
  | 'long'
  /** An expression in MiB, not negative; the value is in bytes. */
  | 'mebibytes'
  /** `1.5G`; without a suffix in MiB. */
  | 'size'
  /** `0.3`, `300ms`, `5us`, `7ns`; the value is in nanoseconds. */
  | 'seconds'
  /** `on` or `off`; present when on. */
  | 'switch'
  /** `key=value,...`, perhaps nothing. */
  | 'options'
  /** `/4xw`. */
  | 'format'
  /** `-f`. */
  | 'flag';

export interface Argument {
  /** For flags the letter. */
  readonly name: string;
  readonly kind: ArgumentKind;
  readonly optional?: boolean;
  /** An optional expression introduced by a dot. */
  readonly dotted?: boolean;
}

/** `/fmt` as given or remembered. */
export interface DumpFormat {
  readonly count: number;
  readonly letter: string;
  /** Bytes per item; 0 when not given with `i`. */
  readonly size: number;
}

/** What stays from one line of a monitor to the next. */
export interface DumpDefaults {
  letter: string;
  size: number;
}
