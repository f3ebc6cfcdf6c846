import { afterAll, expect, test } from 'vitest';
import { Workshop } from '../../support/emulator.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());
const QUIET = ['-nodefaults', '-display', 'none', '-qmp', 'stdio'];

/** What comes back for `input`, a line each. */
async function say(input: string | Uint8Array, argv = QUIET): Promise<string[]> {
  const { stdout, status } = await workshop.run(argv, input);
  expect(status).toBe(0);
  return stdout
    .toString()
    .split('\r\n')
    .filter(line => line !== '');
}

test('events come before the reply of stop and cont, after that of the others', async () => {
  const sent = ['qmp_capabilities', 'stop', 'stop', 'cont', 'cont', 'system_reset', 'quit'];
  const got = await say(sent.map(execute => `${JSON.stringify({ execute })}\n`).join(''));
  const short = got.slice(1).map(line => /"event": "(\w+)"/.exec(line)?.[1] ?? line);
  const done = '{"return": {}}';
  expect(short).toEqual([
    done,
    'STOP',
    done,
    done,
    'RESUME',
    done,
    done,
    done,
    'RESET',
    done,
    'SHUTDOWN',
  ]);
});
