/** Commands that walk the tree of objects, and those that add to it. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import { findObject, type QomObject, type QomProperty, qomChild, qomObject } from '../../qom.ts';
import { any, empty, openStruct, optional, returned, str, struct } from '../../schema.ts';
import { action, command } from '../command.ts';
import type { Vm } from '../vm.ts';

type JsonObject = { readonly [name: string]: Json };

function root(vm: Vm): QomObject {
  return qomObject('container', [
    qomChild('machine', vm.panel.machineObject()),
    qomChild('objects', vm.objects.container()),
  ]);
}

export const qomList = command({
  name: 'qom-list',
  doc: 'The properties of an object; those of type child<…> are objects below it.',
  args: struct('QomListArgs', { path: str }),
  returns: returned<readonly JsonObject[]>("['ObjectPropertyInfo']"),
  run: (vm, { path }) =>
    findObject(root(vm), path).object.properties.map(({ name, type }) => ({ name, type })),
});

function findProperty(
  vm: Vm,
  path: string,
  name: string,
): { readonly at: string; readonly property: QomProperty } {
  const found = findObject(root(vm), path);
  const property = found.object.properties.find(item => item.name === name);
  if (property === undefined) throw new UserError(`Property '.${name}' not found`);
  return { at: found.path, property };
}

export const qomGet = command({
  name: 'qom-get',
  doc: 'The value of a property; of a child, its path.',
  args: struct('QomGetArgs', { path: str, property: str }),
  returns: returned<Json>('any'),
  run(vm, { path, property: name }) {
    const { at, property } = findProperty(vm, path, name);
    if (property.child !== undefined) return `${at === '/' ? '' : at}/${name}`;
    if (property.value === undefined) {
      throw new UserError('Insufficient permission to perform this operation');
    }
    return property.value();
  },
});

export const qomSet = action({
  name: 'qom-set',
  doc: 'Change a property that can be changed.',
  args: struct('QomSetArgs', { path: str, property: str, value: any }),
  run(vm, { path, property: name, value }) {
    const { property } = findProperty(vm, path, name);
    if (property.set === undefined) {
      throw new UserError('Insufficient permission to perform this operation');
    }
    property.set(value);
  },
});

export const objectAdd = action({
  name: 'object-add',
  doc: 'Create an object that devices can be given: a memory back end, a thread, a random source.',
  args: struct('ObjectAddArgs', {
    'qom-type': str,
    id: str,
    props: optional(openStruct('ObjectProperties')),
  }),
  run(vm, args) {
    vm.objects.add(args['qom-type'], args.id, args.props ?? {});
  },
});

export const objectAddOptions = action({
  name: 'x-object-add',
  doc: 'Create an object; its properties are texts as `-object` takes them.',
  args: struct('ObjectOptionArgs', {
    'qom-type': str,
    id: str,
    props: openStruct('ObjectOptions'),
  }),
  run(vm, args) {
    vm.objects.addFromTexts(args['qom-type'], args.id, args.props);
  },
});

export const objectDel = action({
  name: 'object-del',
  doc: 'Destroy an object that object-add created.',
  args: struct('ObjectDelArgs', { id: str }),
  run(vm, { id }) {
    vm.objects.remove(id);
  },
});

export const queryMemdev = command({
  name: 'query-memdev',
  doc: 'The memory back ends.',
  args: empty,
  returns: returned<readonly JsonObject[]>("['Memdev']"),
  run: vm =>
    vm.objects.list('memory-backend').map(({ values }) => ({
      size: values['size'],
      merge: values['merge'],
      dump: values['dump'],
      prealloc: values['prealloc'],
      'host-nodes': [],
      policy: values['policy'],
    })),
});

export const queryIothreads = command({
  name: 'query-iothreads',
  doc: 'The threads made for I/O; none has anything to do.',
  args: empty,
  returns: returned<readonly JsonObject[]>("['IOThreadInfo']"),
  run: vm => vm.objects.list('iothread').map(({ id }) => ({ id, 'thread-id': vm.host.threadId })),
});
