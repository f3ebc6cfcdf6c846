/**
 * `blkdebug`: a node that fails on purpose, to test what stands on it.
 *
 * Rules come from a configuration file (`blkdebug:CONFIG:IMAGE`) or from options. An event may set
 * a state, arm an error for the requests that follow, or suspend the request until it is resumed.
 */

import { codeOf, errorText } from '../../errno.ts';
import { UserError } from '../../error.ts';
import { BlockError } from '../backend.ts';
import type { OpenRequest } from '../driver.ts';
import {
  type BlockNode,
  DEBUG_EVENTS,
  type DebugEvent,
  type Extent,
  type ImageDetails,
} from '../node.ts';
import type { Options } from '../options.ts';
import { letGo } from '../shared-node.ts';

interface InjectError {
  readonly kind: 'inject-error';
  readonly event: DebugEvent;
  /** 0 for any. */
  readonly state: number;
  readonly errno: number;
  /** -1 for anywhere. */
  readonly sector: number;
  readonly once: boolean;
}

interface SetState {
  readonly kind: 'set-state';
  readonly event: DebugEvent;
  readonly state: number;
  readonly newState: number;
}

export type DebugRule = InjectError | SetState;

interface Suspended {
  readonly tag: string;
  readonly resume: () => void;
}

/** What each kind of rule may hold. */
const FIELDS: {
  readonly [section: string]: { readonly [name: string]: 'text' | 'number' | 'bool' };
} = {
  'inject-error': {
    event: 'text',
    state: 'number',
    errno: 'number',
    sector: 'number',
    once: 'bool',
    immediately: 'bool',
  },
  'set-state': { event: 'text', state: 'number', new_state: 'number' },
};

export class BlkdebugNode implements BlockNode {
  readonly driver = 'blkdebug';
  backing: BlockNode | undefined = undefined;
  private state = 1;
  private rules: DebugRule[];
  private active: InjectError[] = [];
  private breakpoints: { readonly tag: string; readonly event: DebugEvent }[] = [];
  private suspended: Suspended[] = [];
  private waiters: { readonly tag: string | undefined; readonly done: () => void }[] = [];

  constructor(
    readonly filename: string,
    readonly file: BlockNode,
    rules: readonly DebugRule[],
    private readonly tell: (text: string) => void,
  ) {
    this.rules = [...rules];
  }

  get readOnly(): boolean {
    return this.file.readOnly;
  }

  get length(): number {
    return this.file.length;
  }

  async debugEvent(event: DebugEvent): Promise<void> {
    let armed = false;
    let { state } = this;
    for (const rule of this.rules) {
      if (rule.event !== event || (rule.state !== 0 && rule.state !== this.state)) continue;
      if (rule.kind === 'set-state') state = rule.newState;
      else {
        if (!armed) this.active = [];
        armed = true;
        this.active.push(rule);
      }
    }
    this.state = state;
    const stop = this.breakpoints.find(b => b.event === event);
    if (stop === undefined) return;
    this.breakpoints = this.breakpoints.filter(b => b !== stop);
    await this.suspend(stop.tag);
  }

  private async suspend(tag: string): Promise<void> {
    await new Promise<void>(resume => {
      this.suspended.push({ tag, resume });
      this.tell(`blkdebug: Suspended request '${tag}'`);
      const due = this.waiters.filter(w => w.tag === undefined || w.tag === tag);
      this.waiters = this.waiters.filter(w => !due.includes(w));
      for (const { done } of due) done();
    });
    this.tell(`blkdebug: Resuming request '${tag}'`);
  }

  /** False when there is no such event. */
  setBreakpoint(event: string, tag: string): boolean {
    const found = findEvent(event);
    if (found !== undefined) this.breakpoints.push({ tag, event: found });
    return found !== undefined;
  }

  /** False when no request waits under that tag. */
  resume(tag: string): boolean {
    const found = this.suspended.find(s => s.tag === tag);
    this.suspended = this.suspended.filter(s => s !== found);
    found?.resume();
    return found !== undefined;
  }

  /** Requests that wait under that tag go on; false when there is nothing of that name. */
  removeBreakpoint(tag: string): boolean {
    const had = this.breakpoints.length;
    this.breakpoints = this.breakpoints.filter(b => b.tag !== tag);
    let found = this.breakpoints.length < had;
    while (this.resume(tag)) found = true;
    return found;
  }

  /** Without a tag: any request. */
  async waitSuspended(tag?: string): Promise<void> {
    if (this.suspended.some(s => tag === undefined || s.tag === tag)) return;
    await new Promise<void>(done => this.waiters.push({ tag, done }));
  }

  /** Throws when an armed error covers the range; a flush has none. */
  private fail(offset: number, length: number): void {
    const at = this.active.findIndex(({ sector }) => {
      const place = sector * 512;
      return sector === -1 || (place >= offset && place < offset + length);
    });
    if (at < 0) return;
    const rule = this.active[at];
    if (rule.once) {
      this.active.splice(at, 1);
      this.rules = this.rules.filter(r => r !== rule);
    }
    const code = codeOf(rule.errno);
    throw new BlockError(code, errorText(code) ?? code);
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    this.fail(offset, into.length);
    return this.file.read(offset, into);
  }

  async write(offset: number, from: Uint8Array): Promise<void> {
    await this.debugEvent('pwritev');
    this.fail(offset, from.length);
    await this.file.write(offset, from);
    await this.debugEvent('pwritev_done');
  }

