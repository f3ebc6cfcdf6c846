/**
 * A QMP connection: greeting, capabilities negotiation, commands with ids, errors by class, and
 * events with the host's time.
 *
 * Commands are answered in the order in which they came; while one is under way the next wait.
 */

import type { Char, CharFrontend } from '../../char.ts';
import { UserError } from '../../error.ts';
import { isRecord, type Json } from '../../json.ts';
import { JsonStream } from '../../json-reader.ts';
import { checkArguments, empty } from '../../schema.ts';
import { printJson, printOrder } from '../json-text.ts';
import type { Session } from '../session.ts';
import { QEMU_VERSION } from '../version.ts';
import type { EventLimits, StampedEvent } from './event-limits.ts';

type JsonObject = { readonly [name: string]: Json };

const GREETING: Json = { QMP: { version: QEMU_VERSION, capabilities: [] } };

const MAX_QUEUE = 128;

export interface QmpServerOptions {
  readonly session: Session;
  readonly events: Pick<EventLimits, 'listen'>;
  readonly char: Char;
  readonly pretty: boolean;
}

export class QmpServer implements CharFrontend {
  private stream = this.newStream();
  private negotiated = false;
  private isOpen = false;
  private readonly queue: (Json | UserError)[] = [];
  private isBusy = false;
  /** Counts clients: an answer that comes late is not for the next one. */
  private connection = 0;

  constructor(private readonly options: QmpServerOptions) {
    const { events, char } = options;
    events.listen(event => this.sendEvent(event));
    char.setEcho(true);
    char.connect(this);
  }

  /** Who sends commands without end while one is under way has to wait. */
  room(): number {
    return this.queue.length < MAX_QUEUE ? 4096 : 0;
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
    } else if (what === 'closed') {
      this.isOpen = false;
      this.connection++;
      this.queue.length = 0;
    }
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
      const { connection } = this;
      const finish = (answer: JsonObject): void => {
        if (connection === this.connection) this.reply(answer, id);
        this.isBusy = false;
        this.serve();
        this.options.char.accept();
      };
      result.then(
        value => finish({ return: value }),
        (error: unknown) => finish(describe(error)),
      );
    } catch (error) {
      this.reply(describe(error), id);
    }
  }

  private execute(name: string, args: Json): Json | Promise<Json> {
    if ((name === 'qmp_capabilities') === this.negotiated) {
      throw new UserError(`The command ${name} has not been found`, 'CommandNotFound');
    }
    if (name !== 'qmp_capabilities') return this.options.session.start(name, args);
    checkArguments(empty, args);
    this.negotiated = true;
    return {};
  }

  private reply(answer: JsonObject, id: Json | undefined): void {
    this.send(id === undefined ? answer : { ...answer, id });
  }

  private sendEvent({ name, data, timestamp }: StampedEvent): void {
    if (!this.negotiated || !this.isOpen) return;
    const stamp = { timestamp, event: name };
    this.send(data === undefined ? stamp : { ...stamp, data });
  }

  private send(value: Json): void {
    const text = `${printJson(value, this.options.pretty)}\n`;
    this.options.char.write(new TextEncoder().encode(text.replaceAll('\n', '\r\n')));
  }
}

function describe(error: unknown): JsonObject {
  if (!(error instanceof UserError)) throw error;
  return { error: { class: error.errorClass, desc: error.message } };
}

function checkRequest(value: Json): { execute: string; args: Json; id: Json | undefined } {
  if (!isRecord(value)) throw new UserError("Expected 'object' in QMP input");
  const request = value;
  for (const key of printOrder(request)) {
    const item = request[key];
    if (key === 'execute') {
      if (typeof item !== 'string') {
        throw new UserError("QMP input object member 'execute' expects 'string'");
      }
    } else if (key === 'arguments') {
      if (!isRecord(item)) {
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
