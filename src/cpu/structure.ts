/**
 * Turns a control flow graph into structured JavaScript: loops, labelled blocks, `break` and
 * `continue`, after N. Ramsey, "Beyond Relooper" (ICFP 2022).
 *
 * A loop header becomes `L: for (;;) {}`. A node with one edge to it stands in the place of that
 * edge. All others, and what a loop leaves for, stand behind a labelled block or the loop itself.
 * With several entries, or ways into a loop beside its header, the whole is one more loop around a
 * switch on `pc`; an edge through it is `pc = k; continue D;`.
 */

import { assert } from '../error.ts';
import { DISPATCH, type Flow, FlowGraph, NONE } from './flow-graph.ts';

export type { Flow } from './flow-graph.ts';

/**
 * Gives a node's statements. Calls `go` once for each element of the node's successors, in any
 * order, and puts the result where control leaves for it: in braces, or as the last thing in the
 * text. Names that the statements declare must be unique among all nodes.
 */
export type NodeText = (n: number, go: (target: number) => string) => string;

/** Encloses an edge's place in a node's text. */
const MARK = '\0';

export class Structure {
  /** True when the text switches on `pc`: declared by the caller, it holds an index of entries. */
  readonly hasDispatch: boolean;
  private readonly graph: FlowGraph;

  constructor(flow: Flow) {
    this.graph = new FlowGraph(flow);
    this.hasDispatch = this.graph.hasDispatch;
  }

  /** The edge goes back: to a loop header around it, or through the dispatch. */
  isBackEdge(from: number, to: number): boolean {
    const { number } = this.graph;
    return number[to] !== 0 && number[to] <= number[from];
  }

  /**
   * The whole as JavaScript statements, in which each node that control can reach has its text
   * once. Control leaves it by what the nodes' texts do of their own.
   */
  text(node: NodeText): string {
    return new Writer(this.graph, node).text();
  }
}

/** Where a text goes on to number `to`. */
interface Place {
  readonly before: string;
  readonly to: number;
  readonly next: number;
}

/**
 * Writes one text. `next` is the number that control reaches by falling out of what is written.
 * What remains to be written is kept in `later`, as long chains of nodes would exhaust the stack.
 */
class Writer {
  private readonly out: string[] = [];
  /** In reverse: the last is written next. */
  private readonly later: (() => void)[] = [];
  /** By number: how often `break B` and `continue L` (or `break L`) were written. */
  private readonly blockUses: Int32Array;
  private readonly loopUses: Int32Array;
  /** By number: the loop whose end it stands at, so that leaving the loop leads there. */
  private readonly leaves: Int32Array;

  constructor(
    private readonly graph: FlowGraph,
    private readonly node: NodeText,
  ) {
    const size = graph.order.length;
    this.blockUses = new Int32Array(size);
    this.loopUses = new Int32Array(size);
    this.leaves = new Int32Array(size).fill(NONE);
  }

  text(): string {
    this.tree(DISPATCH, NONE);
    while (this.later.length > 0) this.later.pop()!();
    return this.out.join('');
  }

  /** All that stands at number i. */
  private tree(i: number, next: number): void {
    const behind = this.graph.behind.get(i);
    if (behind.length > 0) this.leaves[behind[0]] = i;
    this.blocks(behind, next, inner => this.loop(i, inner));
  }

  private loop(i: number, next: number): void {
    const isLoop = this.graph.isHeader[i] !== 0;
    if (isLoop) {
      const slot = this.out.push('') - 1;
      this.later.push(() => {
        const label = this.loopUses[i] > 0 ? `${this.loopLabel(i)}: ` : '';
        this.out[slot] = `${label}for (;;) {\n`;
        this.out.push('}\n');
      });
    }
    this.blocks(this.graph.inside.get(i), isLoop ? i : next, inner => {
      if (i === DISPATCH) this.dispatch(inner);
      else this.statements(i, inner);
    });
  }

  /** Writes `content` in blocks, one for each of `merges`, which stand behind them in turn. */
  private blocks(merges: number[], next: number, content: (next: number) => void): void {
    for (let k = merges.length - 1, after = next; k >= 0; k--) {
      const merge = merges[k];
      const slot = this.out.push('') - 1;
      const out = after;
      this.later.push(() => this.behindBlock(merge, slot, out));
      after = merge;
    }
    content(merges.length > 0 ? merges[0] : next);
  }

  private behindBlock(merge: number, slot: number, next: number): void {
    if (this.blockUses[merge] > 0) {
      this.out[slot] = `B${this.graph.order[merge]}: {\n`;
      this.out.push('}\n');
    }
    this.tree(merge, next);
  }

  private loopLabel(i: number): string {
    return i === DISPATCH ? 'D' : `L${this.graph.order[i]}`;
  }

  /** A switch over all targets but one, to which control falls through. */
  private dispatch(next: number): void {
    const { targets } = this.graph;
    const rest = targets.includes(next) ? next : targets[0];
    const cases = new Map<number, string>();
    targets.forEach((to, pc) => {
      if (to !== rest) cases.set(to, `${cases.get(to) ?? ''}case ${pc}: `);
    });
    const edges: Place[] = [];
    for (const [to, labels] of cases) edges.push({ before: labels, to, next: NONE });
    if (cases.size > 0) this.out.push('switch (pc) {\n');
    edges.push({ before: cases.size > 0 ? '}\n' : '', to: rest, next });
    this.edges(DISPATCH, edges);
  }

  private statements(i: number, next: number): void {
    const { order, number, flow } = this.graph;
    const node = order[i];
    const text = this.node(node, to => {
      assert(flow.successors[node].includes(to), `no edge from node ${node} to ${to}`);
      return MARK + number[to] + MARK;
    });
    const parts = text.trimEnd().split(MARK);
    const edges = flow.successors[node].length;
    assert(parts.length === 2 * edges + 1, `node ${node} places each of its edges once`);
    const end = parts[2 * edges];
    const places: Place[] = [];
    for (let k = 0; k < edges; k++) {
      const isLast = k === edges - 1 && end === '';
      const to = Number(parts[2 * k + 1]);
      places.push({ before: parts[2 * k], to, next: isLast ? next : NONE });
    }
    this.later.push(() => this.out.push(end, '\n'));
    this.edges(i, places);
  }

  private edges(from: number, places: readonly Place[]): void {
    for (let k = places.length - 1; k >= 0; k--) {
      const { before, to, next } = places[k];
      this.later.push(() => {
        this.out.push(before);
        this.edge(from, to, next);
      });
    }
  }

  private edge(from: number, to: number, next: number): void {
    const { graph, out } = this;
    if (to <= from) {
      const loops = graph.loops(from, to);
      if (!loops) out.push(`pc = ${graph.targets.indexOf(to)}; `);
      this.again(loops ? to : DISPATCH, next);
    } else if (graph.isInline[to] !== 0) {
      this.tree(to, next);
    } else if (next !== to) {
      const loop = this.leaves[to];
      if (loop === NONE) this.blockUses[to]++;
      else this.loopUses[loop]++;
      out.push(`break ${loop === NONE ? `B${graph.order[to]}` : this.loopLabel(loop)};`);
    }
  }

  private again(header: number, next: number): void {
    if (next === header) return;
    this.loopUses[header]++;
    this.out.push(`continue ${this.loopLabel(header)};`);
  }
}
