/** `help`: a line per command, or about one. */

import { logItemsText } from '../../log.ts';
import { splitWords } from './arguments.ts';
import { findCommand, type HmpCommand, type HumanWorld } from './command.ts';

function helpLine(command: HmpCommand, prefix: string): string {
  return `${prefix}${command.name} ${command.params} -- ${command.help}\n`;
}

type HelpWorld = Pick<HumanWorld, 'commands' | 'printOut'>;

/** What `help TOPIC` prints; unknown topics print nothing. */
export function helpText({ commands, printOut }: HelpWorld, topic: string): string {
  if (topic === 'log') return logItemsText(true);
  const words = splitWords(topic, printOut);
  if (words === undefined) return '';
  let level = commands;
  let prefix = '';
  for (const word of words) {
    const command = findCommand(level, word);
    if (command === undefined) return '';
    if (command.subcommands === undefined) return helpLine(command, prefix);
    prefix += `${word} `;
    level = command.subcommands;
  }
  return level.map(command => helpLine(command, prefix)).join('');
}
