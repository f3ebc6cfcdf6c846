/**
 * A monitor command: its name, schemas and meaning. The list of commands is what `query-commands`
 * shows, what checks arguments, and what the reference is made from.
 *
 * What QEMU offers on its human monitor only is an internal command named `x-…`: not listed, not
 * callable from QMP.
 */

import type { Json } from '../json.ts';
import { checkArguments, empty, type Schema, type StructSchema } from '../schema.ts';
import type { Vm } from './vm.ts';

export interface CommandDefinition<A, R extends Json> {
  readonly name: string;
  readonly doc: string;
  readonly args: StructSchema<A>;
  readonly returns: Schema<R>;
  /** Its name only looks like that of an internal one. */
  readonly isListed?: boolean;
  run(vm: Vm, args: A): R | Promise<R>;
}

/** A command whose argument types are checked at run time by its schema. */
export interface Command {
  readonly name: string;
  readonly doc: string;
  readonly args: StructSchema<unknown>;
  readonly returns: Schema<Json>;
  readonly isInternal: boolean;
  invoke(vm: Vm, args: Json): Json | Promise<Json>;
}

export function command<A, R extends Json>(definition: CommandDefinition<A, R>): Command {
  return {
    name: definition.name,
    doc: definition.doc,
    args: definition.args,
    returns: definition.returns,
    isInternal: definition.isListed !== true && definition.name.startsWith('x-'),
    invoke(vm, args) {
      checkArguments(definition.args, args);
      return definition.run(vm, definition.args.parse(args, 'arguments'));
    },
  };
}

/** What commands without a result return. */
const NOTHING: { readonly [name: string]: Json } = {};

export interface ActionDefinition<A> {
  readonly name: string;
  readonly doc: string;
  readonly args: StructSchema<A>;
  readonly isListed?: boolean;
  /** What it returns is not told; of a promise the end is awaited. */
  run(vm: Vm, args: A): unknown;
}

/** A command without a result. */
export function action<A>(definition: ActionDefinition<A>): Command {
  return command({
    ...definition,
    returns: empty,
    run(vm, args) {
      const done = definition.run(vm, args);
      return done instanceof Promise ? done.then(() => NOTHING) : NOTHING;
    },
  });
}
