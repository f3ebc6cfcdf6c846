/**
 * tinamou-img, the image tool.
 */

import { runImageTool } from './block/img/main.ts';
import { guardProgram } from './host-crash.ts';
import { nodeBlockHost } from './host-file-io.ts';
import { exitWith, nodeToolHost } from './host-tool.ts';

/** Commands that mostly wait for the system to copy. */
const COPYING: readonly (string | undefined)[] = ['commit', 'compare', 'convert', 'rebase'];

/** Those that are over before the engine's settings matter. */
const BRIEF: readonly (string | undefined)[] = [undefined, '--help', 'info'];

async function main(): Promise<void> {
  const host = nodeToolHost();
  guardProgram(host.program);
  const [command] = host.arguments;
  if (!BRIEF.includes(command)) (await import('./host-engine.ts')).collectSoon();
  if (COPYING.includes(command)) (await import('./host-engine.ts')).compileLate();
  exitWith(await runImageTool(host, nodeBlockHost));
}

void main();
