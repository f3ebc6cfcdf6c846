/**
 * The 82077AA's commands: how the first byte is recognised, and how many bytes there are.
 *
 * Data sheet: Intel 82077AA (290166), table 5-1. READ and WRITE DELETED DATA are READ and WRITE.
 */

export type CommandName =
  | 'read'
  | 'write'
  | 'verify'
  | 'read-track'
  | 'format'
  | 'read-id'
  | 'specify'
  | 'sense-drive'
  | 'recalibrate'
  | 'sense-interrupt'
  | 'seek'
  | 'relative-seek'
  | 'dump'
  | 'perpendicular'
  | 'configure'
  | 'lock'
  | 'version'
  | 'part-id';

export interface CommandRow {
  readonly name: CommandName;
  /** Of the first byte: these bits have this value. */
  readonly mask: number;
  readonly code: number;
  readonly length: number;
}

const ROWS: readonly (readonly [CommandName, mask: number, code: number, length: number])[] = [
  ['read', 0x1f, 0x06, 9],
  ['read', 0x1f, 0x0c, 9],
  ['write', 0x3f, 0x05, 9],
  ['write', 0x3f, 0x09, 9],
  ['verify', 0x1f, 0x16, 9],
  ['read-track', 0x9f, 0x02, 9],
  ['format', 0xbf, 0x0d, 6],
  ['read-id', 0xbf, 0x0a, 2],
  ['specify', 0xff, 0x03, 3],
  ['sense-drive', 0xff, 0x04, 2],
  ['recalibrate', 0xff, 0x07, 2],
  ['sense-interrupt', 0xff, 0x08, 1],
  ['seek', 0xff, 0x0f, 3],
  ['relative-seek', 0xbf, 0x8f, 3],
  ['dump', 0xff, 0x0e, 1],
  ['perpendicular', 0xff, 0x12, 2],
  ['configure', 0xff, 0x13, 4],
  ['lock', 0x7f, 0x14, 1],
  ['version', 0xff, 0x10, 1],
  ['part-id', 0xff, 0x18, 1],
];

const COMMANDS: readonly CommandRow[] = ROWS.map(([name, mask, code, length]) => ({
  name,
  mask,
  code,
  length,
}));

export function commandOf(first: number): CommandRow | undefined {
  return COMMANDS.find(({ mask, code }) => (first & mask) === code);
}
