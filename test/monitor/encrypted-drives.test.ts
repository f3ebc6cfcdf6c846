import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../support/emulator.ts';
import { LEGACY, makeImages } from '../support/encrypted-images.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
makeImages(workshop);

test('where nobody can be asked, cont says so', async () => {
  const cont = { execute: 'human-monitor-command', arguments: { 'command-line': 'c' } };
  const requests = [{ execute: 'qmp_capabilities' }, cont, { execute: 'query-status' }];
  const input = [...requests, { execute: 'quit' }].map(item => `${JSON.stringify(item)}\n`);
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio', 'geheim.qcow2'];
  const { stdout } = await workshop.run([...LEGACY, ...argv], input.join(''));
  const [, , human, status] = stdout.toString().split('\r\n');
  const line = 'terminal does not support password prompting';
  expect(JSON.parse(human)).toEqual({
    return: `ide0-hd0 (geheim.qcow2) is encrypted.\r\n${line}\r\n`,
  });
  expect(JSON.parse(status).return.status).toBe('prelaunch');
});
