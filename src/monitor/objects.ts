/**
 * Objects that users create with `object-add`: properties by name, checked by type.
 *
 * No device takes any of them: a memory back end holds no memory, a thread does no work.
 */

import { UserError } from '../error.ts';
import type { Json } from '../json.ts';
import { checkId } from '../options.ts';
import { type ObjectType, type QomObject, type QomProperty, qomChild, qomObject } from '../qom.ts';
import { parseOptionSize } from '../size.ts';

type Values = { readonly [name: string]: Json };

interface PropertyRule {
  readonly type: 'int' | 'bool' | 'str' | 'HostMemPolicy';
  readonly initial: Json;
}

interface TypeRule {
  readonly parent: string;
  readonly properties: { readonly [name: string]: PropertyRule };
  /** What speaks against creating it. */
  readonly check?: (values: Values) => string | undefined;
}

const MEMORY: TypeRule['properties'] = {
  'host-nodes': { type: 'int', initial: [] },
  policy: { type: 'HostMemPolicy', initial: 'default' },
  size: { type: 'int', initial: 0 },
  prealloc: { type: 'bool', initial: false },
  dump: { type: 'bool', initial: true },
  merge: { type: 'bool', initial: true },
};

function checkSize({ size }: Values): string | undefined {
  return size === 0 ? "can't create backend with size 0" : undefined;
}

const TYPES: { readonly [name: string]: TypeRule } = {
  'memory-backend-ram': { parent: 'memory-backend', properties: MEMORY, check: checkSize },
  iothread: { parent: 'object', properties: {} },
  'rng-random': {
    parent: 'rng-backend',
    properties: {
      opened: { type: 'bool', initial: false },
      filename: { type: 'str', initial: '/dev/random' },
    },
  },
};

const POLICIES = ['default', 'preferred', 'bind', 'interleave'];

export interface UserObject {
  readonly id: string;
  readonly type: string;
  readonly values: Values;
}

export class UserObjects {
  private readonly objects: UserObject[] = [];

  /** Those whose type or its parent is `kind`. */
  list(kind: string): readonly UserObject[] {
    return this.objects.filter(({ type }) => type === kind || TYPES[type].parent === kind);
  }

  types(): ObjectType[] {
    return Object.entries(TYPES).map(([name, { parent }]) => ({
      name,
      parents: [...(parent === 'object' ? [] : [parent]), 'object', 'user-creatable'],
    }));
  }

  /** Throws UserError. */
  add(type: string, id: string, given: Values): void {
    const rule = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
    if (rule === undefined) throw new UserError(`invalid object type: ${type}`);
    checkId(id);
    const values: { [name: string]: Json } = {};
    for (const [name, { initial }] of Object.entries(rule.properties)) values[name] = initial;
    for (const [name, value] of Object.entries(given)) {
      if (!Object.hasOwn(rule.properties, name)) {
        throw new UserError(`Property '.${name}' not found`);
      }
      checkValue(name, rule.properties[name], value);
      values[name] = value;
    }
    const why = rule.check?.(values);
    if (this.objects.some(item => item.id === id)) {
      throw new UserError(`attempt to add duplicate property '${id}' to object (type 'container')`);
    }
    if (why !== undefined) throw new UserError(why);
    this.objects.push({ id, type, values });
  }

  /** Properties as texts: `on`, `64M`. Throws UserError. */
  addFromTexts(type: string, id: string, texts: Values): void {
    const rules = Object.hasOwn(TYPES, type) ? TYPES[type].properties : {};
    const values = Object.entries(texts).map(([name, value]): [string, Json] => {
      const kind = Object.hasOwn(rules, name) ? rules[name].type : 'str';
      return [name, readText(name, kind, String(value))];
    });
    this.add(type, id, Object.fromEntries(values));
  }

  /** Throws UserError. */
  remove(id: string): void {
    const at = this.objects.findIndex(item => item.id === id);
    if (at < 0) throw new UserError('object id not found');
    this.objects.splice(at, 1);
  }

  /** `/objects`. */
  container(): QomObject {
    return qomObject(
      'container',
      this.objects.map(({ id, type, values }) => {
        const properties = Object.entries(TYPES[type].properties).map(
          ([name, rule]): QomProperty => ({ name, type: rule.type, value: () => values[name] }),
        );
        return qomChild(id, qomObject(type, properties));
      }),
    );
  }
}

function readText(name: string, type: PropertyRule['type'], text: string): Json {
  if (type === 'int') {
    const size = parseOptionSize(text);
    if (size === undefined) throw misfit(name, 'size');
    return size;
  }
  if (type !== 'bool') return text;
  if (['on', 'yes', 'y'].includes(text)) return true;
  if (['off', 'no', 'n'].includes(text)) return false;
  throw new UserError(`Parameter '${name}' expects 'on' or 'off'`);
}

function checkValue(name: string, { type, initial }: PropertyRule, value: Json): void {
  if (type === 'int') {
    const isList = Array.isArray(initial);
    const fits = isList ? Array.isArray(value) : Number.isInteger(value);
    if (!fits) throw misfit(name, isList ? 'list' : 'integer');
  } else if (type === 'bool') {
    if (typeof value !== 'boolean') throw misfit(name, 'boolean');
  } else if (typeof value !== 'string') throw misfit(name, 'string');
  else if (type === 'HostMemPolicy' && !POLICIES.includes(value)) {
    throw new UserError(`Invalid parameter '${value}'`);
  }
}

function misfit(name: string, expected: string): UserError {
  return new UserError(`Invalid parameter type for '${name}', expected: ${expected}`);
}
