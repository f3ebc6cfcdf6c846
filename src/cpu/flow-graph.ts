/**
 * The order and nesting of a control flow graph, for structure.ts to write: dominators, loops, and
 * the nodes that can be reached through the dispatch only.
 *
 * Nodes are numbered in reverse postorder; number 0 is the dispatch, a node of our own in front of
 * all entries. Every edge that goes back in this order must lead to a loop header that dominates
 * its source; the targets of those that do not are made targets of the dispatch too, until no such
 * edge is left (the dispatch enters the loops around its targets, so their headers may follow).
 * Since a header is the first node that its loop's walk meets, outer ones come before inner ones.
 * Nodes are never duplicated.
 */

export interface Flow {
  /** By node: where it may go, the likeliest (fall-through) last; a target may occur twice. */
  readonly successors: readonly (readonly number[])[];
  /** Nodes that control may enter from outside; `pc` is an index into this list at the start. */
  readonly entries: readonly number[];
}

/** The number of the dispatch. */
export const DISPATCH = 0;
/** No number. */
export const NONE = -1;

/** Nodes of `flow` that control can reach, in postorder. */
function postorder({ successors, entries }: Flow): number[] {
  const seen = new Uint8Array(successors.length);
  const tried = new Int32Array(successors.length);
  const order: number[] = [];
  const open: number[] = [];
  const visit = (node: number): void => {
    if (seen[node] !== 0) return;
    seen[node] = 1;
    open.push(node);
  };
  for (const entry of entries) {
    visit(entry);
    while (open.length > 0) {
      const node = open[open.length - 1];
      const out = successors[node];
      if (tried[node] < out.length) visit(out[tried[node]++]);
      else order.push(open.pop()!);
    }
  }
  return order;
}

/** Lists of numbers, each in rising order when filled from the highest. */
class Lists {
  private readonly first: Int32Array;
  private readonly following: Int32Array;

  constructor(size: number) {
    this.first = new Int32Array(size).fill(NONE);
    this.following = new Int32Array(size);
  }

  prepend(list: number, item: number): void {
    this.following[item] = this.first[list];
    this.first[list] = item;
  }

  get(list: number): number[] {
    const items: number[] = [];
    for (let i = this.first[list]; i !== NONE; i = this.following[i]) items.push(i);
    return items;
  }
}

export class FlowGraph {
  /** True when the dispatch has a choice. */
  readonly hasDispatch: boolean;
  /** Nodes by number, numbers by node (0: never reached). */
  readonly order: Int32Array;
  readonly number: Int32Array;
  /** By number: whether its text is a loop. The dispatch is one if an edge goes through it. */
  readonly isHeader: Uint8Array;
  /** By number: whether it stands in the place of the only edge to it. */
  readonly isInline: Uint8Array;
  /** By number: what stands behind it within its loop, and behind its loop. */
  readonly inside: Lists;
  readonly behind: Lists;
  /** What the dispatch goes to, by number, as `pc` counts. */
  readonly targets: number[];

  /** By number: the next dominator. */
  private readonly dominator: Int32Array;
  /** By number: the innermost loop around it, a header's own loop aside. */
  private readonly around: Int32Array;
  /** By number: 1 when the dispatch goes to it. */
  private readonly isTarget: Uint8Array;
  /** Edges to i come from sources[start[i]] up to start[i + 1]; from the dispatch besides. */
  private readonly start: Int32Array;
  private readonly sources: Int32Array;

  constructor(readonly flow: Flow) {
    const post = postorder(flow);
    const size = post.length + 1;
    this.order = new Int32Array(size).fill(NONE);
    this.number = new Int32Array(flow.successors.length);
    for (let i = 1; i < size; i++) {
      const node = post[size - 1 - i];
      this.order[i] = node;
      this.number[node] = i;
    }
    this.start = new Int32Array(size + 1);
    this.sources = this.incoming();
    this.isTarget = new Uint8Array(size);
    this.targets = flow.entries.map(entry => this.number[entry]);
    for (const target of this.targets) this.isTarget[target] = 1;
    this.dominator = new Int32Array(size).fill(NONE);
    this.dominator[DISPATCH] = DISPATCH;
    this.makeReducible();
    this.hasDispatch = this.targets.some(target => target !== this.targets[0]);
    this.isHeader = new Uint8Array(size);
    this.around = new Int32Array(size).fill(NONE);
    this.findLoops();
    this.isInline = new Uint8Array(size);
    this.inside = new Lists(size);
    this.behind = new Lists(size);
    for (let i = size - 1; i > 0; i--) this.place(i);
  }

