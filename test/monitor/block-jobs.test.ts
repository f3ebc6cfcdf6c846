/**
 * Drives under the monitor's hands: the program itself, a scratch folder, typed commands.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/tinamou');

interface Talk {
  readonly out: string;
  readonly status: number | null;
}

/** Speaks QMP: one command after the reply to the one before. */
function converse(folder: string, words: readonly string[], commands: readonly string[]) {
  return new Promise<Talk>((resolve, reject) => {
    const args = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-S', ...words];
    const child = spawn(PROGRAM, args, { cwd: folder });
    const queue = ['{"execute":"qmp_capabilities"}', ...commands];
    let out = '';
    let replies = 0;
    const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
    // One command for each answer; `until X` waits for a line that has X in it.
    const go = (): void => {
      const answers = out.split('\n').filter(l => /^\{"(return|error|QMP)"/.test(l)).length;
      while (queue.length > 0 && replies < answers) {
        const [next] = queue;
        if (next.startsWith('until ')) {
          if (!out.includes(next.slice('until '.length))) return;
          queue.shift();
          continue;
        }
        queue.shift();
        replies++;
        child.stdin.write(`${next}\n`);
      }
    };
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      go();
    });
    child.on('error', reject);
    child.on('exit', status => {
      clearTimeout(timer);
      resolve({ out, status });
    });
  });
}

const human = (line: string): string =>
  JSON.stringify({ execute: 'human-monitor-command', arguments: { 'command-line': line } });

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-jobs-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what was written is in the image when the program has ended', async () => {
  await inFolder(async folder => {
    const image = join(folder, 'a.qcow2');
    await runTool('t', ['create', '-q', '-f', 'qcow2', image, '1M']);
    const { status } = await converse(
      folder,
      ['-hda', 'a.qcow2'],
      [human('qemu-io ide0-hd0 "write -P 0xaa 64k 64k"'), '{"execute":"quit"}'],
    );
    expect(status).toBe(0);
    const raw = join(folder, 'a.raw');
    await runTool('t', ['convert', image, raw]);
    const bytes = readFileSync(raw);
    expect([bytes[65535], bytes[65536], bytes[131071], bytes[131072]]).toEqual([0, 0xaa, 0xaa, 0]);
    const { out } = await runTool('t', ['check', image]);
    expect(out).toMatch(/^No errors were found/);
  });
});

test('a drive is backed up, mirrored, and goes on with the mirror', async () => {
  await inFolder(async folder => {
    writeFileSync(join(folder, 'a.img'), new Uint8Array(256 * 1024).fill(3));
    const job = '"device": "ide0-hd0", "len": 262144, "offset": 262144, "speed": 0';
    const copy = (name: string, target: string): string =>
      JSON.stringify({
        execute: name,
        arguments: { device: 'ide0-hd0', target, sync: 'full', format: 'raw' },
      });
    const { out } = await converse(
      folder,
      ['-drive', 'file=a.img,format=raw'],
      [
        copy('drive-backup', 'b.img'),
        'until BLOCK_JOB_COMPLETED',
        human('info block-jobs'),
        copy('drive-mirror', 'm.img'),
        'until BLOCK_JOB_READY',
        '{"execute":"query-block-jobs"}',
        '{"execute":"block-job-complete","arguments":{"device":"ide0-hd0"}}',
        `until COMPLETED", "data": {${job}, "type": "mirror"`,
        human('info block'),
        '{"execute":"block-job-cancel","arguments":{"device":"ide0-hd0"}}',
        '{"execute":"quit"}',
      ],
    );
    expect(out).toContain("Formatting 'b.img', fmt=raw size=262144\n");
    expect(out).toContain(`"event": "BLOCK_JOB_COMPLETED", "data": {${job}, "type": "backup"}`);
    expect(out).toContain(`"event": "BLOCK_JOB_READY", "data": {${job}, "type": "mirror"}`);
    expect(out).toContain('ide0-hd0: m.img (raw)');
    expect(out).toContain("No active block job on device 'ide0-hd0'");
    for (const name of ['b.img', 'm.img']) {
      expect(readFileSync(join(folder, name)).every(b => b === 3)).toBe(true);
    }
  });
});
