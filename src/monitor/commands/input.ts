/** Commands that press keys. */

import { UserError } from '../../error.ts';
import {
  empty,
  int,
  listOf,
  optional,
  returned,
  str,
  struct,
  type TypeOf,
  union,
} from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

const DEFAULT_HOLD_MS = 100;

export const KEY_VALUE = union('KeyValue', { number: int, qcode: str });

/** The name or number of a key. */
export function keyOf(vm: Vm, { data }: TypeOf<typeof KEY_VALUE>): string | number {
  if (typeof data === 'number' || vm.panel.keyNames.includes(data)) return data;
  throw new UserError(`Invalid parameter '${data}'`);
}

export const sendKey = action({
  name: 'send-key',
  doc: 'Press keys together and let go of them after a while.',
  args: struct('SendKeyArgs', { keys: listOf(KEY_VALUE), 'hold-time': optional(int) }),
  run(vm, args) {
    const holdMs = args['hold-time'] ?? 0;
    const keys = args.keys.map(key => keyOf(vm, key));
    vm.panel.pressKeys(keys, holdMs > 0 ? holdMs : DEFAULT_HOLD_MS);
  },
});

export const keyNames = command({
  name: 'x-key-names',
  doc: 'The names of keys.',
  args: empty,
  returns: returned<readonly string[]>("['str']"),
  run: vm => vm.panel.keyNames,
});
