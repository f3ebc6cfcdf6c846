import { afterAll, expect, test } from 'vitest';
import { PROGRAM, Workshop } from '../../support/emulator.ts';
import { golden } from '../../support/sessions.ts';

const workshop = new Workshop();
afterAll(() => workshop.close());

interface Talk {
  readonly argv: readonly string[];
  readonly sent: readonly string[];
  readonly received: readonly string[];
}

/** The conversations of a transcript; a value sent over two lines counts as two. */
function talks(name: string): Talk[] {
  return golden(name)
    .split(/^\$ /m)
    .slice(1)
    .map(block => {
      const [command, ...lines] = block.split('\n');
      const of = (mark: string) =>
        lines.filter(line => line.startsWith(mark)).map(line => line.slice(3));
      const argv = command.trim().split(' ').slice(1);
      return { argv, sent: of('-> '), received: of('<- ') };
    });
}

/** Times, threads and where a guest happens to be differ from run to run. */
function masked(line: string): string {
  return line
    .replace(/"seconds": \d+, "microseconds": \d+/, '"seconds": S, "microseconds": U')
    .replace(/"pc": \d+, "halted": (true|false), "thread_id": \d+/, '"pc": P, "thread_id": T');
}

async function converse({ argv, sent }: Talk, skip: (line: string) => boolean) {
  const input = sent
    .filter(line => !skip(line))
    .map(line => `${line}\n`)
    .join('');
  const { stdout, status } = await workshop.run(argv, input);
  expect(status).toBe(0);
  return stdout
    .toString()
    .split('\r\n')
    .filter(line => line !== '')
    .map(masked);
}

/** Commands that this machine does not have. */
const ABSENT = /block_passwd/;

test(`D01: ${PROGRAM} answers the recorded requests with the recorded bytes`, async () => {
  const [talk] = talks('D01-protocol');
  const got = await converse(talk, line => ABSENT.test(line));
  const gone = /password|Cannot find device|expected: string|'z'/;
  const wanted = talk.received.filter(line => !gone.test(line)).map(masked);
  // No processor of the host is ever used, so there is no support to speak of.
  const kvm = (line: string) => line.replace('"present": true', '"present": false');
  expect(got).toEqual(wanted.map(kvm));
});

test('events come before the reply of stop and cont, after that of the others', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-qmp', 'stdio'];
  const sent = ['qmp_capabilities', 'stop', 'stop', 'cont', 'cont', 'system_reset', 'quit'];
  const requests = sent.map(execute => JSON.stringify({ execute }));
  const got = await converse({ argv, sent: requests, received: [] }, () => false);
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

test('D12: pretty output', async () => {
  const argv = ['-nodefaults', '-display', 'none', '-S', '-qmp-pretty', 'stdio'];
  const sent = ['qmp_capabilities', 'query-status', 'quit'];
  const got = await converse(
    { argv, sent: sent.map(execute => JSON.stringify({ execute })), received: [] },
    () => false,
  );
  const lines = golden('D12-pretty').split('\n').slice(1, -2);
  const wanted = lines.filter(line => !line.startsWith('{"'));
  const time = (line: string) => line.replace(/(seconds": )\d+/, '$1N');
  expect(got.map(time)).toEqual(wanted.map(time));
});
