/**
 * Options for making images (`-o`): what each format knows, and how values are read and shown.
 */

import { UserError } from '../error.ts';
import { digitsOf, parseOptionSize } from '../size.ts';

export interface CreateOption {
  readonly name: string;
  readonly type: 'size' | 'text' | 'bool';
  readonly help: string;
  /** Also shown when not given. */
  readonly fallback?: string;
}

const SIZE: CreateOption = { name: 'size', type: 'size', help: 'Virtual disk size' };
const BACKING_FILE: CreateOption = {
  name: 'backing_file',
  type: 'text',
  help: 'File name of a base image',
};
const ENCRYPTION: CreateOption = {
  name: 'encryption',
  type: 'bool',
  help: 'Encrypt the image',
  fallback: 'off',
};
const NOCOW: CreateOption = {
  name: 'nocow',
  type: 'bool',
  help: 'Turn off copy-on-write (valid only on btrfs)',
};
const FILE_PREALLOCATION: CreateOption = {
  name: 'preallocation',
  type: 'text',
  help: 'Preallocation mode (allowed values: off, falloc, full)',
};

const QCOW2: readonly CreateOption[] = [
  SIZE,
  { name: 'compat', type: 'text', help: 'Compatibility level (0.10 or 1.1)' },
  BACKING_FILE,
  { name: 'backing_fmt', type: 'text', help: 'Image format of the base image' },
  ENCRYPTION,
  { name: 'cluster_size', type: 'size', help: 'qcow2 cluster size', fallback: '65536' },
  {
    name: 'preallocation',
    type: 'text',
    help: 'Preallocation mode (allowed values: off, metadata, falloc, full)',
  },
  { name: 'lazy_refcounts', type: 'bool', help: 'Postpone refcount updates', fallback: 'off' },
];

/** The formats that images can be made in, with their own options and then the protocol's. */
export const CREATE_OPTIONS: { readonly [format: string]: readonly CreateOption[] } = {
  raw: [SIZE, NOCOW, FILE_PREALLOCATION],
  file: [SIZE, NOCOW, FILE_PREALLOCATION],
  qcow: [SIZE, BACKING_FILE, ENCRYPTION, NOCOW, FILE_PREALLOCATION],
  qcow2: [...QCOW2, NOCOW],
};

/** What `amend` knows: without the protocol's. */
export const AMEND_OPTIONS: { readonly [format: string]: readonly CreateOption[] } = {
  qcow2: QCOW2,
};

/** Splits `a=b,c,d=e,,f`: doubled commas stand for one. */
export function splitOptions(text: string): [string, string | undefined][] {
  if (text === '') return [];
  const parts: string[] = [];
  let part = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== ',') part += text[i];
    else if (text[i + 1] === ',') part += text[i++];
    else {
      parts.push(part);
      part = '';
    }
  }
  parts.push(part);
  return parts.map(p => {
    const at = p.indexOf('=');
    return at < 0 ? [p, undefined] : [p.slice(0, at), p.slice(at + 1)];
  });
}

/** False when a part of it is empty, or starts with a doubled comma. */
export function isOptionList(text: string): boolean {
  return splitOptions(text).every(([name, value]) => {
    return name !== '' ? !name.startsWith(',') : value !== undefined;
  });
}

/** True when `-o` asks for the list of options. */
export function asksForHelp(text: string): boolean {
  return splitOptions(text).some(([name]) => name === 'help' || name === '?');
}

export type CreateValues = Map<string, string>;

/** Checks options against a format's list. Throws UserError with the first mistake. */
export function parseCreateOptions(
  known: readonly CreateOption[],
  texts: readonly string[],
): CreateValues {
  const values: CreateValues = new Map();
  for (const [given, value] of texts.flatMap(splitOptions)) {
    const negated = value === undefined && given.startsWith('no') && !has(known, given);
    const name = negated ? given.slice(2) : given;
    const option = known.find(o => o.name === name);
    if (option === undefined) throw new UserError(`Invalid parameter '${name}'`);
    values.set(name, checkValue(option, value ?? (negated ? 'off' : 'on')));
  }
  return values;
}

function has(known: readonly CreateOption[], name: string): boolean {
  return known.some(o => o.name === name);
}

function checkValue(option: CreateOption, value: string): string {
  if (option.type === 'bool' && value !== 'on' && value !== 'off') {
    throw new UserError(`Parameter '${option.name}' expects 'on' or 'off'`);
  }
  if (option.type !== 'size') return value;
  const size = parseOptionSize(value);
  if (size === undefined) throw new UserError(`Parameter '${option.name}' expects a size`);
  return digitsOf(size);
}

/** ` size=4194304 encryption=off …`, in the order of the list. */
export function optionsText(known: readonly CreateOption[], values: CreateValues): string {
  let text = '';
  for (const option of known) {
    const value = values.get(option.name) ?? option.fallback;
    if (value === undefined) continue;
    text += ` ${option.name}=${option.type === 'text' ? `'${value}'` : value}`;
  }
  return text;
}

/** The answer to `-o help`. */
export function optionsHelp(known: readonly CreateOption[]): string {
  const lines = known.map(o => `${o.name.padEnd(16)} ${o.help}\n`);
  return `Supported options:\n${lines.join('')}`;
}
