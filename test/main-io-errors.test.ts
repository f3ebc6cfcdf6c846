/**
 * A guest's requests that fail: `werror` and `rerror`, seen by the guest and by QMP.
 */
import { spawn } from 'node:child_process';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Workshop } from './support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

/** Function 2 or 3 of INT 13h for one sector; AH ends the program through the exit port. */
function bootSector(call: number): Buffer {
  const code = Buffer.from([
    ...[0x31, 0xc0, 0x8e, 0xc0], // xor ax,ax; mov es,ax
    ...[0xb8, 0x01, call], // mov ax,0301
    ...[0xb9, 0x05, 0x00], // mov cx,5
    ...[0xba, 0x80, 0x00], // mov dx,80
    ...[0xbb, 0x00, 0x80], // mov bx,8000
    ...[0xcd, 0x13], // int 13
    ...[0x88, 0xe0, 0xe6, 0xf4], // mov al,ah; out f4,al
    ...[0xf4, 0xeb, 0xfd], // hlt; jmp
  ]);
  const sector = Buffer.alloc(512);
  code.copy(sector);
  sector.writeUInt16LE(0xaa55, 510);
  return sector;
}

interface Run {
  readonly lines: readonly string[];
  readonly status: number | null;
}

/** Runs a guest that does one request, answering QMP lines by those of `script`. */
function run(
  call: number,
  rule: string,
  options: string,
  script: readonly (readonly [string, readonly string[]])[],
): Promise<Run> {
  writeFileSync(join(workshop.folder, 'disk.img'), bootSector(call));
  truncateSync(join(workshop.folder, 'disk.img'), 1024 * 1024);
  writeFileSync(join(workshop.folder, 'debug.conf'), rule);
  const quiet = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', '-m', '16', '-S'];
  const drive = `file=blkdebug:debug.conf:disk.img,format=raw,${options}`;
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4'];
  const child = spawn(workshop.program, [...quiet, '-drive', drive, ...exit], {
    cwd: workshop.folder,
  });
  child.stdin.write('{"execute":"qmp_capabilities"}\n{"execute":"cont"}\n');
  const lines: string[] = [];
  const queue = [...script];
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const parts = text.split('\r\n');
    text = parts.pop() ?? '';
    for (const line of parts) {
      lines.push(line.replace(/"timestamp": \{[^}]*\}, /, ''));
      const [next] = queue;
      if (next === undefined || !line.includes(next[0])) continue;
      queue.shift();
      for (const command of next[1]) child.stdin.write(`${command}\n`);
    }
  });
  child.stdin.on('error', () => {});
  const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
  return new Promise(resolve => {
    child.on('close', status => {
      clearTimeout(timer);
      resolve({ lines, status });
    });
  });
}

const fail = (event: string, errno: number, sector: number): string =>
  `[inject-error]\nevent = "${event}"\nerrno = "${errno}"\nsector = "${sector}"\nonce = "on"\n`;
/** Without the RESUME that the guest starts with. */
const events = ({ lines }: Run): string[] =>
  lines.filter(line => line.includes('"event"')).slice(1);
/** As isa-debug-exit makes it of AH. */
const exitStatus = (ah: number): number => (ah << 1) | 1;
const STATS = '{"execute":"query-blockstats"}';
const ERROR = '{"event": "BLOCK_IO_ERROR", "data": ';

test('a full disk stops the machine; cont tries again', async () => {
  const result = await run(3, fail('write_aio', 28, 4), 'werror=enospc', [
    [
      '"STOP"',
      ['{"execute":"query-status"}', '{"execute":"query-block"}', STATS, '{"execute":"cont"}'],
    ],
  ]);
  const text = result.lines.join('\n');
  expect(text).toContain(
    `${ERROR}{"device": "ide0-hd0", "nospace": true, "reason": "No space left on device", ` +
      '"operation": "write", "action": "stop"}}',
  );
  expect(text).toContain('"status": "io-error", "singlestep": false, "running": false');
  expect(text).toContain('"io-status": "nospace"');
  // The boot sector took its virtual time.
  expect(text).toMatch(/"rd_total_time_ns": [1-9]\d{4}/);
  expect(events(result).map(line => /"event": "(\w+)"/.exec(line)?.[1])).toEqual([
    'BLOCK_IO_ERROR',
    'STOP',
    'RESUME',
    'SHUTDOWN',
  ]);
  expect(result.status).toBe(exitStatus(0));
});

test('other errors of writes go to the guest, and are told', async () => {
  const result = await run(3, fail('write_aio', 5, 4), 'werror=enospc', []);
  expect(events(result)[0]).toBe(
    `${ERROR}{"device": "ide0-hd0", "nospace": false, "reason": "Input/output error", ` +
      '"operation": "write", "action": "report"}}',
  );
  expect(result.status).not.toBe(exitStatus(0));
});

test('rerror=ignore hides what failed; rerror=stop waits', async () => {
  const ignored = await run(2, fail('read_aio', 5, 4), 'werror=report,rerror=ignore', []);
  expect(events(ignored)[0]).toBe(
    `${ERROR}{"device": "ide0-hd0", "reason": "Input/output error", ` +
      '"operation": "read", "action": "ignore"}}',
  );
  expect(ignored.status).toBe(exitStatus(0));
  const stopped = await run(2, fail('read_aio', 5, 4), 'rerror=stop', [
    ['"STOP"', ['{"execute":"cont"}']],
  ]);
  expect(events(stopped).length).toBe(4);
  expect(stopped.status).toBe(exitStatus(0));
});

test('a reset forgets the request that the machine stopped for', async () => {
  const result = await run(2, fail('read_aio', 5, 4), 'rerror=stop', [
    ['"STOP"', ['{"execute":"system_reset"}']],
    ['"RESET"', ['{"execute":"query-status"}', '{"execute":"cont"}']],
  ]);
  expect(result.status).toBe(exitStatus(0));
});
