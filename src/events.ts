/**
 * What happens in the machine, told to whoever listens: QMP events by their names.
 */

import type { Json } from './json.ts';

export interface MachineEvent {
  readonly name: string;
  readonly data?: { readonly [name: string]: Json };
}

export class Events {
  private readonly listeners = new Set<(event: MachineEvent) => void>();

  emit(name: string, data?: { readonly [name: string]: Json }): void {
    const event = data === undefined ? { name } : { name, data };
    for (const listener of [...this.listeners]) listener(event);
  }

  /** Returns the way to stop listening. */
  listen(listener: (event: MachineEvent) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}
