/** A program that speaks QMP with the emulator, and keeps all that it hears. */

import { connect, type Socket } from 'node:net';
import type { Members } from './answer-types.ts';

export interface Message {
  readonly QMP?: unknown;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly event?: string;
  readonly data?: Members;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
}

const PATIENCE_MS = 60_000;
const AGAIN_MS = 30;

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

function attempt(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  return new Promise(resolve => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

export class QmpClient {
  readonly heard: Message[] = [];
  private text = '';
  private check: () => void = () => {};

  private constructor(readonly socket: Socket) {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const lines = (this.text + bytes.toString()).split('\r\n');
      this.text = lines.pop() ?? '';
      for (const line of lines) this.heard.push(JSON.parse(line) as Message);
      this.check();
    });
  }

  /** As soon as there is somebody at that address; greeted, and without capabilities. */
  static async to(path: string): Promise<QmpClient> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const socket = await attempt(path);
      if (socket !== undefined) {
        const client = new QmpClient(socket);
        await client.until(({ QMP }) => QMP !== undefined);
        return client;
      }
      if (Date.now() > end) throw new Error(`nobody at ${path}`);
      await pause(AGAIN_MS);
    }
  }

  send(execute: string, args: object = {}): void {
    this.socket.write(`${JSON.stringify({ execute, arguments: args })}\n`);
  }

  /** The first message from number `from` on that is such. */
  until(isWanted: (message: Message) => boolean, from = 0): Promise<Message> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`not in ${JSON.stringify(this.heard.slice(from)).slice(-2000)}`));
      }, PATIENCE_MS);
      this.check = () => {
        const found = this.heard.slice(from).find(isWanted);
        if (found === undefined) return;
        clearTimeout(timer);
        this.check = () => {};
        resolve(found);
      };
      this.check();
    });
  }

  /** The answer; events may come before it. */
  ask(execute: string, args: object = {}): Promise<Message> {
    const from = this.heard.length;
    this.send(execute, args);
    return this.until(message => message.event === undefined, from);
  }

  human(line: string): Promise<Message> {
    return this.ask('human-monitor-command', { 'command-line': line });
  }

  /** Asks until the answer has `wanted` in it. */
  async askUntil(execute: string, wanted: string): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    while (!JSON.stringify(await this.ask(execute)).includes(wanted)) {
      if (Date.now() > end) throw new Error(`no ${wanted} after ${execute}`);
      await pause(AGAIN_MS);
    }
  }

  event(name: string, from = 0): Promise<Message> {
    return this.until(({ event }) => event === name, from);
  }

  get events(): readonly Message[] {
    return this.heard.filter(({ event }) => event !== undefined);
  }
}
