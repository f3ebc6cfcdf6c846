/** Commands that say what there is to choose from: machines, processors, options, object types. */

import { UserError } from '../../error.ts';
import type { Json } from '../../json.ts';
import type { ObjectType } from '../../qom.ts';
import { bool, empty, optional, returned, str, struct } from '../../schema.ts';
import { command } from '../command.ts';
import { OPTION_GROUPS } from '../option-groups.ts';

type JsonObject = { readonly [name: string]: Json };

/** Those of QEMU 2.2.50, in its order; this program has the default one and `none`. */
const MACHINES = [
  { name: 'pc-i440fx-2.2', 'cpu-max': 255 },
  { name: 'pc-1.3', 'cpu-max': 255 },
  { name: 'pc-q35-1.5', 'cpu-max': 255 },
  { name: 'pc-i440fx-1.6', 'cpu-max': 255 },
  { name: 'pc-0.11', 'cpu-max': 255 },
  { name: 'pc-0.14', 'cpu-max': 255 },
  { name: 'pc-q35-2.0', 'cpu-max': 255 },
  { name: 'pc-i440fx-2.1', 'cpu-max': 255 },
  { name: 'pc-1.2', 'cpu-max': 255 },
  { name: 'pc-q35-2.3', 'cpu-max': 255, alias: 'q35' },
  { name: 'pc-q35-1.4', 'cpu-max': 255 },
  { name: 'pc-0.10', 'cpu-max': 255 },
  { name: 'pc-q35-1.7', 'cpu-max': 255 },
  { name: 'pc-i440fx-1.5', 'cpu-max': 255 },
  { name: 'pc-0.13', 'cpu-max': 255 },
  { name: 'pc-i440fx-2.0', 'cpu-max': 255 },
  { name: 'pc-1.1', 'cpu-max': 255 },
  { name: 'pc-q35-2.2', 'cpu-max': 255 },
  { name: 'pc-i440fx-2.3', 'cpu-max': 255, alias: 'pc', 'is-default': true },
  { name: 'pc-i440fx-1.4', 'cpu-max': 255 },
  { name: 'isapc', 'cpu-max': 1 },
  { name: 'pc-q35-1.6', 'cpu-max': 255 },
  { name: 'none', 'cpu-max': 1 },
  { name: 'pc-i440fx-1.7', 'cpu-max': 255 },
  { name: 'pc-0.12', 'cpu-max': 255 },
  { name: 'pc-0.15', 'cpu-max': 255 },
  { name: 'pc-1.0', 'cpu-max': 255 },
  { name: 'pc-q35-2.1', 'cpu-max': 255 },
] as const;

export const queryMachines = command({
  name: 'query-machines',
  doc: 'The machine types of QEMU 2.2.50; the default one is emulated.',
  args: empty,
  returns: returned<readonly JsonObject[]>("['MachineInfo']"),
  run: () => MACHINES,
});

export const queryCpuDefinitions = command({
  name: 'query-cpu-definitions',
  doc: 'The processor models that -cpu takes.',
  args: empty,
  returns: returned<readonly JsonObject[]>("['CpuDefinitionInfo']"),
  run: vm => [...vm.panel.models.cpus].reverse().map(name => ({ name })),
});

export const queryCommandLineOptions = command({
  name: 'query-command-line-options',
  doc: 'What groups of options take, or one of them.',
  args: struct('CommandLineOptionsArgs', { option: optional(str) }),
  returns: returned<readonly JsonObject[]>("['CommandLineOptionInfo']"),
  run(_vm, { option }) {
    const groups = OPTION_GROUPS.filter(group => option === undefined || group.option === option);
    if (groups.length === 0) throw new UserError(`Invalid parameter '${option}'`);
    return groups.map(group => ({
      option: group.option,
      parameters: group.parameters.map(
        ([name, type, help]): JsonObject =>
          help === undefined ? { name, type } : { name, type, help },
      ),
    }));
  },
});

export const deviceListProperties = command({
  name: 'device-list-properties',
  doc: 'The properties of a device model.',
  args: struct('DevicePropertiesArgs', { typename: str }),
  returns: returned<readonly JsonObject[]>("['DevicePropertyInfo']"),
  run(vm, { typename }) {
    const type = vm.panel.models.types.find(({ name }) => name === typename);
    if (type === undefined) {
      throw new UserError(`Device '${typename}' not found`, 'DeviceNotFound');
    }
    if (type.properties === undefined) {
      throw new UserError("Parameter 'name' expects device");
    }
    return inListedOrder(type.properties).map(
      ({ name, type: kind, description }): JsonObject =>
        description === undefined ? { name, type: kind } : { name, type: kind, description },
    );
  },
});

/** The newest first: bootindex is made last. */
function inListedOrder<T extends { readonly name: string }>(properties: readonly T[]): T[] {
  const list = [...properties].reverse();
  const isLate = ({ name }: T): boolean => name === 'bootindex';
  return [...list.filter(isLate), ...list.filter(item => !isLate(item))];
}

export const qomListTypes = command({
  name: 'qom-list-types',
  doc: 'The types of objects there are; all of them, or those that are a kind of `implements`.',
  args: struct('ListTypesArgs', { implements: optional(str), abstract: optional(bool) }),
  returns: returned<readonly JsonObject[]>("['ObjectTypeInfo']"),
  run(vm, args) {
    const wanted = args.implements;
    const fits = ({ name, parents }: ObjectType): boolean =>
      wanted === undefined || name === wanted || parents.includes(wanted);
    return [...vm.panel.models.types, ...vm.objects.types()]
      .filter(fits)
      .map(({ name }) => ({ name }));
  },
});
