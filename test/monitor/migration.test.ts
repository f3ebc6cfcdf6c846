import { afterAll, expect, test } from 'vitest';
import { converse } from '../support/conversation.ts';
import { Workshop } from '../support/emulator.ts';
import { makeImages } from '../support/encrypted-images.ts';
import { Prompt } from '../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

test.each([
  ['unix', 'unix:state.sock'],
  ['tcp', 'tcp:127.0.0.1:45872'],
])('a machine that runs goes over to another process by %s', async (_name, uri) => {
  const machine = ['-m', '16', '-vga', 'std', '-serial', 'null'];
  const to = new Prompt(workshop, [...machine, '-incoming', uri]);
  expect(await to.ask('info status')).toBe('VM status: paused (inmigrate)\n');
  const from = new Prompt(workshop, machine);
  await from.askUntil('info registers', 'HLT=1');
  expect(await from.ask(`migrate ${uri}`)).toBe('');
  expect(await from.ask('info status')).toBe('VM status: paused (postmigrate)\n');
  expect(await from.ask('info migrate')).toContain('Migration status: completed\n');
  expect(await to.askUntil('info status', 'running')).toBe('VM status: running\n');
  const screen = 'xp /8xw 0xb8000';
  expect(await to.ask(screen)).toBe(await from.ask(screen));
  expect(await from.ask('cont')).toBe('');
  expect(await from.ask('info status')).toBe('VM status: running\n');
  expect([await to.quit(), await from.quit()]).toEqual([0, 0]);
});

test('a machine that does not run stays so, and is the same to the register', async () => {
  const uri = 'unix:still.sock';
  const to = new Prompt(workshop, ['-m', '16', '-S', '-incoming', uri]);
  expect(await to.ask('info status')).toBe('VM status: paused (inmigrate)\n');
  const from = new Prompt(workshop, ['-m', '16']);
  await from.askUntil('info registers', 'HLT=1');
  expect(await from.ask('stop')).toBe('');
  const registers = await from.ask('info registers');
  expect(await from.ask(`migrate ${uri}`)).toBe('');
  expect(await to.askUntil('info status', 'paused\n')).toBe('VM status: paused\n');
  expect(await to.ask('info registers')).toBe(registers);
  expect([await to.quit(), await from.quit()]).toEqual([0, 0]);
});

test('what can go wrong on the way leaves the machine running', async () => {
  const prompt = new Prompt(workshop, ['-m', '16']);
  await prompt.askUntil('info registers', 'HLT=1');
  const status = async (): Promise<string> =>
    /Migration status: (.*)\n/.exec(await prompt.ask('info migrate'))?.[1] ?? '';
  expect(await prompt.ask('migrate bogus')).toBe(
    "migrate: Parameter 'uri' expects a valid migration protocol\n",
  );
  expect(await status()).toBe('failed');
  expect(await prompt.ask('migrate unix:nobody.sock')).toBe(
    'migrate: Failed to connect socket: No such file or directory\n',
  );
  expect(await prompt.ask('migrate tcp:127.0.0.1:1')).toBe('');
  expect(await status()).toBe('failed');
  expect(await prompt.ask('migrate exec:true')).toBe('');
  expect(await status()).toBe('failed');
  expect(await prompt.ask('migrate fd:x')).toBe(
    "migrate: File descriptor named 'x' has not been found\n",
  );
  expect(await prompt.ask('migrate_set_speed 1k')).toBe('');
  expect(await prompt.ask('migrate -d "exec:cat > /dev/null"')).toBe('');
  await prompt.askUntil('info migrate', 'active');
  expect(await prompt.ask('migrate exec:true')).toBe(
    "migrate: There's a migration process in progress\n",
  );
  expect(await prompt.ask('migrate_cancel')).toBe('');
  expect(await status()).toBe('cancelled');
  expect(await prompt.ask('info status')).toBe('VM status: running\n');
  expect(await prompt.quit()).toBe(0);
});

