/**
 * The image tool: picks the subcommand, prints failures the way scripts expect them.
 */

import type { BlockHost } from '../../disk-host.ts';
import type { ToolHost } from '../../tool-host.ts';
import { BlockError } from '../backend.ts';
import { driverNames } from '../drivers.ts';
import { amend } from './amend.ts';
import { check } from './check.ts';
import { commit } from './commit.ts';
import { compare } from './compare.ts';
import { convert } from './convert.ts';
import { create } from './create.ts';
import { BadOption, getopt } from './getopt.ts';
import { helpText, versionText } from './help.ts';
import { info } from './info.ts';
import { map } from './map.ts';
import { rebase } from './rebase.ts';
import { resize } from './resize.ts';
import { snapshot } from './snapshot.ts';
import { Failure, HelpAsked, type Tool, usage } from './tool.ts';

type Command = (tool: Tool, words: readonly string[]) => Promise<number>;

const COMMANDS: { readonly [name: string]: Command } = {
  amend,
  check,
  commit,
  compare,
  convert,
  create,
  info,
  map,
  rebase,
  resize,
  snapshot,
};

/** Runs one command; resolves with the exit status. */
export async function runImageTool(host: ToolHost, block: BlockHost): Promise<number> {
  const tool: Tool = {
    host,
    secrets: new Map(),
    unclosed: [],
    context: {
      host: block,
      encryptedImages: 'legacy',
      imageTool: host.program,
      warn: text => host.err(`${text}\n`),
      mayOpenEncrypted: () => true,
    },
  };
  try {
    const status = await dispatch(tool);
    for (const line of tool.unclosed) host.err(`${host.program}: ${line}\n`);
    return tool.unclosed.length > 0 && status === 0 ? 1 : status;
  } catch (error) {
    if (error instanceof HelpAsked) {
      if (error.complaint !== undefined) host.err(`${error.complaint}\n`);
      host.out(helpText(host.program, driverNames()));
      return 0;
    }
    if (error instanceof BlockError) {
      host.err(`${host.program}: ${error.message}\n`);
      return 1;
    }
    if (!(error instanceof Failure)) throw error;
    for (const line of error.lines) {
      host.err(line.startsWith('\n') ? `${line.slice(1)}\n` : `${host.program}: ${line}\n`);
    }
    return error.status;
  }
}

async function dispatch(tool: Tool): Promise<number> {
  const [name, ...words] = tool.host.arguments;
  if (name === undefined) throw usage(tool, 'Not enough arguments');
  if (Object.hasOwn(COMMANDS, name)) return COMMANDS[name](tool, words);
  const asked = firstOption(tool.host);
  if (asked === 'h') throw new HelpAsked(undefined);
  if (asked === undefined) throw usage(tool, `Command not found: ${name}`);
  tool.host.out(versionText(tool.host.program));
  return 0;
}

/** Without a command the first option counts, wherever it stands. */
function firstOption(host: ToolHost): string | undefined {
  const table = { short: 'h', long: { help: 'h', version: 'v' }, strictOrder: host.strictOrder };
  let first: string | undefined;
  try {
    getopt(host.program, host.arguments, table, option => {
      first ??= option;
    });
    return first;
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    if (first === undefined) host.err(`${error.message}\n`);
    return first;
  }
}
