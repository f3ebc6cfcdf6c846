/**
 * tinamou-img, the image tool.
 */

import { runImageTool } from './block/img/main.ts';
import { guardProgram } from './host-crash.ts';
import { nodeBlockHost } from './host-file-io.ts';
import { exitWith, nodeToolHost } from './host-tool.ts';

/** Commands that mostly wait for the system to copy. */
const COPYING: readonly (string | undefined)[] = ['commit', 'compare', 'convert', 'rebase'];

async function main(): Promise<void> {
  const host = nodeToolHost();
  guardProgram(host.program);
  if (COPYING.includes(host.arguments[0])) (await import('./host-engine.ts')).compileLate();
  exitWith(await runImageTool(host, nodeBlockHost));
}

void main();
