/**
 * A client's session: commands by name, in process. QMP connections have one each, and the human
 * monitor has nothing else: whatever it shows came through `call`.
 */

import { assert, UserError } from '../error.ts';
import type { Json } from '../json.ts';
import type { Command } from './command.ts';
import type { Vm } from './vm.ts';

export type Arguments = { readonly [name: string]: Json };

export class Session {
  private readonly commands: ReadonlyMap<string, Command>;

  /** With `internal`, the `x-…` commands of the human monitor can be called, too. */
  constructor(
    private readonly vm: Vm,
    commands: readonly Command[],
    private readonly options: { readonly internal: boolean },
  ) {
    this.commands = new Map(commands.map(item => [item.name, item]));
  }

  /** Runs a command; most finish at once, and then the result is no promise. */
  start(name: string, args: Json = {}): Json | Promise<Json> {
    const command = this.commands.get(name);
    if (command === undefined || (command.isInternal && !this.options.internal)) {
      throw new UserError(`The command ${name} has not been found`, 'CommandNotFound');
    }
    return command.invoke(this.vm, args);
  }

  /** The type is the caller's promise about the command's result, as its schema says. */
  async call<T extends Json = Json>(name: string, args: Arguments = {}): Promise<T> {
    return (await this.start(name, args)) as T;
  }

  /** For commands that finish at once. */
  callNow<T extends Json = Json>(name: string, args: Arguments = {}): T {
    const result = this.start(name, args);
    assert(!(result instanceof Promise), `${name} finishes at once`);
    return result as T;
  }
}
