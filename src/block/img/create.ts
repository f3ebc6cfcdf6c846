/**
 * `create`: makes an image.
 */

import { UserError } from '../../error.ts';
import { digitsOf, scanSize } from '../../size.ts';
import { checkFormat, createImage } from '../create.ts';
import {
  asksForHelp,
  CREATE_OPTIONS,
  type CreateValues,
  optionsHelp,
  parseCreateOptions,
} from '../create-options.ts';
import { driverNames } from '../drivers.ts';
import { readSecrets } from './secret.ts';
import { COMMON_LONG, Failure, messageOf, readArguments, type Tool, usage } from './tool.ts';

function requireSize(text: string): number {
  const size = scanSize(text);
  if (size === undefined || size.rest !== '') {
    throw new Failure([
      'Invalid image size specified! You may use k, M, G, T, P or E suffixes for ',
      'kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes.',
    ]);
  }
  if (size.bytes < 0 || size.bytes >= 2 ** 63) {
    throw new Failure(['Image size must be less than 8 EiB!']);
  }
  return size.bytes;
}

/** The two deprecated flags of create and convert. */
export function refuseOldFlags(has: (option: string) => boolean): void {
  if (has('e')) {
    throw new Failure(["option -e is deprecated, please use '-o encryption' instead!"]);
  }
  if (has('6')) {
    throw new Failure(["option -6 is deprecated, please use '-o compat6' instead!"]);
  }
}

/** Prints the options of a format, as `-o help` asks. */
export function printOptionsHelp(tool: Tool, format: string): number {
  if (!driverNames().includes(format)) throw new Failure([`Unknown file format '${format}'`]);
  tool.host.out(optionsHelp(CREATE_OPTIONS[format] ?? []));
  return 0;
}

export async function create(tool: Tool, words: readonly string[]): Promise<number> {
  const given = readArguments(tool, 'create', words, {
    short: 'F:b:f:he6o:q',
    long: {},
    added: COMMON_LONG,
  });
  refuseOldFlags(option => given.has(option));
  readSecrets(tool, given);
  const format = given.get('f') ?? 'raw';
  const helps = given.all('o').some(asksForHelp);
  const [path, size, extra] = given.operands;
  if (path === undefined && !helps) throw usage(tool, 'Expecting image file name');
  const bytes = size === undefined ? undefined : requireSize(size);
  if (extra !== undefined) throw usage(tool, `Unexpected argument: ${extra}`);
  if (helps) return printOptionsHelp(tool, format);
  try {
    checkFormat(format, path);
    const values = readValues(path, format, given.all('o'));
    addBacking(values, format, given.get('b'), given.get('F'));
    if (bytes !== undefined && !values.has('size')) values.set('size', digitsOf(bytes));
    const quiet = given.has('q');
    const print = (text: string): void => {
      if (!quiet) tool.host.out(text);
    };
    await createImage({ path, format, values, context: tool.context, print });
    if (values.get('encryption') === 'on' && !quiet) warnEncrypted(tool, format);
  } catch (error) {
    throw error instanceof Failure ? error : new Failure([`${path}: ${messageOf(error)}`]);
  }
  return 0;
}

function readValues(path: string, format: string, texts: readonly string[]): CreateValues {
  try {
    return parseCreateOptions(CREATE_OPTIONS[format], texts);
  } catch (error) {
    const after = `${path}: Invalid options for file format '${format}'`;
    throw new Failure([messageOf(error), after]);
  }
}

function addBacking(
  values: CreateValues,
  format: string,
  file: string | undefined,
  type: string | undefined,
): void {
  const knows = (name: string): boolean => CREATE_OPTIONS[format].some(o => o.name === name);
  if (file !== undefined) {
    if (!knows('backing_file')) {
      throw new UserError(`Backing file not supported for file format '${format}'`);
    }
    values.set('backing_file', file);
  }
  if (type === undefined) return;
  if (!knows('backing_fmt')) {
    throw new UserError(`Backing format not supported for file format '${format}'`);
  }
  values.set('backing_fmt', type);
}

function warnEncrypted(tool: Tool, format: string): void {
  tool.host.err(
    `${tool.host.program}: warning: encrypted ${format} images are deprecated: the format's ` +
      "cryptography is weak; use 'convert' to move the data to an unencrypted image\n",
  );
}
