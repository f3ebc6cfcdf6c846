/** Commands that press keys. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { any, empty, int, listOf, optional, returned, struct } from '../../schema.ts';
import { command, NOTHING } from '../command.ts';
import type { Vm } from '../vm.ts';

const DEFAULT_HOLD_MS = 100;

/** `{type: 'qcode', data: 'a'}` or `{type: 'number', data: 30}`. */
function readKey(vm: Vm, value: Json): string | number {
  const { type, data } = value as { readonly [name: string]: Json };
  if (type === 'number' && typeof data === 'number') return data;
  if (type !== 'qcode' || typeof data !== 'string') {
    throw new UserError("Invalid parameter type for 'keys', expected: KeyValue");
  }
  if (!vm.panel.keyNames.includes(data)) throw new UserError(`Invalid parameter '${data}'`);
  return data;
}

export const sendKey = command({
  name: 'send-key',
  doc: 'Press keys together and let go of them after a while.',
  args: struct('SendKeyArgs', { keys: listOf(any), 'hold-time': optional(int) }),
  returns: empty,
  run(vm, args) {
    const holdMs = args['hold-time'] ?? 0;
    const keys = args.keys.map(key => readKey(vm, key));
    vm.panel.pressKeys(keys, holdMs > 0 ? holdMs : DEFAULT_HOLD_MS);
    return NOTHING;
  },
});

export const keyNames = command({
  name: 'x-key-names',
  doc: 'The names of keys.',
  args: empty,
  returns: returned<readonly string[]>("['str']"),
  run: vm => vm.panel.keyNames,
});
