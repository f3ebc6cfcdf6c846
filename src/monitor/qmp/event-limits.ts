/**
 * Events on their way to clients: some are told at most once in an interval of the host's time. The
 * first goes out at once; of those that follow within the interval the last goes out at its end.
 */

import type { Events, MachineEvent } from '../../events.ts';
import { EVENT_TABLE } from '../event-table.ts';
import type { MonitorHost } from '../vm.ts';

/** An event with the time at which it happened. */
export interface StampedEvent extends MachineEvent {
  readonly timestamp: { readonly seconds: number; readonly microseconds: number };
}

type LimitHost = Pick<MonitorHost, 'wallClock' | 'after'>;

interface Limit {
  readonly intervalMs: number;
  isRunning: boolean;
  held: StampedEvent | undefined;
}

export class EventLimits {
  private readonly limits: ReadonlyMap<string, Limit>;
  private readonly listeners = new Set<(event: StampedEvent) => void>();

  constructor(
    events: Events,
    private readonly host: LimitHost,
  ) {
    this.limits = new Map(
      EVENT_TABLE.flatMap(({ name, intervalMs }) =>
        intervalMs === undefined ? [] : [[name, { intervalMs, isRunning: false, held: undefined }]],
      ),
    );
    events.listen(event => this.take({ ...event, timestamp: host.wallClock() }));
  }

  listen(listener: (event: StampedEvent) => void): void {
    this.listeners.add(listener);
  }

  private take(event: StampedEvent): void {
    const limit = this.limits.get(event.name);
    if (limit?.isRunning === true) {
      limit.held = event;
      return;
    }
    if (limit !== undefined) this.begin(limit);
    this.tell(event);
  }

  private begin(limit: Limit): void {
    limit.isRunning = true;
    this.host.after(limit.intervalMs, () => {
      limit.isRunning = false;
      const { held } = limit;
      if (held === undefined) return;
      limit.held = undefined;
      this.begin(limit);
      this.tell(held);
    });
  }

  private tell(event: StampedEvent): void {
    for (const listener of [...this.listeners]) listener(event);
  }
}
