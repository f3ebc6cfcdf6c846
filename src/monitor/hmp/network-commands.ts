/**
 * Human monitor commands about the network: links, back ends, hubs, forwarded ports.
 */

import { splitOptions } from '../../options.ts';
import type { Arguments } from '../session.ts';
import type { HmpCommand } from './command.ts';

const FORWARD_ARGUMENTS = [
  { name: 'arg1', kind: 'string' },
  { name: 'arg2', kind: 'string', optional: true },
  { name: 'arg3', kind: 'string', optional: true },
] as const;

function forward(name: string, params: string, help: string): HmpCommand {
  return {
    name,
    args: FORWARD_ARGUMENTS,
    params,
    help,
    async run({ session, print }, args) {
      const words = ['arg1', 'arg2', 'arg3'].filter(key => args.has(key)).map(k => args.text(k));
      print(await session.call<string>(`x-${name.replaceAll('_', '-')}`, { words }));
    },
  };
}

const hostNetAdd: HmpCommand = {
  name: 'host_net_add',
  args: [
    { name: 'device', kind: 'string' },
    { name: 'opts', kind: 'string', optional: true },
  ],
  params: 'tap|user|socket|vde|netmap|bridge|vhost-user|dump [options]',
  help: 'add host VLAN client',
  async run({ session }, args) {
    const given = { device: args.text('device'), ...args.texts('opts') };
    await session.call('x-host-net-add', given);
  },
};

const hostNetRemove: HmpCommand = {
  name: 'host_net_remove',
  args: [
    { name: 'vlan_id', kind: 'int' },
    { name: 'device', kind: 'string' },
  ],
  params: 'vlan_id name',
  help: 'remove host VLAN client',
  async run({ session }, args) {
    const given = { hub: args.number('vlan_id'), device: args.text('device') };
    await session.call('x-host-net-remove', given);
  },
};

const netdevAdd: HmpCommand = {
  name: 'netdev_add',
  args: [{ name: 'netdev', kind: 'options' }],
  params: '[user|tap|socket|vde|bridge|hubport|netmap|vhost-user],id=str[,prop=value][,...]',
  help: 'add host network device',
  async run({ session }, args) {
    const pairs = splitOptions(args.text('netdev'), 'type');
    const given: Arguments = Object.fromEntries(pairs.map(({ key, value }) => [key, value]));
    await session.call('netdev_add', given);
  },
};

const netdevDel: HmpCommand = {
  name: 'netdev_del',
  args: [{ name: 'id', kind: 'string' }],
  params: 'id',
  help: 'remove host network device',
  async run({ session }, args) {
    await session.call('netdev_del', { id: args.text('id') });
  },
};

const setLink: HmpCommand = {
  name: 'set_link',
  args: [
    { name: 'name', kind: 'string' },
    { name: 'up', kind: 'switch' },
  ],
  params: 'name on|off',
  help: 'change the link status of a network adapter',
  async run({ session }, args) {
    await session.call('set_link', { name: args.text('name'), up: args.has('up') });
  },
};

export const NETWORK_COMMANDS: readonly HmpCommand[] = [
  hostNetAdd,
  hostNetRemove,
  forward(
    'hostfwd_add',
    '[vlan_id name] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport',
    'redirect TCP or UDP connections from host to guest (requires -net user)',
  ),
  forward(
    'hostfwd_remove',
    '[vlan_id name] [tcp|udp]:[hostaddr]:hostport',
    'remove host-to-guest TCP or UDP redirection',
  ),
  netdevAdd,
  netdevDel,
  setLink,
];
