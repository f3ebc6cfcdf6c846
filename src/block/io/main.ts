/**
 * The I/O tool: opens an image and runs commands, from -c options or standard input.
 */

import type { BlockHost } from '../../disk-host.ts';
import type { ToolHost } from '../../tool-host.ts';
import { BlockError } from '../backend.ts';
import { CACHE_MODES, type CacheMode, cacheMode } from '../cache-mode.ts';
import { splitOptions } from '../create-options.ts';
import type { BlockContext } from '../driver.ts';
import { openImage } from '../graph.ts';
import { BadOption, getopt, type OptionTable } from '../img/getopt.ts';
import type { BlockNode } from '../node.ts';
import { Options } from '../options.ts';
import { openOverlay } from '../overlay.ts';
import { runLine } from './commands.ts';
import { openImage as tryOpen } from './opening.ts';
import { IoSession, type OpenCall } from './session.ts';

/** Stands for --compat, which has no letter. */
const COMPAT = 'compat';

const TABLE: OptionTable = {
  short: 'hVc:d:f:rsnmgkt:T:',
  long: {
    help: 'h',
    version: 'V',
    'cmd=': 'c',
    'format=': 'f',
    'read-only': 'r',
    snapshot: 's',
    nocache: 'n',
    'cache=': 't',
    'discard=': 'd',
    misalign: 'm',
    'native-aio': 'k',
    'trace=': 'T',
  },
  added: { 'compat=': COMPAT },
};

function usageText(program: string): string {
  return `Usage: ${program} [-h] [-V] [-rsnm] [-f FMT] [-c STRING] ... [file]
QEMU Disk exerciser

  -c, --cmd STRING     execute command with its arguments
                       from the given string
  -f, --format FMT     specifies the block driver to use
  -r, --read-only      export read-only
  -s, --snapshot       use snapshot file
  -n, --nocache        disable host cache, short for -t none
  -m, --misalign       misalign allocations for O_DIRECT
  -k, --native-aio     use kernel AIO implementation (on Linux only)
  -t, --cache=MODE     use the given cache mode for the image
  -d, --discard=MODE   use the given discard mode for the image
  -T, --trace FILE     enable trace events listed in the given file
      --compat encrypted-images=legacy|refuse
                       whether encrypted qcow and qcow2 images are opened
  -h, --help           display this help and exit
  -V, --version        output version information and exit

See '${program} -c help' for information on available commands.
`;
}

interface Settings {
  readonly commands: string[];
  format: string | undefined;
  readOnly: boolean;
  snapshot: boolean;
  unmap: boolean;
  cache: CacheMode;
  encryptedImages: BlockContext['encryptedImages'];
}

class Exit extends Error {
  constructor(readonly status: number) {
    super();
  }
}

