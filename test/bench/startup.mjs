// Process start to the monitor's prompt, beside Debian's QEMU, in turn; and what idling costs.
import { cpuMs, end, has, median, QEMU, sleep, startUntil, TINAMOU } from './processes.mjs';

const ROUNDS = 15;
const PROMPT_ARGS = ['-nodefaults', '-display', 'none', '-monitor', 'stdio'];

async function once(program) {
  const { child, wallMs, cpuMs: spentMs } = await startUntil(program, PROMPT_ARGS, '(qemu) ');
  await end(child);
  return { wallMs, spentMs };
}

/** Seconds of processor per second of an idle guest: our demo, halted in its menu. */
async function idle() {
  const args = ['-demo', '-nographic'];
  const { child } = await startUntil(TINAMOU, args, 'tinamou');
  await sleep(4000);
  const before = cpuMs(child.pid);
  const began = performance.now();
  await sleep(5000);
  const share = (cpuMs(child.pid) - before) / (performance.now() - began);
  await end(child);
  return share;
}

export async function startup() {
  const peers = has(QEMU) ? [TINAMOU, QEMU] : [TINAMOU];
  if (peers.length === 1) console.log(`startup: ${QEMU} is absent, no ratio`);
  const results = new Map(peers.map(p => [p, []]));
  for (let i = 0; i <= ROUNDS; i++) {
    for (const program of peers) {
      const result = await once(program);
      if (i > 0) results.get(program).push(result);
    }
  }
  const row = program => {
    const all = results.get(program);
    return { wall: median(all.map(r => r.wallMs)), cpu: median(all.map(r => r.spentMs)) };
  };
  const own = row(TINAMOU);
  console.log(`start to prompt  tinamou  ${own.wall.toFixed(0)} ms, cpu ${own.cpu.toFixed(0)} ms`);
  if (peers.length > 1) {
    const peer = row(QEMU);
    console.log(
      `start to prompt  QEMU     ${peer.wall.toFixed(0)} ms, cpu ${peer.cpu.toFixed(0)} ms`,
    );
    const ratio = (a, b) => (a / b).toFixed(2);
    console.log(
      `start to prompt  ratio    wall ${ratio(own.wall, peer.wall)}, ` +
        `cpu ${ratio(own.cpu, peer.cpu)} (target <= 2.5)`,
    );
  }
  console.log(`idle guest       ${((await idle()) * 100).toFixed(2)} % of a core (target < 3)`);
}
