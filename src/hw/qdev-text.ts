/**
 * `info qtree`: buses and devices as an indented tree, the newest device first.
 */

import type { QdevBus, QdevInfo } from './device.ts';

/** Lines end with \n. */
export function qtreeText(bus: QdevBus, indent = 0): string {
  const pad = ' '.repeat(indent);
  const children = [...bus.children].reverse();
  return (
    `${pad}bus: ${bus.name}\n${pad}  type ${bus.type}\n` +
    children.map(child => deviceText(child, indent + 2)).join('')
  );
}

function deviceText(device: QdevInfo, indent: number): string {
  const pad = ' '.repeat(indent);
  const lines = [
    ...(device.gpios ?? []),
    ...(device.properties?.() ?? []),
    ...(device.details?.() ?? []),
  ];
  return (
    `${pad}dev: ${device.type}, id "${device.id ?? ''}"\n` +
    lines.map(line => `${pad}  ${line}\n`).join('') +
    [...(device.buses ?? [])]
      .reverse()
      .map(bus => qtreeText(bus, indent + 2))
      .join('')
  );
}
