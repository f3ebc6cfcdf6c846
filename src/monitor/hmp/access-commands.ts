/**
 * Human monitor commands about who may see the machine from outside: access lists, passwords,
 * passed file descriptors, exported disks.
 */

import type { Json } from '../../json.ts';
import type { Arguments } from '../session.ts';
import type { Argument } from './argument-types.ts';
import type { HmpCommand, HmpContext } from './command.ts';

type JsonObject = { readonly [name: string]: Json };

const ACL_NAME: Argument = { name: 'aclname', kind: 'string' };
const MATCH: Argument = { name: 'match', kind: 'string' };
const POLICY: Argument = { name: 'policy', kind: 'string' };

/** There is no list: only encrypted VNC with client certificates has any. */
function acl(name: string, args: readonly Argument[], params: string, help: string): HmpCommand {
  return {
    name,
    args: [ACL_NAME, ...args],
    params,
    help,
    async run({ session }, given) {
      await session.call('x-acl', { aclname: given.text('aclname') });
    },
  };
}

/** A command whose words are the members of a QMP command's arguments. */
function words(
  name: string,
  names: readonly string[],
  more: Pick<HmpCommand, 'params' | 'help'> & { readonly optional?: string },
): HmpCommand {
  const { optional, ...shown } = more;
  return {
    name,
    args: names.map(word => ({ name: word, kind: 'string', optional: word === optional })),
    ...shown,
    async run({ session }, args) {
      await session.call(name, args.texts(...names));
    },
  };
}

const clientMigrateInfo: HmpCommand = {
  name: 'client_migrate_info',
  args: [
    { name: 'protocol', kind: 'string' },
    { name: 'hostname', kind: 'string' },
    { name: 'port', kind: 'int', optional: true },
    { name: 'tls-port', kind: 'int', optional: true },
    { name: 'cert-subject', kind: 'string', optional: true },
  ],
  params: 'protocol hostname port tls-port cert-subject',
  help: 'send migration info to spice/vnc client',
  async run({ session }, args) {
    await session.call('client_migrate_info', {
      ...args.texts('protocol', 'hostname', 'cert-subject'),
      ...args.numbers('port', 'tls-port'),
    });
  },
};

/** `unix:PATH`, `fd:NAME` or `host:port`, as QMP wants it; a port may be a service's name. */
function socketAddress(text: string): Arguments {
  if (text.startsWith('unix:')) return { type: 'unix', data: { path: text.slice(5) } };
  if (text.startsWith('fd:')) return { type: 'fd', data: { str: text.slice(3) } };
  const match = /^(\[[^\]]*\]|[^:,]*):([^,]+)(,.*)?$/.exec(text);
  return match === null
    ? { unparsed: text }
    : { type: 'inet', data: { host: match[1].replace(/^\[|\]$/g, ''), port: match[2] } };
}

async function startNbd(context: HmpContext, uri: string): Promise<boolean> {
  const addr = socketAddress(uri);
  if ('unparsed' in addr) {
    context.print(`error parsing address '${uri}'\n`);
    return false;
  }
  await context.session.call('nbd-server-start', { addr });
  return true;
}

const nbdServerStart: HmpCommand = {
  name: 'nbd_server_start',
  args: [
    { name: 'a', kind: 'flag' },
    { name: 'w', kind: 'flag' },
    { name: 'uri', kind: 'string' },
  ],
  params: 'nbd_server_start [-a] [-w] host:port',
  help: 'serve block devices on the given host and port',
  async run(context, args) {
    const { session, print } = context;
    const writable = args.has('w');
    if (writable && !args.has('a')) {
      print('-w only valid together with -a\n');
      return;
    }
    if (!(await startNbd(context, args.text('uri'))) || !args.has('a')) return;
    try {
      for (const drive of await session.call<readonly JsonObject[]>('query-block')) {
        if (drive['inserted'] === undefined) continue;
        await session.call('nbd-server-add', { device: drive['device'], writable });
      }
    } catch (error) {
      await session.call('nbd-server-stop');
      throw error;
    }
  },
};

const nbdServerAdd: HmpCommand = {
  name: 'nbd_server_add',
  args: [
    { name: 'w', kind: 'flag' },
    { name: 'device', kind: 'block' },
  ],
  params: 'nbd_server_add [-w] device',
  help: 'export a block device via NBD',
  async run({ session }, args) {
    const given = { device: args.text('device'), writable: args.has('w') };
    await session.call('nbd-server-add', given);
  },
};

const nbdServerStop: HmpCommand = {
  name: 'nbd_server_stop',
  args: [],
  params: 'nbd_server_stop',
  help: 'stop serving block devices using the NBD protocol',
  async run({ session }) {
    await session.call('nbd-server-stop');
  },
};

export const ACCESS_COMMANDS: readonly HmpCommand[] = [
  acl(
    'acl_add',
    [MATCH, POLICY, { name: 'index', kind: 'int', optional: true }],
    'aclname match allow|deny [index]',
    'add a match rule to the access control list',
  ),
  acl('acl_policy', [POLICY], 'aclname allow|deny', 'set default access control list policy'),
  acl('acl_remove', [MATCH], 'aclname match', 'remove a match rule from the access control list'),
  acl('acl_reset', [], 'aclname', 'reset the access control list'),
  acl('acl_show', [], 'aclname', 'list rules in the access control list'),
  clientMigrateInfo,
  words('closefd', ['fdname'], {
    params: 'closefd name',
    help: 'close a file descriptor previously passed via SCM rights',
  }),
  words('expire_password', ['protocol', 'time'], {
    params: 'protocol time',
    help: 'set spice/vnc password expire-time',
  }),
  words('getfd', ['fdname'], {
    params: 'getfd name',
    help: 'receive a file descriptor via SCM rights and assign it a name',
  }),
  nbdServerAdd,
  nbdServerStart,
  nbdServerStop,
  words('set_password', ['protocol', 'password', 'connected'], {
    optional: 'connected',
    params: 'protocol password action-if-connected',
    help: 'set spice/vnc password',
  }),
];
