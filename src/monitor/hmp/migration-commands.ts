/**
 * Human monitor commands about migration, and what `info` says of it.
 */

import { UserError } from '../../error.ts';
import { fixed } from '../../fixed.ts';
import type { Json } from '../../json.ts';
import type { Argument } from './argument-types.ts';
import type { HmpCommand, HmpContext } from './command.ts';

type JsonObject = { readonly [name: string]: Json };

/** The errors of these commands have the command's name before them. */
async function named(context: HmpContext, name: string, call: () => Promise<unknown>) {
  try {
    await call();
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    context.print(`${name}: ${error.message}\n`);
  }
}

const migrate: HmpCommand = {
  name: 'migrate',
  args: [
    { name: 'd', kind: 'flag' },
    { name: 'b', kind: 'flag' },
    { name: 'i', kind: 'flag' },
    { name: 'uri', kind: 'string' },
  ],
  params: '[-d] [-b] [-i] uri',
  help:
    'migrate to URI (using -d to not wait for completion)\n' +
    '\t\t\t -b for migration without shared storage with full copy of disk\n' +
    '\t\t\t -i for migration without shared storage with incremental copy of disk ' +
    '(base image shared between src and destination)',
  run: (context, args) =>
    named(context, 'migrate', async () => {
      const { session } = context;
      const given = { uri: args.text('uri'), blk: args.has('b'), inc: args.has('i') };
      await session.call('migrate', given);
      if (!args.has('d')) await session.call('x-migration-end');
    }),
};

const cancel: HmpCommand = {
  name: 'migrate_cancel',
  args: [],
  params: '',
  help: 'cancel the current VM migration',
  async run({ session }) {
    await session.call('migrate_cancel');
  },
};

/** A command that sets one number. */
function setter(
  qmpName: string,
  kind: Argument['kind'],
  shown: Pick<HmpCommand, 'name' | 'help'>,
): HmpCommand {
  const divisor = kind === 'seconds' ? 1e9 : 1;
  return {
    ...shown,
    args: [{ name: 'value', kind }],
    params: 'value',
    async run({ session }, args) {
      await session.call(qmpName, { value: args.number('value') / divisor });
    },
  };
}

const CAPABILITIES = ['xbzrle', 'rdma-pin-all', 'auto-converge', 'zero-blocks'];

const setCapability: HmpCommand = {
  name: 'migrate_set_capability',
  args: [
    { name: 'capability', kind: 'string' },
    { name: 'state', kind: 'switch' },
  ],
  params: 'capability state',
  help: 'Enable/Disable the usage of a capability for migration',
  run: (context, args) =>
    named(context, 'migrate_set_capability', async () => {
      const capability = args.text('capability');
      if (!CAPABILITIES.includes(capability)) {
        throw new UserError(`Invalid parameter '${capability}'`);
      }
      const capabilities = [{ capability, state: args.has('state') }];
      await context.session.call('migrate-set-capabilities', { capabilities });
    }),
};

export const MIGRATION_COMMANDS: readonly HmpCommand[] = [
  migrate,
  cancel,
  setter('migrate-set-cache-size', 'size', {
    name: 'migrate_set_cache_size',
    help:
      'set cache size (in bytes) for XBZRLE migrations,' +
      'the cache size will be rounded down to the nearest power of 2.\n' +
      'The cache size affects the number of cache misses.' +
      'In case of a high cache miss ratio you need to increase the cache size',
  }),
  setCapability,
  setter('migrate_set_downtime', 'seconds', {
    name: 'migrate_set_downtime',
    help: 'set maximum tolerated downtime (in seconds) for migrations',
  }),
  setter('migrate_set_speed', 'size', {
    name: 'migrate_set_speed',
    help:
      'set maximum speed (in bytes) for migrations. ' +
      'Defaults to MB if no size suffix is specified, ie. B/K/M/G/T',
  }),
];

/** `info migrate_capabilities`. */
export async function capabilitiesText({ session }: HmpContext): Promise<string> {
  const list = await session.call<readonly JsonObject[]>('query-migrate-capabilities');
  const words = list.map(
    item => `${item['capability']}: ${item['state'] === true ? 'on' : 'off'} `,
  );
  return list.length === 0 ? '' : `capabilities: ${words.join('')}\n`;
}

/** `info migrate_cache_size`. */
export async function cacheSizeText({ session }: HmpContext): Promise<string> {
  const bytes = await session.call<number>('query-migrate-cache-size');
  return `xbzrel cache size: ${Math.floor(bytes / 1024)} kbytes\n`;
}

const kibi = (value: Json): number => Math.floor(Number(value) / 1024);

function memoryText(ram: JsonObject): string {
  const rate = ram['dirty-pages-rate'];
  return (
    `transferred ram: ${kibi(ram['transferred'])} kbytes\n` +
    `throughput: ${fixed(Number(ram['mbps']), 2)} mbps\n` +
    `remaining ram: ${kibi(ram['remaining'])} kbytes\n` +
    `total ram: ${kibi(ram['total'])} kbytes\n` +
    `duplicate: ${ram['duplicate']} pages\n` +
    `skipped: ${ram['skipped']} pages\n` +
    `normal: ${ram['normal']} pages\n` +
    `normal bytes: ${kibi(ram['normal-bytes'])} kbytes\n` +
    `dirty sync count: ${ram['dirty-sync-count']}\n` +
    (rate === undefined || rate === 0 ? '' : `dirty pages rate: ${rate} pages\n`)
  );
}

function diskText(disk: JsonObject): string {
  return (
    `transferred disk: ${kibi(disk['transferred'])} kbytes\n` +
    `remaining disk: ${kibi(disk['remaining'])} kbytes\n` +
    `total disk: ${kibi(disk['total'])} kbytes\n`
  );
}

const TIMES = [
  ['total-time', 'total time'],
  ['expected-downtime', 'expected downtime'],
  ['downtime', 'downtime'],
  ['setup-time', 'setup'],
] as const;

/** `info migrate`. */
export async function migrationText(context: HmpContext): Promise<string> {
  const info = await context.session.call<JsonObject>('query-migrate');
  const { status, ram, disk } = info;
  if (status === undefined) return '';
  let text = `${await capabilitiesText(context)}Migration status: ${status}\n`;
  // One that came to nothing has its time, too.
  if (info['total-time'] === undefined) text += 'total time: 0 milliseconds\n';
  for (const [member, name] of TIMES) {
    if (info[member] !== undefined) text += `${name}: ${info[member]} milliseconds\n`;
  }
  if (ram !== undefined) text += memoryText(ram as JsonObject);
  return disk === undefined ? text : text + diskText(disk as JsonObject);
}
