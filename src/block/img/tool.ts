/**
 * What the subcommands of the image tool share: messages, opening with passwords, progress.
 */

import { UserError } from '../../error.ts';
import type { ToolHost } from '../../tool-host.ts';
import { BlockError } from '../backend.ts';
import { CACHE_MODES, type CacheMode, cacheMode } from '../cache-mode.ts';
import { isOptionList, splitOptions } from '../create-options.ts';
import type { BlockContext, OpenFlags } from '../driver.ts';
import { openImage } from '../graph.ts';
import type { BlockNode } from '../node.ts';
import { Options } from '../options.ts';
import { BadOption, getopt, type OptionTable } from './getopt.ts';

/** Ends a command: lines for stderr, each after the program's name, and an exit status. */
export class Failure extends Error {
  override readonly name = 'Failure';
  constructor(
    readonly lines: readonly string[],
    readonly status = 1,
  ) {
    super(lines.join('\n'));
  }
}

/** Asks for the help text instead. */
export class HelpAsked extends Error {
  override readonly name = 'HelpAsked';
  constructor(readonly complaint: string | undefined) {
    super(complaint);
  }
}

/** A usage mistake: the message and where to find help. */
export function usage(tool: Tool, message: string): Failure {
  return new Failure([message, `\nTry '${tool.host.program} --help' for more information`]);
}

export interface Tool {
  readonly host: ToolHost;
  readonly context: BlockContext;
  /** Passwords by the ids of `--object secret`. */
  readonly secrets: Map<string, Uint8Array>;
  /** What went wrong when images were closed. */
  readonly unclosed: string[];
}

/** Closes an image. A failure is told at the end, unless a worse one came before. */
export async function close(tool: Tool, node: BlockNode): Promise<void> {
  try {
    await node.close();
  } catch (error) {
    tool.unclosed.push(`${node.filename}: ${messageOf(error)}`);
  }
}

export interface OpenOptions {
  readonly format: string | undefined;
  readonly writable?: boolean;
  readonly cache?: CacheMode;
  readonly quiet?: boolean;
  readonly withoutBacking?: boolean;
  readonly forCheck?: boolean;
  /** The name is a list of options (--image-opts). */
  readonly imageOptions?: boolean;
  /** Not to be used without its password. */
  readonly prompt?: boolean;
  readonly status?: number;
}

/** The message of an error that a user can cause; others are passed on. */
export function messageOf(error: unknown): string {
  if (error instanceof UserError || error instanceof BlockError) return error.message;
  throw error;
}

/** Opens an image for a command and asks for its password when it needs one. */
export async function open(tool: Tool, name: string, how: OpenOptions): Promise<BlockNode> {
  const options = new Options();
  if (how.imageOptions === true) {
    for (const [key, value] of splitOptions(name)) options.set(key, value ?? 'on');
  }
  const secret = options.take('encrypt.key-secret');
  if (how.format !== undefined) options.set('driver', how.format);
  const flags: OpenFlags = {
    readOnly: how.writable !== true,
    cache: how.cache ?? CACHE_MODES['writeback'],
    withoutBacking: how.withoutBacking,
    forCheck: how.forCheck,
  };
  let node: BlockNode;
  try {
    node = await openImage({
      filename: how.imageOptions === true ? undefined : name,
      options,
      flags,
      context: tool.context,
      deviceName: 'image',
    });
  } catch (error) {
    throw openFailure(name, error, how.status ?? 1);
  }
  if (how.prompt !== false) await askPassword(tool, node, name, { secret, quiet: how.quiet });
  return node;
}

function openFailure(name: string, error: unknown, status: number): Failure {
  const hint = error instanceof UserError && error.hint !== undefined ? [`\n${error.hint}`] : [];
  return new Failure([`Could not open '${name}': ${messageOf(error)}`, ...hint], status);
}

/** Gives an encrypted image, and its direct backing file, a password. */
export async function askPassword(
  tool: Tool,
  node: BlockNode,
  name: string,
  how: { readonly secret?: string | undefined; readonly quiet?: boolean | undefined },
): Promise<void> {
  const needy = [node, node.backing].filter(n => n?.encryption?.keyed === false);
  if (needy.length === 0) return;
  const password = await passwordFor(tool, name, how);
  for (const image of needy) image?.encryption?.setPassword(password);
}

async function passwordFor(
  tool: Tool,
  name: string,
  how: { readonly secret?: string | undefined; readonly quiet?: boolean | undefined },
): Promise<Uint8Array> {
  if (how.secret !== undefined) {
    const found = tool.secrets.get(how.secret);
    if (found === undefined) throw new Failure([`No secret with id '${how.secret}'`]);
    return found;
  }
  if (how.quiet !== true) tool.host.out(`Disk image '${name}' is encrypted.\n`);
  const password = await tool.host.readPassword('password: ');
  tool.host.out('\n');
  if (password === undefined) throw new Failure(['No password given']);
  return password;
}

export function parseCache(name: string, what: 'cache' | 'source cache', status = 1): CacheMode {
  const mode = cacheMode(name);
  if (mode === undefined) throw new Failure([`Invalid ${what} option: ${name}`], status);
  return mode;
}

export interface Arguments {
  readonly operands: readonly string[];
  /** The last value of each option. */
  get(option: string): string | undefined;
  has(option: string): boolean;
  all(option: string): readonly string[];
}

/** Reads a subcommand's options; bad ones lead to the help text, as in QEMU's tools. */
export function readArguments(
  tool: Tool,
  command: string,
  words: readonly string[],
  table: OptionTable,
): Arguments {
  const values = new Map<string, string[]>();
  const { strictOrder } = tool.host;
  try {
    const operands = getopt(command, words, { ...table, strictOrder }, (option, value) => {
      if (option === 'h') throw new HelpAsked(undefined);
      values.set(option, [...(values.get(option) ?? []), value]);
    });
    const odd = table.short.includes('o:')
      ? values.get('o')?.find(t => !isOptionList(t))
      : undefined;
    if (odd !== undefined) throw new Failure([`Invalid option list: ${odd}`]);
    return {
      operands,
      get: option => values.get(option)?.at(-1),
      has: option => values.has(option),
      all: option => values.get(option) ?? [],
    };
  } catch (error) {
    if (error instanceof BadOption) throw new HelpAsked(error.message);
    throw error;
  }
}

/** Long options that the subcommands of QEMU's tool do not have. */
export const ADDED_LONG = { 'object=': 'object', 'image-opts': 'image-opts' };

/** The same for those that have no long options at all. */
export const COMMON_LONG = { help: 'h', ...ADDED_LONG };
