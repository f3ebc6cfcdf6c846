import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';

const MIB = 1 << 20;
/** Nothing is measured by it: what takes longer does not come any more. */
const PATIENCE_MS = 240_000;
/** The same, for a whole test. */
const TEST_MS = 600_000;
const workshop = new Workshop();
const socketPath = join(workshop.folder, 'qmp.sock');
const watchPath = join(workshop.folder, 'watch.sock');
const humanPath = join(workshop.folder, 'human.sock');
const HELLO = '{"execute":"qmp_capabilities"}';
const STATUS = '{"execute":"query-status"}';

let child: ChildProcess;
let stderr = '';

/** Resident memory of the emulator. */
function residentMib(): number {
  const text = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
}

/** Milliseconds of processor time so far. */
function spentMs(): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

class Client {
  text = '';
  private constructor(readonly socket: Socket) {
    socket.on('error', () => {});
  }

  static async to(path: string, options: { readonly reads: boolean } = { reads: true }) {
    for (;;) {
      const socket = connect(path);
      const isUp = await new Promise<boolean>(resolve => {
        socket.once('connect', () => resolve(true));
        socket.once('error', () => resolve(false));
      });
      if (!isUp) {
        await new Promise(resolve => setTimeout(resolve, 50));
        continue;
      }
      const client = new Client(socket);
      if (options.reads) {
        socket.on('data', (bytes: Buffer) => {
          client.text = (client.text + bytes.toString()).slice(-MIB);
        });
      }
      return client;
    }
  }

  async send(text: string | Uint8Array): Promise<void> {
    if (!this.socket.write(text))
      await Promise.race([once(this.socket, 'drain'), pause(PATIENCE_MS)]);
  }

  async until(wanted: string, patienceMs = PATIENCE_MS): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!this.text.includes(wanted)) {
      if (Date.now() > end) throw new Error(`no ${wanted} in ${this.text.slice(-500)}`);
      await pause(10);
    }
  }

  async ask(line: string, wanted: string): Promise<void> {
    this.text = '';
    await this.send(line);
    await this.until(wanted);
  }

  async end(): Promise<void> {
    this.socket.destroy();
    await pause(20);
  }
}

const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms));

/**
 * Asks again and again how the machine is, beside whatever else goes on. How long an answer took is
 * counted in the emulator's processor time: what it does first. The clock would count other
 * programs, too.
 */
class Watcher {
  mostMs = 0;
  private isOn = true;
  private readonly done: Promise<void>;

  constructor(client: Client) {
    this.done = this.watch(client);
  }

  private async watch(client: Client): Promise<void> {
    while (this.isOn) {
      const start = spentMs();
      await client.ask(STATUS, '"running": true');
      this.mostMs = Math.max(this.mostMs, spentMs() - start);
      await pause(5);
    }
  }

  async stop(): Promise<number> {
    this.isOn = false;
    await this.done;
    return this.mostMs;
  }
}

let watcher: Client;
let baseMib = 0;

beforeAll(async () => {
  child = spawn(
    workshop.program,
    [
      ...['-nodefaults', '-display', 'none', '-qmp', `unix:${socketPath},server,nowait`],
      ...['-qmp', `unix:${watchPath},server,nowait`],
      ...['-monitor', `unix:${humanPath},server,nowait`],
    ],
    { cwd: workshop.folder },
  );
  child.stderr?.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  watcher = await Client.to(watchPath);
  await watcher.ask(HELLO, '{"return": {}}');
  await pause(500);
  baseMib = residentMib();
}, 30_000);

afterAll(() => {
  child.kill('SIGKILL');
  workshop.close();
});

/** Runs `attack` beside a client that watches; then a new client must be served as ever. */
async function survives(attack: () => Promise<void>): Promise<{ mostMs: number; mib: number }> {
  const watching = new Watcher(watcher);
  await attack();
  const mostMs = await watching.stop();
  const client = await Client.to(socketPath);
  await client.until('"capabilities": []}}');
  await client.ask(HELLO, '{"return": {}}');
  await client.ask(STATUS, '"running": true');
  await client.end();
  const mib = residentMib() - baseMib;
  expect({ stderr, status: child.exitCode }).toEqual({ stderr: '', status: null });
  return { mostMs, mib };
}

const CHUNK = 256 * 1024;

async function flood(head: string, byte: string, total: number, tail: string): Promise<Client> {
  const client = await Client.to(socketPath);
  await client.ask(HELLO, '{"return": {}}');
  const chunk = Buffer.alloc(CHUNK, byte);
  await client.send(head);
  for (let sent = 0; sent < total; sent += CHUNK) await client.send(chunk);
  client.text = '';
  await client.send(tail);
  return client;
}

const LIMIT_MIB = 320;
/** Of work before a question is answered. */
const MOST_MS = 1000;

