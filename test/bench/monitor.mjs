// query-status per second over a UNIX socket, one at a time and many at once, beside Debian's QEMU.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ENVIRONMENT, end, has, median, QEMU, sleep, TINAMOU } from './processes.mjs';

const ROUNDS = 5;
/** Commands per round. */
const COUNT = 20_000;
const SERIAL_COUNT = 4000;
const AT_ONCE = 500;
const LEAST = 0.5;
const COMMAND = '{"execute":"query-status"}\n';

/** A client that counts the lines that come; `reached` waits for a number of them. */
class Client {
  lines = 0;
  wanted = Number.POSITIVE_INFINITY;
  wake = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.on('data', chunk => {
      for (const byte of chunk) if (byte === 10) this.lines++;
      if (this.lines >= this.wanted) this.wake();
    });
  }

  reached(lines) {
    this.wanted = lines;
    if (this.lines >= lines) return Promise.resolve();
    return new Promise(resolve => {
      this.wake = resolve;
    });
  }

  /** Sends `count` commands, `atOnce` of them at a time; returns commands per second. */
  async rate(count, atOnce) {
    const batch = COMMAND.repeat(atOnce);
    const from = this.lines;
    const began = performance.now();
    for (let sent = atOnce; sent <= count; sent += atOnce) {
      this.socket.write(batch);
      await this.reached(from + sent);
    }
    return (count / (performance.now() - began)) * 1000;
  }
}

async function open(program, path) {
  const args = ['-nodefaults', '-display', 'none', '-S', '-qmp', `unix:${path},server,nowait`];
  const child = spawn(program, args, { stdio: 'ignore', env: ENVIRONMENT });
  for (let i = 0; i < 100; i++) {
    await sleep(50);
    const socket = await new Promise(resolve => {
      const attempt = connect(path);
      attempt.once('connect', () => resolve(attempt));
      attempt.once('error', () => resolve(undefined));
    });
    if (socket === undefined) continue;
    const client = new Client(socket);
    await client.reached(1);
    socket.write('{"execute":"qmp_capabilities"}\n');
    await client.reached(2);
    return { child, client };
  }
  throw new Error(`${program} opened no socket`);
}

export async function monitor() {
  const peers = has(QEMU) ? [TINAMOU, QEMU] : [TINAMOU];
  if (peers.length === 1) console.log(`monitor: ${QEMU} is absent, no ratio`);
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-bench-'));
  const running = [];
  try {
    for (const [i, program] of peers.entries()) {
      running.push(await open(program, join(folder, String(i))));
    }
    for (const [name, count, atOnce] of [
      ['one at a time', SERIAL_COUNT, 1],
      [`${AT_ONCE} at once`, COUNT, AT_ONCE],
    ]) {
      const rates = running.map(() => []);
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [i, { client }] of running.entries()) {
          const rate = await client.rate(count, atOnce);
          if (round > 0) rates[i].push(rate);
        }
      }
      show(name, rates.map(median));
    }
  } finally {
    await Promise.all(running.map(({ child }) => end(child)));
    rmSync(folder, { recursive: true });
  }
}

function show(name, [own, peer]) {
  const what = `query-status, ${name}`.padEnd(28);
  if (peer === undefined) {
    console.log(`${what} tinamou ${own.toFixed(0)}/s`);
    return;
  }
  console.log(
    `${what} tinamou ${own.toFixed(0)}/s, QEMU ${peer.toFixed(0)}/s, ` +
      `ratio ${(own / peer).toFixed(2)} (target >= ${LEAST})`,
  );
}
