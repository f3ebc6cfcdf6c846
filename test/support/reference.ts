/**
 * The reference page, made from what the program itself reads: its table of options, the schemas of
 * its commands, the table of events.
 */

import { commandsFor } from '../../src/monitor/commands/all.ts';
import { EVENT_TABLE } from '../../src/monitor/event-table.ts';
import type { Argument } from '../../src/monitor/hmp/argument-types.ts';
import type { HmpCommand } from '../../src/monitor/hmp/command.ts';
import { hmpCommandsFor } from '../../src/monitor/hmp/commands.ts';
import { OPTION_SECTIONS } from '../../src/options-table.ts';
import type { Schema, SchemaParts } from '../../src/schema.ts';

/** In `-compat encrypted-images=legacy` only. */
const LEGACY_MARK = ' *(legacy mode only)*';

const HEAD = `# Reference

Made from the program's own tables by \`npm run reference\`; a test compares.

A question mark is behind what may be absent, brackets are around lists. Commands of the human
monitor take their arguments in the order given; [compatibility.md](compatibility.md) says what is
behind them.
`;

function optionText(): string {
  const sections = OPTION_SECTIONS.map(({ title, rows }) => {
    const text = rows.map(row => row.help).join('');
    return `### ${title.replace(/ *options:$/, '')}\n\n\`\`\`text\n${text}\`\`\`\n`;
  });
  return `## Options\n\n${sections.join('\n')}`;
}

/** Types that have parts of their own, by name: each is described once. */
class Types {
  private readonly known = new Map<string, SchemaParts>();

  /** A type as the commands show it. */
  use({ type, parts }: Schema<unknown>): string {
    if (parts === undefined) return type;
    if (parts.kind === 'list') return `[${this.use(parts.item)}]`;
    const isNew = !this.known.has(type);
    this.known.set(type, parts);
    if (isNew && parts.kind === 'struct') this.members(parts);
    if (isNew && parts.kind === 'union') for (const v of Object.values(parts.variants)) this.use(v);
    return type;
  }

  members({ fields, isOpen }: Extract<SchemaParts, { kind: 'struct' }>): string {
    const list = Object.entries(fields).map(
      ([name, field]) => `${name}${field.isOptional === true ? '?' : ''}: ${this.use(field)}`,
    );
    return [...list, ...(isOpen ? ['…'] : [])].join(', ');
  }

  text(): string {
    const names = [...this.known.keys()].sort();
    return names.map(name => `- \`${name}\`: ${this.describe(name)}\n`).join('');
  }

  private describe(name: string): string {
    const parts = this.known.get(name);
    if (parts?.kind === 'enum') return parts.names.map(item => `\`${item}\``).join(', ');
    if (parts?.kind === 'struct') return `\`{${this.members(parts)}}\``;
    if (parts?.kind !== 'union') return '';
    const cases = Object.entries(parts.variants).map(
      ([kind, v]) => `\`${kind}\`: \`${this.use(v)}\``,
    );
    return `\`{type, data}\`; ${cases.join(', ')}`;
  }
}

function qmpText(): string {
  const types = new Types();
  const always = new Set(commandsFor('refuse').map(({ name }) => name));
  const rows = commandsFor('legacy')
    .filter(({ isInternal }) => !isInternal)
    .map(({ name, args, returns, doc }) => {
      const members = types.members(args.parts);
      const type =
        returns.type === 'Empty' ? '{}' : types.use(returns).replace(/^\['(.*)'\]$/, '[$1]');
      const mark = always.has(name) ? '' : LEGACY_MARK;
      return `- \`${name}(${members})\` → \`${type}\`${mark}  \n  ${doc}\n`;
    });
  return (
    `## QMP commands\n\nIn the order of \`query-commands\`.\n\n${rows.join('')}\n` +
    `### Types of arguments\n\n${types.text()}\n`
  );
}

function eventText(): string {
  const rows = EVENT_TABLE.map(({ name, data, doc, intervalMs }) => {
    const often = intervalMs === undefined ? '' : ` At most every ${intervalMs} ms.`;
    return `- \`${name}\`${data === '' ? '' : ` \`{${data}}\``}  \n  ${doc}${often}\n`;
  });
  return `## QMP events\n\nIn the order of \`query-events\`.\n\n${rows.join('')}\n`;
}

function argumentText({ name, kind, optional }: Argument): string {
  if (kind === 'flag') return `[-${name}]`;
  if (kind === 'format') return '/fmt';
  return optional === true ? `[${name}: ${kind}]` : `${name}: ${kind}`;
}

function hmpRows(commands: readonly HmpCommand[], always: ReadonlySet<string>): string {
  return commands
    .map(({ name, args, help }) => {
      const words = args.map(argumentText).join(', ');
      const mark = always.has(name) ? '' : LEGACY_MARK;
      const text = help.replace(/\s*\n\s*/g, ' ').replace(/[<>*_]/g, c => `\\${c}`);
      return `- \`${name}\`${words === '' ? '' : ` (\`${words}\`)`}${mark}  \n  ${text}\n`;
    })
    .join('');
}

function hmpText(): string {
  const always = new Set(hmpCommandsFor('refuse').map(({ name }) => name));
  const commands = hmpCommandsFor('legacy');
  const info = commands.find(({ name }) => name === 'info')?.subcommands ?? [];
  const all = new Set(info.map(({ name }) => name));
  return `## Human monitor\n\n${hmpRows(commands, always)}\n` + `### info\n\n${hmpRows(info, all)}`;
}

export function referenceText(): string {
  return [HEAD, optionText(), qmpText(), eventText(), hmpText()]
    .join('\n')
    .replace(/\n{3,}/g, '\n\n');
}