test('QMP: events, and what is known of a migration', async () => {
  const say = (execute: string, lines: number, given?: object) => ({
    sent: JSON.stringify(given === undefined ? { execute } : { execute, arguments: given }),
    received: Array.from({ length: lines }, () => ''),
  });
  const file = { uri: 'exec:cat > qmp.out' };
  const { exchanges } = await converse(workshop, {
    argv: ['-nodefaults', '-display', 'none', '-S', '-m', '16', '-qmp', 'stdio'],
    greeting: [''],
    exchanges: [
      say('qmp_capabilities', 1),
      say('query-migrate', 1),
      say('query-migrate-cache-size', 1),
      say('query-migrate-capabilities', 1),
      say('migrate', 1, { ...file, blk: true }),
      say('cont', 2),
      say('migrate', 2, file),
      say('quit', 2),
    ],
  });
  const [, none, size, capabilities, disks, cont, migrate, quit] = exchanges.map(e => e.received);
  expect(none).toEqual(['{"return": {}}']);
  expect(size).toEqual(['{"return": 67108864}']);
  expect(capabilities).toEqual([
    '{"return": [{"state": false, "capability": "xbzrle"}, ' +
      '{"state": false, "capability": "rdma-pin-all"}, ' +
      '{"state": false, "capability": "auto-converge"}, ' +
      '{"state": false, "capability": "zero-blocks"}]}',
  ]);
  expect(disks[0]).toContain('compiled without old-style (blk/-b, inc/-i) block migration');
  const events = [...cont, ...migrate, ...quit].join().matchAll(/"event": "(\w+)"/g);
  expect([...events].map(match => match[1])).toEqual(['RESUME', 'STOP', 'SHUTDOWN']);
});

test('a disk that both processes have goes along, and comes back', async () => {
  const uri = 'unix:disk.sock';
  workshop.imageTool('create', '-q', '-f', 'qcow2', 'shared.qcow2', '4M');
  const machine = ['-m', '16', '-drive', 'file=shared.qcow2,if=none,id=d'];
  const from = new Prompt(workshop, machine);
  expect(await from.ask('qemu-io d "write -P 1 0 64k"')).toContain('wrote');
  const to = new Prompt(workshop, [...machine, '-incoming', uri]);
  expect(await to.ask('info status')).toBe('VM status: paused (inmigrate)\n');
  expect(await from.ask('qemu-io d "write -P 2 64k 64k"')).toContain('wrote');
  expect(await from.ask(`migrate ${uri}`)).toBe('');
  expect(await to.askUntil('info status', 'running')).toBe('VM status: running\n');
  expect(await to.ask('qemu-io d "read -P 2 64k 64k"')).not.toContain('failed');
  expect(await to.ask('qemu-io d "write -P 3 128k 64k"')).toContain('wrote');
  expect(await from.ask('cont')).toMatch(/^Failed to get "write" lock/);
  expect(await to.quit()).toBe(0);
  expect(await from.ask('cont')).toBe('');
  expect(await from.ask('qemu-io d "read -P 3 128k 64k"')).not.toContain('failed');
  expect(await from.ask('qemu-io d "write -P 4 192k 64k"')).toContain('wrote');
  expect(await from.quit()).toBe(0);
  workshop.imageTool('check', '-q', 'shared.qcow2');
});

test('a drive whose image cannot be shared keeps the machine here', async () => {
  workshop.imageTool('create', '-q', '-f', 'qcow', 'one.qcow', '4M');
  const prompt = new Prompt(workshop, ['-m', '16', '-hda', 'one.qcow', '-S']);
  expect(await prompt.ask('migrate exec:true')).toBe(
    "migrate: Block format 'qcow' used by device 'ide0-hd0' does not support " +
      "feature 'live migration'\n",
  );
  expect(await prompt.quit()).toBe(0);
});