  /** Whether the way from number `from` back to number `to` is a loop of its own. */
  loops(from: number, to: number): boolean {
    let at = from;
    while (at > to) at = this.dominator[at];
    return at === to;
  }

  private incoming(): Int32Array {
    const { order, number, start } = this;
    const { successors } = this.flow;
    const size = order.length;
    for (let i = 1; i < size; i++) {
      for (const to of successors[order[i]]) start[number[to]]++;
    }
    for (let i = 1; i <= size; i++) start[i] += start[i - 1];
    const sources = new Int32Array(start[size]);
    for (let i = size - 1; i > 0; i--) {
      for (const to of successors[order[i]]) sources[--start[number[to]]] = i;
    }
    return sources;
  }

  /** More targets only take dominators away, so that each round goes on from the last one's. */
  private makeReducible(): void {
    for (let found = true; found; ) {
      while (this.dominate());
      found = false;
      for (let i = 1; i < this.order.length; i++) {
        if (this.isTarget[i] !== 0 || !this.hasSideEntrance(i)) continue;
        this.isTarget[i] = 1;
        this.targets.push(i);
        found = true;
      }
    }
  }

  /** One pass of Cooper, Harvey and Kennedy's algorithm. True when it changed something. */
  private dominate(): boolean {
    const { dominator, isTarget, start, sources } = this;
    let changed = false;
    for (let i = 1; i < dominator.length; i++) {
      let common = isTarget[i] !== 0 ? DISPATCH : NONE;
      for (let s = start[i]; s < start[i + 1] && common !== DISPATCH; s++) {
        if (dominator[sources[s]] === NONE) continue;
        common = common === NONE ? sources[s] : this.common(common, sources[s]);
      }
      if (dominator[i] === common) continue;
      dominator[i] = common;
      changed = true;
    }
    return changed;
  }

  private common(a: number, b: number): number {
    const { dominator } = this;
    let [x, y] = [a, b];
    while (x !== y) {
      if (x > y) x = dominator[x];
      else y = dominator[y];
    }
    return x;
  }

  private hasSideEntrance(i: number): boolean {
    for (let s = this.start[i]; s < this.start[i + 1]; s++) {
      if (this.sources[s] >= i && !this.loops(this.sources[s], i)) return true;
    }
    return false;
  }

  /** From the innermost loop outwards: each takes in what leads to its back edges. */
  private findLoops(): void {
    const { start, sources } = this;
    const pending: number[] = [];
    for (let header = this.order.length - 1; header > 0; header--) {
      for (let s = start[header]; s < start[header + 1]; s++) {
        const from = sources[s];
        if (from < header) continue;
        const loops = this.loops(from, header);
        this.isHeader[loops ? header : DISPATCH] = 1;
        if (loops) pending.push(from);
      }
      while (pending.length > 0) this.takeIn(header, pending);
    }
  }

  /** Puts the outermost loop known so far around a pending node, or the node, into `header`'s. */
  private takeIn(header: number, pending: number[]): void {
    const { around, start, sources } = this;
    let i = pending.pop()!;
    while (i !== header && around[i] !== NONE) i = around[i];
    if (i === header) return;
    around[i] = header;
    for (let s = start[i]; s < start[i + 1]; s++) {
      if (sources[s] < i) pending.push(sources[s]);
    }
  }

  /** Where the text of number i stands: behind the outermost loop that is left for it, if any. */
  private place(i: number): void {
    const { around } = this;
    const parent = this.dominator[i];
    let loop = parent !== DISPATCH && this.isHeader[parent] !== 0 ? parent : around[parent];
    if (loop !== around[i]) {
      while (around[loop] !== around[i]) loop = around[loop];
      this.behind.prepend(loop, i);
      return;
    }
    let edges: number = this.isTarget[i];
    for (let s = this.start[i]; s < this.start[i + 1]; s++) if (this.sources[s] < i) edges++;
    if (edges === 1) this.isInline[i] = 1;
    else this.inside.prepend(parent, i);
  }
}
