/**
 * Memory for the tables of all images that are open through one host.
 *
 * However many images a chain has and however large they are, their tables together stay within
 * one limit: whoever holds most gives something up first. What has changed stays until its image
 * has written it, which images do by themselves before it is too much.
 */

import { OVERHEAD, PAGE_BYTES, type PageMemory } from './paged-table.ts';

/** For all tables together. */
const LIMIT = 24 * 1024 * 1024;
/** What is left after tables had to go. */
const AFTERWARDS = LIMIT * 0.75;
/** Changes of one image are written when they take more than this. */
export const MOST_DIRTY = LIMIT / 3;
/** Less than this is not written for the sake of memory alone. */
export const WORTH_WRITING = 1024 * 1024;
/** Pages that may wait for their next use. */
const SPARE = 512;

export interface TableHolder {
  /** Of tables that are in memory, as `charge` was told. */
  readonly heldBytes: number;
  /** Forgets tables that have not changed, about half of all; those in use must stay. */
  giveUp(): void;
}

export class TableBudget {
  private readonly holders = new Set<TableHolder>();
  private used = 0;
  /** Pages that nobody holds: the collector would leave them lying for long. */
  private readonly spare: Uint8Array[] = [];

  /** Memory for pages of tables, on the account of `holder`. */
  pages(holder: TableHolder & { heldBytes: number }): PageMemory {
    const note = (bytes: number): void => {
      holder.heldBytes += bytes;
      this.charge(holder, bytes);
    };
    return {
      take: bytes => {
        note(bytes + OVERHEAD);
        return (bytes === PAGE_BYTES ? this.spare.pop() : undefined) ?? new Uint8Array(bytes);
      },
      giveBack: page => {
        note(-page.length - OVERHEAD);
        if (page.length === PAGE_BYTES && this.spare.length < SPARE) this.spare.push(page);
      },
      settle: () => this.relieve(),
    };
  }

  /** Tells of tables that came (or went, with a negative number). */
  charge(holder: TableHolder, bytes: number): void {
    this.used += bytes;
    if (bytes > 0) this.holders.add(holder);
    else if (holder.heldBytes === 0) this.holders.delete(holder);
  }

  get isFull(): boolean {
    return this.used > LIMIT;
  }

  /** Makes room for more tables, as far as that goes without writing. */
  relieve(): void {
    if (!this.isFull) return;
    const largestFirst = [...this.holders].sort((a, b) => b.heldBytes - a.heldBytes);
    for (const holder of largestFirst) {
      holder.giveUp();
      if (this.used <= AFTERWARDS) return;
    }
  }
}

const budgets = new WeakMap<object, TableBudget>();

/** One for each host: what is open through another one is another program's affair. */
export function tableBudget(host: object): TableBudget {
  let budget = budgets.get(host);
  if (budget === undefined) {
    budget = new TableBudget();
    budgets.set(host, budget);
  }
  return budget;
}
