// Process start to the monitor's prompt and to the greeting of QMP, beside Debian's QEMU, in turn;
// and what idling costs.
import { cpuMs, end, has, median, QEMU, sleep, startUntil, TINAMOU } from './processes.mjs';

const ROUNDS = 15;
const BARE = ['-nodefaults', '-display', 'none'];
/** What is waited for, and with what arguments; the aim is processor time beside QEMU's. */
const STARTS = [
  { name: 'prompt', args: [...BARE, '-monitor', 'stdio'], text: '(qemu) ' },
  { name: 'greeting', args: [...BARE, '-qmp', 'stdio'], text: '{"QMP"' },
];
const MOST_CPU = 2;

async function once(program, { args, text }) {
  const { child, wallMs, cpuMs: spentMs } = await startUntil(program, args, text);
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

/** Medians by program; the first round warms the host's caches. */
async function measure(peers, start) {
  const results = new Map(peers.map(p => [p, []]));
  for (let i = 0; i <= ROUNDS; i++) {
    for (const program of peers) {
      const result = await once(program, start);
      if (i > 0) results.get(program).push(result);
    }
  }
  return peers.map(program => {
    const all = results.get(program);
    return { wall: median(all.map(r => r.wallMs)), cpu: median(all.map(r => r.spentMs)) };
  });
}

function show(name, who, { wall, cpu }) {
  const what = `start to ${name}`.padEnd(18);
  console.log(`${what} ${who.padEnd(8)} ${wall.toFixed(0)} ms, cpu ${cpu.toFixed(0)} ms`);
}

export async function startup() {
  const peers = has(QEMU) ? [TINAMOU, QEMU] : [TINAMOU];
  if (peers.length === 1) console.log(`startup: ${QEMU} is absent, no ratio`);
  for (const start of STARTS) {
    const [own, peer] = await measure(peers, start);
    show(start.name, 'tinamou', own);
    if (peer === undefined) continue;
    show(start.name, 'QEMU', peer);
    const ratio = (a, b) => (a / b).toFixed(2);
    console.log(
      `${`start to ${start.name}`.padEnd(18)} ratio    wall ${ratio(own.wall, peer.wall)}, ` +
        `cpu ${ratio(own.cpu, peer.cpu)} (target <= ${MOST_CPU.toFixed(1)})`,
    );
  }
  console.log(`idle guest         ${((await idle()) * 100).toFixed(2)} % of a core (target < 3)`);
}
