/**
 * A line run outside a console, as QMP's human-monitor-command does: nobody can be asked, and what
 * it prints is one text.
 */

import { UserError } from '../../error.ts';
import type { HmpCommand, HmpContext } from './command.ts';
import { runLine } from './dispatch.ts';

/** A text that is sent as a whole has to end somewhere; QEMU would take all memory for it. */
const MAX_TEXT = 32 * 1024 * 1024;

export async function runForText(
  session: HmpContext['session'],
  commands: readonly HmpCommand[],
  line: string,
  turn: () => Promise<void>,
): Promise<string> {
  let text = '';
  await runLine(
    {
      session,
      commands,
      defaults: { letter: 'x', size: 4 },
      history: [],
      print(more) {
        text += more;
        if (text.length > MAX_TEXT) throw new UserError('The output is too long');
      },
      suspend() {},
      async askPassword() {
        text += 'terminal does not support password prompting\n';
        return undefined;
      },
      turn: () => turn().then(() => true),
    },
    line,
  );
  return text;
}
