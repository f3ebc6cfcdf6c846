/**
 * One wire between two chips. A line has a level, no edge: whoever listens decides what an edge is.
 */

export type LineListener = (level: boolean) => void;

export class Line {
  private readonly listeners: LineListener[] = [];
  private isHigh = false;

  constructor(readonly name: string) {}

  get level(): boolean {
    return this.isHigh;
  }

  /** Drives the line. Listeners hear changes only, in the order in which they connected. */
  set(level: boolean): void {
    if (level === this.isHigh) return;
    this.isHigh = level;
    for (const listener of this.listeners) listener(level);
  }

  /** A pulse: high and low again, for signals that act on their edge (SMI, reset). */
  pulse(): void {
    this.set(true);
    this.set(false);
  }

  connect(listener: LineListener): void {
    this.listeners.push(listener);
  }
}

/** Wires several outputs onto one input, as shared PCI interrupts are: high while any is high. */
export function orGate(output: Line, inputCount: number): Line[] {
  const inputs = Array.from({ length: inputCount }, (_, i) => new Line(`${output.name}.or${i}`));
  for (const input of inputs) input.connect(() => output.set(inputs.some(i => i.level)));
  return inputs;
}

/** Copies one signal to several inputs. */
export function splitter(input: Line, outputs: readonly Line[]): void {
  input.connect(level => {
    for (const output of outputs) output.set(level);
  });
}
