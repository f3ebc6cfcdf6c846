/**
 * tinamou-img, the image tool.
 */

import { runImageTool } from './block/img/main.ts';
import { nodeBlockHost } from './host-file-io.ts';
import { exitWith, nodeToolHost } from './host-tool.ts';

void runImageTool(nodeToolHost(), nodeBlockHost).then(exitWith);
