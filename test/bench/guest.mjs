// Guest speed: the kernels of roms/bench in tinamou, QEMU TCG and v86 (with and without its JIT),
// all booting the same image in turn. Processor time between the guest's markers, medians of rounds.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { cpuMs, ENVIRONMENT, geomean, has, median, QEMU, TINAMOU } from './processes.mjs';

const IMAGE = new URL('../../roms/bench/kernels.elf', import.meta.url).pathname;
const V86_PEER = new URL('./v86-peer.mjs', import.meta.url).pathname;
/** Instructions of each kernel per round. */
const COUNTS = JSON.parse(readFileSync(new URL('./kernels.json', import.meta.url), 'utf8'));
const KERNELS = Object.keys(COUNTS);
/** Mean figures are of the kernels that compute with integers; these have columns of their own. */
const FLOATS = ['matx87', 'matsse'];
/** What the guest sends when the last kernel begins. */
const LAST = String.fromCharCode(96 + KERNELS.length);
const ROUNDS = 5;

const BOOT = ['-m', '64', '-kernel', IMAGE, '-display', 'none', '-serial', 'stdio'];
const PEERS = {
  tinamou: { program: TINAMOU, args: [...BOOT, '-nodefaults', '-monitor', 'none'] },
  TCG: { program: QEMU, args: [...BOOT, '-nodefaults', '-accel', 'tcg'], needs: QEMU },
  'v86 interpreter': { program: process.execPath, args: [V86_PEER, IMAGE, 'nojit'], v86: true },
  'v86 JIT': { program: process.execPath, args: [V86_PEER, IMAGE], v86: true },
};

/** Milliseconds of processor time, by kernel: first round, and median of the later ones. */
function measure({ program, args }) {
  const stdio = ['ignore', 'pipe', 'ignore'];
  const child = spawn(program, args, { stdio, env: ENVIRONMENT });
  const times = KERNELS.map(() => []);
  let startedMs = 0;
  return new Promise((resolve, reject) => {
    const finish = () => {
      child.removeAllListeners('exit');
      child.kill('SIGKILL');
      resolve({ first: times.map(t => t[0]), steady: times.map(t => median(t.slice(1))) });
    };
    const onByte = byte => {
      const letter = String.fromCharCode(byte);
      if (letter === '!') reject(new Error(`${program}: a kernel computed a wrong sum`));
      if (letter >= 'a' && letter <= LAST) startedMs = cpuMs(child.pid);
      if (letter >= 'A' && letter <= LAST.toUpperCase()) {
        times[byte - 65].push(cpuMs(child.pid) - startedMs);
        if (times.at(-1).length > ROUNDS) finish();
      }
    };
    child.on('error', reject);
    child.on('exit', code => reject(new Error(`${program} ended with ${code}`)));
    child.stdout.on('data', chunk => chunk.forEach(onByte));
  });
}

function unavailable(peer) {
  if (peer.needs && !has(peer.needs)) return `${peer.needs} is absent`;
  if (peer.v86 && !existsSync('/usr/share/seabios/bios.bin')) return 'seabios is absent';
  return undefined;
}

export async function guest() {
  const rows = {};
  for (const [name, peer] of Object.entries(PEERS)) {
    const why = unavailable(peer);
    if (why) console.log(`guest: no ${name}: ${why}`);
    else rows[name] = await measure(peer);
  }
  // The kernel's account of a thread that has just started can be late: then there is no figure.
  const mips = (ms, k) => (ms > 1 ? (COUNTS[KERNELS[k]] / ms / 1000).toFixed(0) : '-');
  const cells = values => values.map((ms, k) => mips(ms, k).padStart(9)).join('');
  console.log(`guest MIPS        ${KERNELS.map(k => k.padStart(9)).join('')}`);
  for (const [name, { first, steady }] of Object.entries(rows)) {
    console.log(`${name.padEnd(18)}${cells(steady)}`);
    if (name === 'tinamou') console.log(`${'  first round'.padEnd(18)}${cells(first)}`);
  }
  for (const [name, { steady }] of Object.entries(rows)) {
    if (name === 'tinamou') continue;
    const ratios = KERNELS.map((_, k) => steady[k] / rows.tinamou.steady[k]);
    const integers = ratios.filter((_, k) => !FLOATS.includes(KERNELS[k]));
    console.log(
      `speed over ${name.padEnd(16)} ${geomean(integers).toFixed(2)} ` +
        `(${ratios.map(r => r.toFixed(2)).join(' ')})`,
    );
  }
}
