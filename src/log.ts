/**
 * What `-d` shows: one line-oriented sink and the set of categories that are on.
 */

/** Category, help text: in the order of `-d help`. */
export const LOG_ITEMS = [
  ['out_asm', 'show generated host assembly code for each compiled TB'],
  ['in_asm', 'show target assembly code for each compiled TB'],
  ['op', 'show micro ops for each compiled TB'],
  ['op_opt', 'show micro ops (x86 only: before eflags optimization) and\nafter liveness analysis'],
  ['int', 'show interrupts/exceptions in short format'],
  ['exec', 'show trace before each executed TB (lots of logs)'],
  ['cpu', 'show CPU state before block translation'],
  ['mmu', 'log MMU-related activities'],
  ['pcall', 'x86 only: show protected mode far calls/returns/exceptions'],
  ['cpu_reset', 'show CPU state before CPU resets'],
  ['ioport', 'show all i/o ports accesses'],
  ['unimp', 'log unimplemented functionality'],
  [
    'guest_errors',
    'log when the guest OS does something invalid (eg accessing a\nnon-existent register)',
  ],
] as const;

export type LogItem = (typeof LOG_ITEMS)[number][0];

/** The list that `-d help` and the monitor's `help log` print. */
export function logItemsText(withNone: boolean): string {
  const rows = LOG_ITEMS.map(([name, help]) => `${name.padEnd(10)} ${help}\n`);
  const none = withNone ? `${'none'.padEnd(10)} remove all logs\n` : '';
  return `Log items (comma separated):\n${none}${rows.join('')}`;
}

/** Reads `cpu_reset,int`; undefined when an item is not known. `all` is every item. */
export function parseLogItems(text: string): LogItem[] | undefined {
  const found: LogItem[] = [];
  for (const word of text.split(',')) {
    const items = LOG_ITEMS.map(([name]) => name).filter(n => word === 'all' || n === word);
    if (items.length === 0) return undefined;
    found.push(...items);
  }
  return found;
}

export class Log {
  private readonly enabled = new Set<LogItem>();
  private sink: (text: string) => void = () => {};

  setSink(sink: (text: string) => void): void {
    this.sink = sink;
  }

  /** Replaces the set of categories. */
  enable(items: Iterable<LogItem>): void {
    this.enabled.clear();
    for (const item of items) this.enabled.add(item);
  }

  has(item: LogItem): boolean {
    return this.enabled.has(item);
  }

  /** Text goes out as it is: callers end their lines. */
  write(item: LogItem, text: string): void {
    if (this.enabled.has(item)) this.sink(text);
  }

  /** The guest did something the data sheet forbids. */
  guestError(device: string, what: string): void {
    this.write('guest_errors', `${device}: ${what}\n`);
  }

  /** The guest used something that is not emulated. */
  unimplemented(device: string, what: string): void {
    this.write('unimp', `${device}: ${what}\n`);
  }
}
