/**
 * The processor models that -cpu takes: family, features and what CPUID says of them.
 *
 * Source: Intel SDM volume 2, CPUID; model values as QEMU 2.2.50 has them (model-table.ts).
 * CPUID claims only what IMPLEMENTED lists, so long mode, SYSCALL, SVM and SSE4 never appear.
 */

import { UserError } from '../error.ts';
import { FLAG_NAMES, MODEL_ROWS, type ModelRow, type Vendor } from './model-table.ts';

/** One CPUID feature bit that changes what instructions do. */
export type Feature =
  | 'fpu'
  | 'vme'
  | 'de'
  | 'pse'
  | 'tsc'
  | 'msr'
  | 'pae'
  | 'mce'
  | 'cx8'
  | 'apic'
  | 'sep'
  | 'mtrr'
  | 'pge'
  | 'mca'
  | 'cmov'
  | 'pat'
  | 'pse36'
  | 'clflush'
  | 'mmx'
  | 'fxsr'
  | 'sse'
  | 'sse2'
  | 'ss'
  | 'sse3'
  | 'monitor'
  | 'ssse3'
  | 'cx16'
  | 'nx'
  | 'popcnt';

/** Everything this processor can do: CPUID of every model is cut down to these. */
export const IMPLEMENTED: readonly Feature[] = [
  'fpu',
  'vme',
  'de',
  'pse',
  'tsc',
  'msr',
  'pae',
  'mce',
  'cx8',
  'apic',
  'sep',
  'mtrr',
  'pge',
  'mca',
  'cmov',
  'pat',
  'pse36',
  'clflush',
  'mmx',
  'fxsr',
  'sse',
  'sse2',
  'ss',
  'sse3',
  'monitor',
  'ssse3',
  'nx',
  'popcnt',
];
/** Bits that say something about the machine, not about instructions: shown, never asked for. */
const SHOWN = ['hypervisor', 'acpi'];

/** The four feature words, in the order of `ModelRow.words`. */
export type FeatureWords = readonly [number, number, number, number];

export interface CpuModel {
  readonly name: string;
  readonly vendor: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  readonly level: number;
  readonly xlevel: number;
  readonly brand: string;
  /** [1].EDX, [1].ECX, [8000_0001].EDX, [8000_0001].ECX, cut down to what is emulated. */
  readonly words: FeatureWords;
  readonly features: ReadonlySet<Feature>;
}

/** `query-cpu-definitions` and tab completion: names in the order of `-cpu help`. */
export const MODEL_NAMES: readonly string[] = MODEL_ROWS.map(row => row.name);

/** Word and bit of a flag by any of its names. */
function flagPlace(name: string): readonly [word: number, bit: number] | undefined {
  for (let word = 0; word < FLAG_NAMES.length; word++) {
    const bit = FLAG_NAMES[word].findIndex(names => names.split('|').includes(name));
    if (name !== '' && bit !== -1) return [word, bit];
  }
  return undefined;
}

const EMULATED: FeatureWords = wordsOf([...IMPLEMENTED, ...SHOWN]);

function wordsOf(names: readonly string[]): FeatureWords {
  const words: [number, number, number, number] = [0, 0, 0, 0];
  for (const name of names) {
    const place = flagPlace(name);
    if (place !== undefined) words[place[0]] |= 1 << place[1];
  }
  return words;
}

interface Draft {
  vendor: string;
  version: [number, number, number];
  levels: [number, number];
  words: [number, number, number, number];
  brand: string;
}

/** What follows `-cpu`: a name, then `,+flag`, `,-flag`, `,flag`, `,property=value`. */
export function findModel(spec: string): CpuModel {
  const [name, ...changes] = spec.split(',');
  const row = MODEL_ROWS.find(r => r.name === name);
  if (row === undefined) throw new UserError(`Unable to find CPU definition: ${name}`);
  const draft = draftOf(row);
  // Flags with a sign win over the others, wherever they stand.
  for (const change of changes.filter(c => !/^[+-]/.test(c))) setProperty(draft, change);
  for (const change of changes.filter(c => c.startsWith('+')))
    setFlag(draft, change.slice(1), true);
  for (const change of changes.filter(c => c.startsWith('-'))) {
    setFlag(draft, change.slice(1), false);
  }
  return finish(name, draft);
}

