/**
 * The image tool run inside the test: what it prints, how it ends.
 */
import { runImageTool } from '../../src/block/img/main.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';
import type { ToolHost } from '../../src/tool-host.ts';

export interface Outcome {
  readonly out: string;
  readonly err: string;
  readonly status: number;
}

export async function runTool(
  program: string,
  words: readonly string[],
  passwords: readonly string[] = [],
): Promise<Outcome> {
  let out = '';
  let err = '';
  const queue = [...passwords];
  const host: ToolHost = {
    program,
    arguments: words,
    out: text => {
      out += text;
    },
    err: text => {
      err += text;
    },
    readPassword: async () => {
      const next = queue.shift();
      return next === undefined ? undefined : new TextEncoder().encode(next);
    },
    readLine: async () => undefined,
    onProgressAsked: () => () => {},
    elapsed: () => 0,
    raise: () => {},
    readFile: () => new Uint8Array(0),
  };
  const status = await runImageTool(host, nodeBlockHost);
  return { out, err, status };
}
