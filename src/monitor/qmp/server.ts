/**
 * A QMP connection: greeting, capabilities negotiation, commands with ids, errors by class, and
 * events with the host's time.
 *
 * Commands are answered in the order in which they came; while one is under way the next wait.
 */

import type { Char, CharFrontend } from '../../char.ts';
import { UserError } from '../../error.ts';
import type { MachineEvent } from '../../events.ts';
import type { Json } from '../../json.ts';
import { printJson } from '../json-text.ts';
import type { Session } from '../session.ts';
import { QEMU_VERSION } from '../version.ts';
import type { Vm } from '../vm.ts';
import { JsonStream } from './json-stream.ts';

type JsonObject = { readonly [name: string]: Json };

const GREETING: Json = { QMP: { version: QEMU_VERSION, capabilities: [] } };

export class QmpServer implements CharFrontend {
  private stream = this.newStream();
  private negotiated = false;
  private isOpen = false;
  private readonly queue: (Json | UserError)[] = [];
  private isBusy = false;

  constructor(
    private readonly vm: Vm,
    private readonly session: Session,
    private readonly char: Char,
    private readonly pretty: boolean,
  ) {
    vm.events.listen(event => this.sendEvent(event));
    char.setEcho(true);
    char.connect(this);
  }

  room(): number {
    return 4096;
  }

  receive(bytes: Uint8Array): void {
    this.stream.feed(bytes);
  }

  event(what: string): void {
    if (what === 'opened') {
      this.isOpen = true;
      this.negotiated = false;
      this.stream = this.newStream();
      this.send(GREETING);
    } else if (what === 'closed') this.isOpen = false;
  }

  private newStream(): JsonStream {
    return new JsonStream(
      value => this.enqueue(value),
      error => this.enqueue(error),
    );
  }

  private enqueue(item: Json | UserError): void {
    this.queue.push(item);
    this.serve();
  }

  private serve(): void {
    while (!this.isBusy && this.queue.length > 0) {
      const item = this.queue.shift();
      if (item !== undefined) this.handle(item);
    }
  }

  private handle(item: Json | UserError): void {
    let id: Json | undefined;
    try {
      if (item instanceof UserError) throw item;
      const request = checkRequest(item);
      id = request.id;
      const result = this.execute(request.execute, request.args);
      if (!(result instanceof Promise)) {
        this.reply({ return: result }, id);
        return;
      }
      this.isBusy = true;
      result.then(
        value => this.finish({ return: value }, id),
        (error: unknown) => this.finish(describe(error), id),
      );
    } catch (error) {
      this.reply(describe(error), id);
    }
  }

  private finish(answer: JsonObject, id: Json | undefined): void {
    this.reply(answer, id);
    this.isBusy = false;
    this.serve();
  }

  private execute(name: string, args: Json): Json | Promise<Json> {
    if ((name === 'qmp_capabilities') === this.negotiated) {
      throw new UserError(`The command ${name} has not been found`, 'CommandNotFound');
    }
    if (name !== 'qmp_capabilities') return this.session.start(name, args);
    this.negotiated = true;
    return {};
  }

  private reply(answer: JsonObject, id: Json | undefined): void {
    this.send(id === undefined ? answer : { ...answer, id });
  }

  private sendEvent({ name, data }: MachineEvent): void {
    if (!this.negotiated || !this.isOpen) return;
    const stamp = { timestamp: { ...this.vm.host.wallClock() }, event: name };
    this.send(data === undefined ? stamp : { ...stamp, data });
  }

  private send(value: Json): void {
    const text = `${printJson(value, this.pretty)}\n`;
    this.char.write(new TextEncoder().encode(text.replaceAll('\n', '\r\n')));
  }
}

function describe(error: unknown): JsonObject {
  if (!(error instanceof UserError)) throw error;
  return { error: { class: error.errorClass, desc: error.message } };
}

function checkRequest(value: Json): { execute: string; args: Json; id: Json | undefined } {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError("Expected 'object' in QMP input");
  }
  const request = value as JsonObject;
  for (const [key, item] of Object.entries(request)) {
    if (key === 'execute') {
      if (typeof item !== 'string') {
        throw new UserError("QMP input object member 'execute' expects 'string'");
      }
    } else if (key === 'arguments') {
      if (typeof item !== 'object' || item === null || Array.isArray(item)) {
        throw new UserError("QMP input object member 'arguments' expects 'object'");
      }
    } else if (key !== 'id') {
      throw new UserError(`QMP input object member '${key}' is unexpected`);
    }
  }
  const { execute } = request;
  if (typeof execute !== 'string') throw new UserError("Expected 'execute' in QMP input");
  return { execute, args: request['arguments'] ?? {}, id: request['id'] };
}
