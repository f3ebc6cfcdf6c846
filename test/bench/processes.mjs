// Helpers of the benchmarks: start a program, wait for text, read what it cost.
import { spawn, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

export const TINAMOU = new URL('../../bin/tinamou', import.meta.url).pathname;
export const QEMU = 'qemu-system-i386';

/**
 * The environment of what is measured. NODE_EXTRA_CA_CERTS makes every Node process read all root
 * certificates at its start (some 40 ms); it has nothing to do with any program measured here.
 */
export const ENVIRONMENT = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };

export function has(program) {
  return spawnSync('sh', ['-c', `command -v ${program}`]).status === 0;
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function geomean(values) {
  return Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);
}

/** Processor time of a living process, all threads, in ms. */
export function cpuMs(pid) {
  let ns = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      ns += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]);
    } catch {
      // The thread has just ended.
    }
  }
  return ns / 1e6;
}

/** Starts a program; resolves when its stdout holds `text`, with both times so far. */
export function startUntil(program, args, text) {
  const began = performance.now();
  const stdio = ['pipe', 'pipe', 'ignore'];
  const child = spawn(program, args, { stdio, env: ENVIRONMENT });
  let seen = '';
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', code => reject(new Error(`${program} ended with ${code} before '${text}'`)));
    child.stdout.on('data', chunk => {
      seen += chunk.toString('latin1');
      if (!seen.includes(text)) return;
      const wallMs = performance.now() - began;
      const spentMs = cpuMs(child.pid);
      child.removeAllListeners('exit');
      child.stdout.removeAllListeners('data');
      child.stdout.resume();
      resolve({ child, wallMs, cpuMs: spentMs });
    });
  });
}

export function end(child) {
  return new Promise(resolve => {
    child.on('exit', resolve);
    child.kill('SIGKILL');
  });
}

export const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
