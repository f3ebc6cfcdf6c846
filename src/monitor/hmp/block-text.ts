/**
 * `info block` and `info blockstats` as text, from what query-block and query-blockstats return.
 */

import type { Json } from '../../json.ts';
import { formatSize } from '../../size.ts';

type JsonObject = { readonly [name: string]: Json };

const THROTTLES = [
  'bps',
  'bps_rd',
  'bps_wr',
  'bps_max',
  'bps_rd_max',
  'bps_wr_max',
  'iops',
  'iops_rd',
  'iops_wr',
  'iops_max',
  'iops_rd_max',
  'iops_wr_max',
  'iops_size',
] as const;

/** All drives, or the one called `only`; a blank line between two. */
export function blockText(
  drives: readonly JsonObject[],
  only: string | undefined,
  verbose: boolean,
): string {
  return drives
    .filter(drive => only === undefined || drive['device'] === only)
    .map(drive => driveText(drive, verbose))
    .join('\n');
}

/** Images with names of their own. */
export function nodesText(nodes: readonly JsonObject[], only: string | undefined): string {
  return nodes
    .filter(node => only === undefined || node['node-name'] === only)
    .map(node => `${headLine(String(node['node-name']), node)}\n${mediumLines(node).join('\n')}\n`)
    .join('\n');
}

function headLine(name: string, medium: JsonObject): string {
  const marks = [
    medium['drv'],
    ...(medium['ro'] === true ? ['read-only'] : []),
    ...(medium['encrypted'] === true ? ['encrypted'] : []),
  ];
  return `${name}: ${medium['file']} (${marks.join(', ')})`;
}

export function jobsText(jobs: readonly JsonObject[]): string {
  if (jobs.length === 0) return 'No active jobs\n';
  return jobs
    .map(job => {
      const what =
        job['type'] === 'stream'
          ? `Streaming device ${job['device']}`
          : `Type ${job['type']}, device ${job['device']}`;
      const done = `Completed ${job['offset']} of ${job['len']} bytes`;
      return `${what}: ${done}, speed limit ${job['speed']} bytes/s\n`;
    })
    .join('');
}

function driveText(drive: JsonObject, verbose: boolean): string {
  const inserted = drive['inserted'] as JsonObject | undefined;
  const lines: string[] = [];
  if (inserted === undefined) lines.push(`${drive['device']}: [not inserted]`);
  else {
    const node = inserted['node-name'];
    const name = node === undefined ? drive['device'] : `${drive['device']} (${node})`;
    lines.push(headLine(String(name), inserted));
  }
  const status = drive['io-status'];
  if (status !== undefined && status !== 'ok') lines.push(`    I/O status:       ${status}`);
  if (drive['removable'] === true) {
    const lock = drive['locked'] === true ? '' : 'not ';
    const tray = drive['tray_open'] === true ? 'open' : 'closed';
    lines.push(`    Removable device: ${lock}locked, tray ${tray}`);
  }
  if (inserted !== undefined) lines.push(...mediumLines(inserted));
  const text = `${lines.join('\n')}\n`;
  if (!verbose || inserted === undefined) return text;
  return `${text}\nImages:\n${chainText(inserted['image'] as JsonObject | undefined)}`;
}

function mediumLines(inserted: JsonObject): string[] {
  const lines: string[] = [];
  const cache = inserted['cache'] as JsonObject;
  const modes = [
    cache['writeback'] === true ? 'writeback' : 'writethrough',
    ...(cache['direct'] === true ? ['direct'] : []),
    ...(cache['no-flush'] === true ? ['ignore flushes'] : []),
  ];
  lines.push(`    Cache mode:       ${modes.join(', ')}`);
  if (inserted['backing_file'] !== undefined) {
    const depth = inserted['backing_file_depth'];
    lines.push(`    Backing file:     ${inserted['backing_file']} (chain depth: ${depth})`);
  }
  const zeroes = inserted['detect_zeroes'];
  if (zeroes !== undefined && zeroes !== 'off') lines.push(`    Detect zeroes:    ${zeroes}`);
  const isThrottled = ['bps', 'bps_rd', 'bps_wr', 'iops', 'iops_rd', 'iops_wr'].some(
    name => (inserted[name] ?? 0) !== 0,
  );
  if (isThrottled) {
    const limits = THROTTLES.map(name => `${name}=${inserted[name] ?? 0}`);
    lines.push(`    I/O throttling:   ${limits.join(' ')}`);
  }
  return lines;
}

function chainText(image: JsonObject | undefined): string {
  let text = '';
  for (let at = image; at !== undefined; at = at['backing-image'] as JsonObject | undefined) {
    text += imageText(at);
  }
  return text;
}

/** As `qemu-img info` shows one image. */
function imageText(image: JsonObject): string {
  const virtual = Number(image['virtual-size'] ?? 0);
  const lines = [
    `image: ${image['filename']}`,
    `file format: ${image['format']}`,
    `virtual size: ${formatSize(virtual)} (${virtual} bytes)`,
    `disk size: ${formatSize(Number(image['actual-size'] ?? 0))}`,
  ];
  if (image['encrypted'] === true) lines.push('encrypted: yes');
  if (image['cluster-size'] !== undefined) lines.push(`cluster_size: ${image['cluster-size']}`);
  if (image['dirty-flag'] === true) lines.push('cleanly shut down: no');
  if (image['backing-filename'] !== undefined) {
    const full = image['full-backing-filename'];
    const differs = full !== undefined && full !== image['backing-filename'];
    lines.push(
      `backing file: ${image['backing-filename']}${differs ? ` (actual path: ${full})` : ''}`,
    );
  }
  if (image['backing-filename-format'] !== undefined) {
    lines.push(`backing file format: ${image['backing-filename-format']}`);
  }
  const specific = image['format-specific'] as JsonObject | undefined;
  if (specific !== undefined) {
    lines.push('Format specific information:');
    for (const [key, value] of Object.entries(specific['data'] as JsonObject)) {
      lines.push(`    ${key.replaceAll('-', ' ')}: ${value}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

const COUNTERS = [
  'rd_bytes',
  'wr_bytes',
  'rd_operations',
  'wr_operations',
  'flush_operations',
  'wr_total_time_ns',
  'rd_total_time_ns',
  'flush_total_time_ns',
  'rd_merged',
  'wr_merged',
] as const;

export function statsText(drives: readonly JsonObject[]): string {
  return drives
    .map(drive => {
      const stats = drive['stats'] as JsonObject;
      const counters = COUNTERS.map(name => `${name}=${stats[name] ?? 0}`);
      return `${drive['device']}: ${counters.join(' ')}\n`;
    })
    .join('');
}
