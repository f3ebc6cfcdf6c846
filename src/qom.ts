/**
 * The tree of objects that `qom-list` and `qom-get` walk: objects with typed properties, of which
 * some are other objects.
 */

import { UserError } from './error.ts';
import type { Json } from './json.ts';

export interface QomProperty {
  readonly name: string;
  /** `int32`, `string`, `link<bus>`; `child<TYPE>` for objects. */
  readonly type: string;
  /** Absent where nobody can look. */
  readonly value?: () => Json;
  readonly child?: QomObject;
  /** Absent where nobody can write. */
  readonly set?: (value: Json) => void;
}

/** Properties as they are listed: the newest first, its type's name last. */
export interface QomObject {
  readonly type: string;
  readonly properties: readonly QomProperty[];
}

/** A type of objects, with the properties of devices in the order of their declaration. */
export interface ObjectType {
  readonly name: string;
  /** What it is, from the nearest on. */
  readonly parents: readonly string[];
  readonly properties?: readonly {
    readonly name: string;
    readonly type: string;
    readonly description?: string;
  }[];
}

/** `properties` in order of creation. */
export function qomObject(type: string, properties: readonly QomProperty[]): QomObject {
  const own: QomProperty = { name: 'type', type: 'string', value: () => type };
  return { type, properties: [...[...properties].reverse(), own] };
}

export function qomChild(name: string, child: QomObject): QomProperty {
  return { name, type: `child<${child.type}>`, child };
}

interface Found {
  readonly path: string;
  readonly object: QomObject;
}

/**
 * The object at `path`: from the root, or the end of the one path that ends so. Throws UserError
 * of class DeviceNotFound.
 */
export function findObject(root: QomObject, path: string): Found {
  const words = path.split('/').filter(word => word !== '');
  if (path.startsWith('/') || words.length === 0) {
    const object = descend(root, words);
    if (object !== undefined) return { path: `/${words.join('/')}`, object };
  } else {
    const found = [...endingWith(root, '', words)];
    if (found.length === 1) return found[0];
    if (found.length > 1) {
      throw new UserError(`Path '${path}' does not uniquely identify an object`);
    }
  }
  throw new UserError(`Device '${path}' not found`, 'DeviceNotFound');
}

function descend(from: QomObject, words: readonly string[]): QomObject | undefined {
  let at: QomObject | undefined = from;
  for (const word of words) at = at?.properties.find(({ name }) => name === word)?.child;
  return at;
}

function* endingWith(at: QomObject, path: string, words: readonly string[]): Generator<Found> {
  const object = descend(at, words);
  if (object !== undefined) yield { path: `${path}/${words.join('/')}`, object };
  for (const { name, child } of at.properties) {
    if (child !== undefined) yield* endingWith(child, `${path}/${name}`, words);
  }
}