test.each([
  ['garbage', '', '\x01\xfe{]"', '\n'],
  ['words without a brace', '', 'a', ' \n'],
  ['a string', '{"execute":"', 'x', '"}\n'],
])(
  'a flood of %s',
  async (_name, head, byte, tail) => {
    const total = byte.length > 1 ? MIB / 4 : 100 * MIB;
    const { mostMs, mib } = await survives(async () => {
      const client = await flood(head, byte, total, `${tail}"\n'\n}\n${STATUS}`);
      await client.until('Invalid JSON syntax');
      await client.end();
    });
    expect(mib).toBeLessThan(LIMIT_MIB);
    expect(mostMs).toBeLessThan(MOST_MS);
  },
  TEST_MS,
);

test(
  'a thousand brackets are read, a million refused',
  async () => {
    const { mib } = await survives(async () => {
      const client = await Client.to(socketPath);
      await client.ask(HELLO, '{"return": {}}');
      const nested = `${'['.repeat(1000)}${']'.repeat(1000)}`;
      await client.ask(nested, "Expected 'object' in QMP input");
      await client.ask('['.repeat(MIB), 'Invalid JSON syntax');
      await client.end();
    });
    expect(mib).toBeLessThan(LIMIT_MIB);
  },
  TEST_MS,
);

test(
  'a client that goes in the middle of a command, or of its answer',
  async () => {
    await survives(async () => {
      for (let i = 0; i < 20; i++) {
        const client = await Client.to(socketPath);
        await client.send(
          `${HELLO}{"execute":"human-monitor-command","arguments":{"command-line":`,
        );
        if (i % 2 === 0) await client.send(`"x/20000xb 0"}}${STATUS.slice(0, 8)}`);
        await client.end();
      }
    });
  },
  TEST_MS,
);

test(
  'a client that never reads costs little, and gets its answers when it does',
  async () => {
    const { mostMs, mib } = await survives(async () => {
      const client = await Client.to(socketPath, { reads: false });
      await client.send(HELLO);
      const line = `${STATUS}\n`.repeat(1000);
      let sent = 0;
      for (; sent < 400; sent++) {
        if (client.socket.writableLength > 4 * MIB) break;
        client.socket.write(line);
        await pause(1);
      }
      let answers = 0;
      client.socket.on('data', (bytes: Buffer) => {
        answers += bytes.toString().split('"status"').length - 1;
      });
      const end = Date.now() + PATIENCE_MS;
      // A few may have been cut in two.
      while (answers < sent * 1000 - 2000 && Date.now() < end) await pause(50);
      expect(answers).toBeGreaterThan(sent * 1000 - 2000);
      await client.end();
    });
    expect(mib).toBeLessThan(LIMIT_MIB);
    expect(mostMs).toBeLessThan(MOST_MS);
  },
  TEST_MS,
);

test(
  '50 clients at once, 50 one after the other',
  async () => {
    await survives(async () => {
      const clients = await Promise.all(Array.from({ length: 50 }, () => Client.to(socketPath)));
      await clients[0].until('"capabilities": []}}');
      for (const client of clients) await client.end();
      for (let i = 0; i < 50; i++) {
        const client = await Client.to(socketPath);
        await client.until('"capabilities": []}}');
        await client.ask(HELLO, '{"return": {}}');
        await client.end();
      }
    });
  },
  TEST_MS,
);

test.each(['x/2000000000xb 0', 'xp/2000000000i 0'])(
  '%s, asked for by somebody who then goes',
  async line => {
    const { mostMs, mib } = await survives(async () => {
      const client = await Client.to(humanPath);
      await client.ask(`${line}\n`, '0000000000001000');
      await client.end();
      await pause(500);
      const [before, start] = [spentMs(), performance.now()];
      await pause(1000);
      expect((spentMs() - before) / (performance.now() - start)).toBeLessThan(0.5);
      const next = await Client.to(humanPath);
      await next.ask('info status\n', 'VM status: running');
      await next.end();
    });
    expect(mib).toBeLessThan(LIMIT_MIB);
    expect(mostMs).toBeLessThan(MOST_MS);
  },
  TEST_MS,
);

test(
  'a command whose output has no end, as one string',
  async () => {
    const { mostMs } = await survives(async () => {
      const client = await Client.to(socketPath);
      await client.ask(HELLO, '{"return": {}}');
      for (const line of ['x/2000000000 0', `p ${'('.repeat(300_000)}`]) {
        const human = { execute: 'human-monitor-command', arguments: { 'command-line': line } };
        const reply = line[0] === 'p' ? 'unexpected end' : 'The output is too long';
        await client.ask(JSON.stringify(human), reply);
      }
      await client.end();
    });
    expect(mostMs).toBeLessThan(MOST_MS);
  },
  TEST_MS,
);
