/**
 * How long functions are and how deep their statements nest, by the TypeScript compiler's own
 * parser.
 */

import ts from 'typescript';

export interface FunctionSize {
  /** `path name`. */
  readonly at: string;
  /** From its first line to its last. */
  readonly lines: number;
  /** Of if, for, while, switch, try; `else if` counts as its if; functions inside by themselves. */
  readonly depth: number;
}

const { SyntaxKind } = ts;
const NESTING = new Set([
  SyntaxKind.IfStatement,
  SyntaxKind.ForStatement,
  SyntaxKind.ForOfStatement,
  SyntaxKind.ForInStatement,
  SyntaxKind.WhileStatement,
  SyntaxKind.DoStatement,
  SyntaxKind.SwitchStatement,
  SyntaxKind.TryStatement,
]);

export function functionSizes(path: string, text: string): FunctionSize[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const found: FunctionSize[] = [];
  const line = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && 'body' in node && node.body !== undefined) {
      const lines = line(node.end) - line(node.getStart()) + 1;
      found.push({ at: `${path} ${nameOf(node)}`, lines, depth: depthOf(node) });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

function nameOf(node: ts.SignatureDeclaration): string {
  if (node.name !== undefined) return node.name.getText();
  const { parent } = node;
  const isNamed = ts.isVariableDeclaration(parent) || ts.isPropertyAssignment(parent);
  return isNamed ? parent.name.getText() : 'callback';
}

function depthOf(node: ts.Node): number {
  let deepest = 0;
  ts.forEachChild(node, child => {
    if (!ts.isFunctionLike(child)) deepest = Math.max(deepest, depthOf(child));
  });
  return deepest + (NESTING.has(node.kind) && !isElseIf(node) ? 1 : 0);
}

function isElseIf(node: ts.Node): boolean {
  const { parent } = node;
  return ts.isIfStatement(node) && ts.isIfStatement(parent) && parent.elseStatement === node;
}