function draftOf(row: ModelRow): Draft {
  const { vendor, brand } = row;
  const [a, b, c, d] = row.words;
  return { vendor, brand, version: [...row.version], levels: [...row.levels], words: [a, b, c, d] };
}

function finish(name: string, draft: Draft): CpuModel {
  const words = draft.words.map((word, i) => (word & EMULATED[i]) >>> 0);
  const [a, b, c, d] = words;
  const features = IMPLEMENTED.filter(feature => {
    const place = flagPlace(feature);
    return place !== undefined && ((words[place[0]] >>> place[1]) & 1) !== 0;
  });
  const [family, model, stepping] = draft.version;
  const [level, xlevel] = draft.levels;
  return {
    name,
    vendor: draft.vendor,
    family,
    model,
    stepping,
    level,
    xlevel,
    brand: draft.brand,
    words: [a, b, c, d],
    features: new Set(features),
  };
}

function setFlag(draft: Draft, name: string, enabled: boolean): void {
  const place = flagPlace(name);
  if (place === undefined) throw new UserError(`CPU feature ${name} not found`);
  const bit = 1 << place[1];
  draft.words[place[0]] = enabled ? draft.words[place[0]] | bit : draft.words[place[0]] & ~bit;
}

function setProperty(draft: Draft, change: string): void {
  const equals = change.indexOf('=');
  const name = equals === -1 ? change : change.slice(0, equals);
  const value = equals === -1 ? 'on' : change.slice(equals + 1);
  if (name === 'vendor') {
    if (value.length !== 12)
      throw new UserError(`Property '.vendor' doesn't take value '${value}'`);
    draft.vendor = value;
  } else if (name === 'model_id' || name === 'model-id') draft.brand = value.slice(0, 48);
  else if (name in NUMBERS) setNumber(draft, name, value);
  else if (name !== 'check' && name !== 'enforce') {
    throw new UserError(`Property '.${name}' not found`);
  }
}

/** Where a numeric property goes, and its largest value. */
const NUMBERS: { readonly [name: string]: readonly ['version' | 'levels', number, number] } = {
  family: ['version', 0, 0xff + 0xf],
  model: ['version', 1, 0xff],
  stepping: ['version', 2, 0xf],
  level: ['levels', 0, 0xffffffff],
  xlevel: ['levels', 1, 0xffffffff],
};

function setNumber(draft: Draft, name: string, value: string): void {
  const [field, index, largest] = NUMBERS[name];
  const number = Number(value);
  if (value.trim() === '' || !Number.isInteger(number)) {
    throw new UserError(`Parameter '${name}' expects a number`);
  }
  if (number < 0 || number > largest) {
    throw new UserError(
      `Property .${name} doesn't take value ${number} (minimum: 0, maximum: ${largest})`,
    );
  }
  draft[field][index] = number;
}

/** What `-cpu help` prints. */
export function modelHelpText(): string {
  const models = MODEL_ROWS.map(r => `x86 ${r.name.padStart(16)}  ${r.brand.padEnd(48)}\n`);
  const flags = FLAG_NAMES.map(word => {
    const shown = word.filter(name => name !== '').map(name => name.split('|')[0]);
    return `  ${shown.join(' ')}\n`;
  });
  return `${models.join('')}\nRecognized CPUID flags:\n${flags.join('')}`;
}

/** EAX of CPUID leaf 1, and EDX after reset. */
export function modelSignature(model: CpuModel): number {
  const extended = model.family > 15 ? (model.family - 15) << 20 : 0;
  const family = Math.min(model.family, 15);
  return (
    extended |
    (family << 8) |
    ((model.model & 0xf) << 4) |
    ((model.model >> 4) << 16) |
    model.stepping
  );
}

export type { Vendor };
