/** Commands about character devices. */

import { type CharSpec, readCharOptions } from '../../chardev-spec.ts';
import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { type OptionGroup, type OptionList, parseOptions } from '../../options.ts';
import { enumeration, int, optional, returned, str, struct } from '../../schema.ts';
import { fromUtf8, toUtf8 } from '../../utf8.ts';
import { chardevBackend, charSpec } from '../chardev-backend.ts';
import { action, command } from '../command.ts';
import type { CharEntry, Vm } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

/** Of `-chardev`. */
export const CHARDEV_GROUP: OptionGroup = {
  name: 'chardev',
  impliedKey: 'backend',
  keys: {
    backend: 'string',
    path: 'string',
    host: 'string',
    port: 'string',
    localaddr: 'string',
    localport: 'string',
    to: 'number',
    ipv4: 'bool',
    ipv6: 'bool',
    wait: 'bool',
    server: 'bool',
    delay: 'bool',
    reconnect: 'number',
    telnet: 'bool',
    width: 'number',
    height: 'number',
    cols: 'number',
    rows: 'number',
    mux: 'bool',
    signal: 'bool',
    name: 'string',
    debug: 'number',
    size: 'size',
    chardev: 'string',
  },
};

async function addChar(vm: Vm, id: string, spec: CharSpec): Promise<JsonObject> {
  if (vm.chars.list().some(entry => entry.label === id)) {
    throw new UserError(`Chardev '${id}' already exists`);
  }
  const pty = await vm.chars.add(id, spec);
  return pty === undefined ? {} : { pty };
}

export const chardevAdd = command({
  name: 'chardev-add',
  doc: 'Add a character device.',
  args: struct('ChardevAddArgs', { id: str, backend: chardevBackend }),
  returns: returned<JsonObject>('ChardevReturn'),
  run: (vm, { id, backend }) => addChar(vm, id, charSpec(backend)),
});

export const chardevAddOptions = action({
  name: 'x-chardev-add',
  doc: 'Add a character device described as `-chardev` does.',
  args: struct('ChardevOptionArgs', { args: str }),
  async run(vm, { args }) {
    const list = parseChar(args);
    await addChar(vm, list.id ?? '', readCharOptions(list));
  },
});

/** The parser's complaint comes first, then what it was about. */
function parseChar(args: string): OptionList {
  try {
    return parseOptions(args, CHARDEV_GROUP);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(`${error.message}\nParsing chardev args failed`);
  }
}

export const chardevRemove = action({
  name: 'chardev-remove',
  doc: 'Remove a character device that nothing uses.',
  args: struct('ChardevRemoveArgs', { id: str }),
  run(vm, { id }) {
    const entry = find(vm, id);
    if (entry === undefined) throw new UserError(`Chardev '${id}' not found`);
    if (entry.char.hasFrontend) throw new UserError(`Chardev '${id}' is busy`);
    vm.chars.remove(id);
  },
});

function find(vm: Vm, id: string): CharEntry | undefined {
  return vm.chars.list().find(entry => entry.label === id);
}

const FORMATS = ['utf8', 'base64'] as const;
const format = enumeration('DataFormat', FORMATS);

export const ringbufRead = command({
  name: 'ringbuf-read',
  doc: 'Take bytes that a device wrote to a ring buffer.',
  args: struct('RingReadArgs', { device: str, size: int, format: optional(format) }),
  returns: returned<string>('str'),
  run(vm, args) {
    const entry = find(vm, args.device);
    if (entry === undefined) throw new UserError(`Device '${args.device}' not found`);
    if (entry.ring === undefined) {
      throw new UserError(`${args.device} is not a ringbuf device`);
    }
    if (args.size <= 0) throw new UserError('size must be greater than zero');
    const bytes = entry.ring.take(args.size);
    return args.format === 'base64' ? toBase64(bytes) : fromUtf8(bytes);
  },
});

export const ringbufWrite = action({
  name: 'ringbuf-write',
  doc: 'Feed bytes to a ring buffer.',
  args: struct('RingWriteArgs', { device: str, data: str, format: optional(format) }),
  run(vm, args) {
    const entry = find(vm, args.device);
    if (entry === undefined) throw new UserError(`Device '${args.device}' not found`);
    if (entry.ring === undefined) {
      throw new UserError(`${args.device} is not a ringbuf device`);
    }
    const isBase64 = args.format === 'base64';
    entry.ring.write(isBase64 ? fromBase64(args.data) : toUtf8(args.data));
  },
});

function toBase64(bytes: Uint8Array): string {
  return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(''));
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), c => c.charCodeAt(0));
}