  async writeZeroes(offset: number, length: number, allowUnmap: boolean): Promise<void> {
    await this.debugEvent('pwritev_zero');
    this.fail(offset, length);
    await this.file.writeZeroes(offset, length, allowUnmap);
    await this.debugEvent('pwritev_done');
  }

  async discard(offset: number, length: number): Promise<void> {
    return this.file.discard(offset, length);
  }

  async flush(): Promise<void> {
    await this.debugEvent('flush_to_disk');
    this.fail(0, 0);
    return this.file.flush();
  }

  status(offset: number, length: number): Promise<Extent> {
    return this.file.status(offset, length);
  }

  truncate(length: number): Promise<void> {
    return this.file.truncate(length);
  }

  close(): Promise<void> {
    return letGo(this.file);
  }

  details(): ImageDetails {
    return this.file.details();
  }
}

/** Later versions write underscores for the dots. */
function findEvent(name: string): DebugEvent | undefined {
  const plain = name.replaceAll('.', '_');
  return DEBUG_EVENTS.find(event => event.replaceAll('.', '_') === plain);
}

function eventOf(name: string): DebugEvent {
  const event = findEvent(name);
  if (event === undefined) throw new UserError(`Invalid event name "${name}"`);
  return event;
}

/** Sections with `name = "value"` lines. */
export function parseDebugConfig(text: string): DebugRule[] {
  const groups: { readonly section: string; readonly values: Map<string, string> }[] = [];
  text.split('\n').forEach((line, i) => {
    const wrong = (what: string): UserError =>
      new UserError(`Could not parse blkdebug config file: line ${i + 1}: ${what}`);
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return;
    const head = /^\[\s*([\w-]+)(?:\s+"[^"]*")?\s*\]$/.exec(trimmed);
    if (head !== null) {
      const section = head[1];
      if (!Object.hasOwn(FIELDS, section)) throw wrong(`There is no option group '${section}'`);
      groups.push({ section, values: new Map() });
      return;
    }
    const pair = /^([\w-]+)\s*=\s*"([^"]*)"$/.exec(trimmed);
    if (pair === null) throw wrong('parse error');
    const group = groups.at(-1);
    if (group === undefined) throw wrong('no group defined');
    const problem = problemOf(group.section, pair[1], pair[2]);
    if (problem !== undefined) throw wrong(problem);
    group.values.set(pair[1], pair[2]);
  });
  return groups.map(({ section, values }) => ruleOf(section, values));
}

function problemOf(section: string, name: string, value: string): string | undefined {
  const type = Object.hasOwn(FIELDS[section], name) ? FIELDS[section][name] : undefined;
  if (type === undefined) return `Invalid parameter '${name}'`;
  if (type === 'bool' && value !== 'on' && value !== 'off') {
    return `Parameter '${name}' expects 'on' or 'off'`;
  }
  if (type === 'number' && !/^-?(\d+|0x[\da-f]+)$/i.test(value)) {
    return `Parameter '${name}' expects a number`;
  }
  return undefined;
}

function ruleOf(section: string, values: ReadonlyMap<string, string>): DebugRule {
  const name = values.get('event');
  if (name === undefined) throw new UserError('Missing event name for rule');
  const event = eventOf(name);
  const state = Number(values.get('state') ?? 0);
  if (section === 'set-state') {
    return { kind: section, event, state, newState: Number(values.get('new_state') ?? 0) };
  }
  return {
    kind: 'inject-error',
    event,
    state,
    errno: Number(values.get('errno') ?? 5),
    sector: Number(values.get('sector') ?? -1),
    once: values.get('once') === 'on',
  };
}

/** `inject-error.0.event=…` and the like. */
function rulesFromOptions(options: Options): DebugRule[] {
  const rules: DebugRule[] = [];
  for (const section of ['inject-error', 'set-state'] as const) {
    const all = options.takeChild(section);
    for (let i = 0; ; i++) {
      const one = all.takeChild(String(i));
      if (one.size === 0) break;
      rules.push(ruleOf(section, checked(section, one)));
    }
  }
  return rules;
}

function checked(section: string, options: Options): ReadonlyMap<string, string> {
  const values = new Map(options.entries());
  for (const [name, value] of values) {
    const problem = problemOf(section, name, value);
    if (problem !== undefined) throw new UserError(problem);
  }
  return values;
}

export async function openBlkdebug(request: OpenRequest): Promise<BlkdebugNode> {
  const { filename, options, context } = request;
  let config = options.take('config');
  let image: string | undefined;
  if (filename !== '') {
    const match = /^blkdebug:([^:]*):(.*)$/s.exec(filename);
    if (match === null) throw new UserError('blkdebug requires both config file and image path');
    config = match[1] === '' ? undefined : match[1];
    image = match[2];
  }
  const rules = [
    ...(config === undefined ? [] : parseDebugConfig(readConfig(context.host, config))),
    ...rulesFromOptions(options),
  ];
  const named = options.take('x-image');
  const tell = context.tell ?? (() => {});
  const file = await request.openChild('image', image ?? named);
  return new BlkdebugNode(filename === '' ? file.filename : filename, file, rules, tell);
}

function readConfig(host: OpenRequest['context']['host'], path: string): string {
  try {
    const file = host.open(path, 'read');
    const bytes = new Uint8Array(Math.min(file.length(), 65536));
    void file.read(0, bytes);
    file.close();
    return new TextDecoder().decode(bytes);
  } catch {
    throw new UserError('Could not read blkdebug config file: No such file or directory');
  }
}
