/**
 * How the I/O tool prints sizes, rates, dumps and reports.
 */

import { fixed } from '../../fixed.ts';

const UNITS: readonly (readonly [number, string])[] = [
  [1024 ** 6, 'EiB'],
  [1024 ** 5, 'PiB'],
  [1024 ** 4, 'TiB'],
  [1024 ** 3, 'GiB'],
  [1024 ** 2, 'MiB'],
  [1024, 'KiB'],
];

/** `64 KiB`, `5.678 MiB`, `512 bytes`. */
export function sizeWithUnit(value: number): string {
  const [scale, unit] = UNITS.find(([size]) => value >= size) ?? [1, 'bytes'];
  return `${fixed(value / scale, 3).replace(/\.000$/, '')} ${unit}`;
}

/** A number with an optional suffix, in bytes; undefined for what is none. */
export function parseNumber(text: string): number | undefined {
  const match = /^\+?(0[xX][0-9a-fA-F]+|\d+\.?\d*|\.\d+)([bBkKmMgGtTpPeE]?)$/.exec(text);
  if (match === null) return undefined;
  const power = match[2] === '' ? 0 : 'KMGTPE'.indexOf(match[2].toUpperCase()) + 1;
  const number = Number(match[1]);
  if (power === 0 && !Number.isInteger(number)) return undefined;
  const value = Math.floor(number * 1024 ** power);
  return value < 2 ** 63 ? value : undefined;
}

export interface Report {
  readonly verb: string;
  readonly offset: number;
  readonly requested: number;
  readonly done: number;
  readonly operations: number;
  readonly seconds: number;
  /** For machines: one line of numbers. */
  readonly condensed: boolean;
}

/** `0:00:01.25`. */
function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, '0');
  const minutes = Math.floor(whole / 60);
  const fraction = two(Math.floor((seconds - whole) * 100));
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}.${fraction}`;
}

export function reportText(report: Report): string {
  const seconds = Math.max(report.seconds, 1e-6);
  const bytesPerSecond = report.done / seconds;
  const rate = report.operations / seconds;
  if (report.condensed) {
    const numbers = [bytesPerSecond.toFixed(3), rate.toFixed(3)];
    return `${report.done},${report.operations},${clock(report.seconds)},${numbers.join(',')}\n`;
  }
  const time = report.seconds.toFixed(4);
  return (
    `${report.verb} ${report.done}/${report.requested} bytes at offset ${report.offset}\n` +
    `${sizeWithUnit(report.done)}, ${report.operations} ops; ${time} sec ` +
    `(${sizeWithUnit(bytesPerSecond)}/sec and ${rate.toFixed(4)} ops/sec)\n`
  );
}

/** Sixteen bytes a line; only letters and digits are shown as text. */
export function dumpText(bytes: Uint8Array, offset: number): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const hex = Array.from(row, b => `${b.toString(16).padStart(2, '0')} `).join('');
    const shown = Array.from(row, b => {
      const char = String.fromCharCode(b);
      return /[0-9A-Za-z]/.test(char) ? char : '.';
    });
    text += `${(offset + at).toString(16).padStart(8, '0')}:  ${hex} ${shown.join('')}\n`;
  }
  return text;
}