/** Runs the tool; resolves with the exit status. */
export async function runIoTool(host: ToolHost, block: BlockHost): Promise<number> {
  try {
    return await run(host, block);
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
}

async function run(host: ToolHost, block: BlockHost): Promise<number> {
  const settings: Settings = {
    commands: [],
    format: undefined,
    readOnly: false,
    snapshot: false,
    unmap: true,
    cache: CACHE_MODES['writethrough'],
    encryptedImages: 'refuse',
  };
  const [path, extra] = readOptions(host, settings);
  if (extra !== undefined) {
    host.out(usageText(host.program));
    return 1;
  }
  const context: BlockContext = {
    host: block,
    encryptedImages: settings.encryptedImages,
    imageTool: host.program.replace(/-io$/, '-img'),
    warn: text => host.err(`${text}\n`),
    tell: text => host.out(`${text}\n`),
    mayOpenEncrypted: () => true,
  };
  const session = new IoSession(
    {
      print: text => host.out(text),
      complain: text => host.err(text),
      prefix: `${host.program}: `,
      elapsed: () => host.elapsed(),
      sleep: ms => block.sleep(ms),
      raise: signal => host.raise(signal),
    },
    call => openNode(context, settings, call),
  );
  const { readOnly, snapshot, cache, unmap } = settings;
  if (path !== undefined) {
    await tryOpen(session, { path, readOnly, snapshot, cache, unmap, options: '' });
  }
  await commandLoop(host, session, settings);
  await session.settle();
  await closeNode(host, session);
  return 0;
}

/** What could not be brought to the file is said: the exit status is not a sign of it. */
async function closeNode(host: ToolHost, { node }: IoSession): Promise<void> {
  try {
    await node?.close();
  } catch (error) {
    if (!(error instanceof BlockError)) throw error;
    host.err(`${host.program}: ${node?.filename}: ${error.message}\n`);
  }
}

async function openNode(
  context: BlockContext,
  settings: Settings,
  call: OpenCall,
): Promise<BlockNode> {
  const { path, readOnly, snapshot, unmap } = call;
  const options = new Options(
    splitOptions(call.options).map(([name, value]) => [name, value ?? 'on'] as const),
  );
  if (settings.format !== undefined && !options.has('driver')) {
    options.set('driver', settings.format);
  }
  // What lies under a format is always written back: the session flushes where it must.
  const cache = { ...call.cache, writeback: true };
  const node = await openImage({
    filename: path === '' ? undefined : path,
    options,
    flags: { readOnly: readOnly || snapshot, cache, unmap },
    context,
    deviceName: 'hda',
  });
  return snapshot ? await openOverlay(node, context) : node;
}

function readOptions(host: ToolHost, settings: Settings): readonly string[] {
  const table = { ...TABLE, strictOrder: host.strictOrder };
  try {
    return getopt(host.program, host.arguments, table, (option, value) => {
      apply(host, settings, option, value);
    });
  } catch (error) {
    if (!(error instanceof BadOption)) throw error;
    host.err(`${error.message}\n`);
    host.out(usageText(host.program));
    throw new Exit(1);
  }
}

function apply(host: ToolHost, settings: Settings, option: string, value: string): void {
  switch (option) {
    case 'h':
      host.out(usageText(host.program));
      throw new Exit(0);
    case 'c':
      settings.commands.push(value);
      return;
    case 'f':
      settings.format = value;
      return;
    case 'r':
      settings.readOnly = true;
      return;
    case 's':
      settings.snapshot = true;
      return;
    case 'n':
      settings.cache = CACHE_MODES['none'];
      return;
    case 't': {
      const mode = cacheMode(value);
      if (mode === undefined) {
        host.err(`${host.program}: Invalid cache option: ${value}\n`);
        throw new Exit(1);
      }
      settings.cache = mode;
      return;
    }
    case 'd':
      if (!/^(ignore|off|unmap|on)$/.test(value)) {
        host.err(`${host.program}: Invalid discard option: ${value}\n`);
        throw new Exit(1);
      }
      settings.unmap = value === 'unmap' || value === 'on';
      return;
    case COMPAT:
      settings.encryptedImages = encryptedImages(host, value);
      return;
    case 'V':
      host.out(`${host.program} version 2.2.50\n`);
      throw new Exit(0);
  }
}

function encryptedImages(host: ToolHost, value: string): BlockContext['encryptedImages'] {
  const mode = /^encrypted-images=(legacy|refuse)$/.exec(value)?.[1];
  if (mode === 'legacy' || mode === 'refuse') return mode;
  host.err(`${host.program}: invalid compat option: ${value}\n`);
  throw new Exit(1);
}

async function commandLoop(host: ToolHost, session: IoSession, settings: Settings): Promise<void> {
  if (settings.commands.length > 0) {
    for (const line of settings.commands) {
      await runLine(session, line);
      if (session.isOver) return;
    }
    return;
  }
  while (!session.isOver) {
    const line = await host.readLine(`${host.program}> `);
    if (line === undefined) return;
    await runLine(session, line);
  }
}
