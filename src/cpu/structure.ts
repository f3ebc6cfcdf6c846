/**
 * Turns a control flow graph into structured JavaScript: loops, labelled blocks, `break` and
 * `continue`, after N. Ramsey, "Beyond Relooper" (ICFP 2022).
 *
 * Nodes are numbered in reverse postorder; number 0 is the dispatch, a node of our own in front of
 * all entries. Every edge that goes back in this order must lead to a loop header that dominates
 * its source; the targets of those that do not are made targets of the dispatch too, until no such
 * edge is left (the dispatch enters the loops around its targets, so their headers may follow).
 * Since a header is the first node that its loop's walk meets, outer ones come before inner ones.
 *
 * A loop header becomes `L: for (;;) {}`. A node with one edge to it stands in the place of that
 * edge. All others, and what a loop leaves for, stand behind a labelled block or the loop itself.
 * Nodes are never duplicated.
 */

import { assert } from '../error.ts';

export interface Flow {
  /** By node: where it may go, the likeliest (fall-through) last; a target may occur twice. */
  readonly successors: readonly (readonly number[])[];
  /** Nodes that control may enter from outside; `pc` is an index into this list at the start. */
  readonly entries: readonly number[];
}

/**
 * Gives a node's statements. Calls `go` once for each element of the node's successors, in any
 * order, and puts the result where control leaves for it: in braces, or as the last thing in the
 * text. Names that the statements declare must be unique among all nodes.
 */
export type NodeText = (n: number, go: (target: number) => string) => string;

const DISPATCH = 0;
const NONE = -1;
/** Encloses an edge's place in a node's text. */
const MARK = '\0';

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

export class Structure {
  /** True when the text switches on `pc`, which the caller declares. */
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

  /** The edge goes back: to a loop header around it, or through the dispatch. */
  isBackEdge(from: number, to: number): boolean {
    return this.number[to] !== 0 && this.number[to] <= this.number[from];
  }

  /** The whole as JavaScript statements, in which each reached node has its text once. */
  text(node: NodeText): string {
    return new Writer(this, node).text();
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

/** Writes one text. `next` is the number that control reaches by falling out of what is written. */
class Writer {
  private readonly out: string[] = [];
  /** By number: how often `break B` and `continue L` (or `break L`) were written. */
  private readonly blockUses: Int32Array;
  private readonly loopUses: Int32Array;
  /** By number: the loop whose end it stands at, so that leaving the loop leads there. */
  private readonly leaves: Int32Array;

  constructor(
    private readonly shape: Structure,
    private readonly node: NodeText,
  ) {
    const size = shape.order.length;
    this.blockUses = new Int32Array(size);
    this.loopUses = new Int32Array(size);
    this.leaves = new Int32Array(size).fill(NONE);
  }

  text(): string {
    this.tree(DISPATCH, NONE);
    return this.out.join('');
  }

  /** All that stands at number i. */
  private tree(i: number, next: number): void {
    const behind = this.shape.behind.get(i);
    if (behind.length > 0) this.leaves[behind[0]] = i;
    this.blocks(behind, next, inner => this.loop(i, inner));
  }

  private loop(i: number, next: number): void {
    const isLoop = this.shape.isHeader[i] !== 0;
    const slot = this.out.push('') - 1;
    this.blocks(this.shape.inside.get(i), isLoop ? i : next, inner => {
      if (i === DISPATCH) this.dispatch(inner);
      else this.statements(i, inner);
    });
    if (!isLoop) return;
    const label = this.loopUses[i] > 0 ? `${this.loopLabel(i)}: ` : '';
    this.out[slot] = `${label}for (;;) {\n`;
    this.out.push('}\n');
  }

  /** Writes `content` in blocks, one for each of `merges`, which stand behind them in turn. */
  private blocks(merges: number[], next: number, content: (next: number) => void): void {
    const last = this.out.length + merges.length - 1;
    for (let k = 0; k < merges.length; k++) this.out.push('');
    content(merges.length > 0 ? merges[0] : next);
    merges.forEach((merge, k) => {
      if (this.blockUses[merge] > 0) {
        this.out[last - k] = `B${this.shape.order[merge]}: {\n`;
        this.out.push('}\n');
      }
      this.tree(merge, k + 1 < merges.length ? merges[k + 1] : next);
    });
  }

  private loopLabel(i: number): string {
    return i === DISPATCH ? 'D' : `L${this.shape.order[i]}`;
  }

  /** A switch over all targets but one, to which control falls through. */
  private dispatch(next: number): void {
    const { targets } = this.shape;
    const rest = targets.includes(next) ? next : targets[0];
    const cases = new Map<number, string>();
    targets.forEach((to, pc) => {
      if (to !== rest) cases.set(to, `${cases.get(to) ?? ''}case ${pc}: `);
    });
    if (cases.size > 0) this.out.push('switch (pc) {\n');
    for (const [to, labels] of cases) {
      this.out.push(labels);
      this.edge(DISPATCH, to, NONE);
      this.out.push('\n');
    }
    if (cases.size > 0) this.out.push('}\n');
    this.edge(DISPATCH, rest, next);
  }

  private statements(i: number, next: number): void {
    const { order, number, flow } = this.shape;
    const node = order[i];
    const text = this.node(node, to => {
      assert(flow.successors[node].includes(to), `no edge from node ${node} to ${to}`);
      return MARK + number[to] + MARK;
    });
    const parts = text.trimEnd().split(MARK);
    const edges = flow.successors[node].length;
    assert(parts.length === 2 * edges + 1, `node ${node} places each of its edges once`);
    for (let k = 0; k < edges; k++) {
      this.out.push(parts[2 * k]);
      const isLast = k === edges - 1 && parts[2 * edges] === '';
      this.edge(i, Number(parts[2 * k + 1]), isLast ? next : NONE);
    }
    this.out.push(parts[2 * edges], '\n');
  }

  private edge(from: number, to: number, next: number): void {
    const { shape, out } = this;
    if (to <= from) {
      const loops = shape.loops(from, to);
      if (!loops) out.push(`pc = ${shape.targets.indexOf(to)}; `);
      this.again(loops ? to : DISPATCH, next);
    } else if (shape.isInline[to] !== 0) {
      this.tree(to, next);
    } else if (next !== to) {
      const loop = this.leaves[to];
      if (loop === NONE) this.blockUses[to]++;
      else this.loopUses[loop]++;
      out.push(`break ${loop === NONE ? `B${shape.order[to]}` : this.loopLabel(loop)};`);
    }
  }

  private again(header: number, next: number): void {
    if (next === header) return;
    this.loopUses[header]++;
    this.out.push(`continue ${this.loopLabel(header)};`);
  }
}
