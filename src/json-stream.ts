/**
 * Indented JSON written as it comes: for documents that are too long to be held in memory.
 */

import { type Json, JsonFloat } from './json.ts';
import { printJson, printOrder } from './json-text.ts';

/** A list whose items come one after the other. */
export class JsonItems {
  constructor(readonly items: AsyncIterable<StreamedJson>) {}
}

export type StreamedJson = Json | JsonItems | readonly StreamedJson[] | StreamedObject;
export interface StreamedObject {
  readonly [name: string]: StreamedJson;
}

/** As `printJson` writes it with indentation, piece by piece; without a line end. */
export async function streamJson(
  value: StreamedJson,
  write: (text: string) => void,
  indent = 0,
): Promise<void> {
  const isList = Array.isArray(value) || value instanceof JsonItems;
  if (!isList && !isObject(value)) return write(printJson(value as Json));
  const pad = '    '.repeat(indent);
  const [open, close] = isList ? '[]' : '{}';
  let isEmpty = true;
  const next = async (label: string, item: StreamedJson): Promise<void> => {
    write(`${isEmpty ? '' : ','}\n${pad}    ${label}`);
    isEmpty = false;
    await streamJson(item, write, indent + 1);
  };
  write(open);
  if (isObject(value)) {
    for (const key of printOrder(value)) await next(`${printJson(key)}: `, value[key]);
  } else {
    const items = value instanceof JsonItems ? value.items : (value as readonly StreamedJson[]);
    for await (const item of items) await next('', item);
  }
  write(`\n${pad}${close}`);
}

function isObject(value: StreamedJson): value is StreamedObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !(value instanceof JsonFloat) && !(value instanceof JsonItems);
}
