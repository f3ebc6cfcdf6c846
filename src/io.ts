/**
 * tinamou-io, the I/O tool.
 */

import { runIoTool } from './block/io/main.ts';
import { nodeBlockHost } from './host-file-io.ts';
import { exitWith, nodeToolHost } from './host-tool.ts';

void runIoTool(nodeToolHost(), nodeBlockHost).then(exitWith);
