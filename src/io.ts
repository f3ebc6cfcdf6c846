/**
 * tinamou-io, the I/O tool.
 */

import { runIoTool } from './block/io/main.ts';
import { guardProgram } from './host-crash.ts';
import { nodeBlockHost } from './host-file-io.ts';
import { exitWith, nodeToolHost } from './host-tool.ts';

const host = nodeToolHost();
guardProgram(host.program);
void runIoTool(host, nodeBlockHost).then(exitWith);
