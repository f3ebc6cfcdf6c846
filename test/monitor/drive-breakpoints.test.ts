/**
 * Breakpoints of `blkdebug` under the monitor’s `qemu-io`: a suspended request outlives its
 * command.
 */
import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { Prompt } from '../support/prompt.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

test('a request waits at a breakpoint while other commands run', async () => {
  workshop.imageTool('create', '-q', '-f', 'qcow2', 'd.qcow2', '1M');
  const drive = 'if=none,id=d,file=blkdebug::d.qcow2,format=qcow2';
  const prompt = new Prompt(workshop, ['-S', '-drive', drive]);
  const io = (command: string): Promise<string> => prompt.ask(`qemu-io d "${command}"`);
  expect(await io('write 0 64k')).toContain('wrote 65536/65536');
  expect(await io('break write_aio A')).toBe('');
  expect(await io('aio_write -P 9 0 64k')).toContain("blkdebug: Suspended request 'A'\n");
  expect(await io('wait_break A')).toBe('');
  expect(await io('resume X')).toBe('Could not resume request: No such file or directory\n');
  const resumed = await io('resume A');
  expect(resumed).toContain("blkdebug: Resuming request 'A'\n");
  expect(resumed + (await io('aio_flush'))).toContain('wrote 65536/65536 bytes at offset 0\n');
  expect(await io('read -P 9 0 64k')).not.toContain('failed');
  expect(await io('remove_break A')).toContain('Could not remove breakpoint A');
  expect(await prompt.quit()).toBe(0);
});
