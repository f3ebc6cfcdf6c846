/**
 * What whole images can do, by format: the one place that knows who supports what.
 */

import type { HostDate } from '../disk-host.ts';
import { BlockError } from './backend.ts';
import type { CheckResult, Repair } from './check-result.ts';
import { QcowNode } from './format/qcow.ts';
import { setBacking as setQcow2Backing } from './format/qcow2/amend.ts';
import { requireL1 } from './format/qcow2/l1-source.ts';
import { Qcow2Node } from './format/qcow2/node.ts';
import { reloadQcow2 } from './format/qcow2/open.ts';
import { checkQcow2 } from './format/qcow2/repair.ts';
import {
  applySnapshot as applyQcow2,
  createSnapshot as createQcow2Snapshot,
  deleteSnapshot as deleteQcow2,
  makeEmpty as makeQcow2Empty,
} from './format/qcow2/snapshot-ops.ts';
import type { BlockNode } from './node.ts';
import { findByIdOrName, findSnapshot, type SnapshotInfo } from './snapshot-info.ts';

function unsupported(): BlockError {
  return new BlockError('ENOTSUP', 'Operation not supported');
}

function qcow2(node: BlockNode): Qcow2Node {
  if (!(node instanceof Qcow2Node)) throw unsupported();
  return node;
}

/** `say` is told what is found, line by line. Undefined for formats that cannot be checked. */
export async function checkImage(
  node: BlockNode,
  repair: Repair,
  say: (line: string) => void,
): Promise<CheckResult | undefined> {
  if (!(node instanceof Qcow2Node)) return undefined;
  if (repair === 'none') return checkQcow2(node, repair, say);
  return node.exclusiveUnmapped(() => checkQcow2(node, repair, say));
}

export function supportsSnapshots(node: BlockNode): boolean {
  return node instanceof Qcow2Node && !node.readOnly;
}

export interface NewSnapshot {
  readonly name: string;
  readonly date: HostDate;
  /** Default the next one that is free. */
  readonly id?: string;
  /** The snapshot that goes when this one is there, by id. */
  readonly replaces?: string;
  readonly vmStateSize?: number;
  readonly vmClockNs?: number;
}

export async function createSnapshot(node: BlockNode, request: NewSnapshot): Promise<SnapshotInfo> {
  return createQcow2Snapshot(qcow2(node), { vmStateSize: 0, vmClockNs: 0, ...request });
}

/** `key` is an id or a name. */
export async function applySnapshot(node: BlockNode, key: string): Promise<void> {
  return applyQcow2(qcow2(node), key);
}

export async function deleteSnapshot(node: BlockNode, key: string): Promise<SnapshotInfo> {
  return deleteQcow2(qcow2(node), key);
}

/** A snapshot by what is given of id and name, or by either. */
export type SnapshotKey =
  | { readonly id?: string; readonly name?: string }
  | { readonly either: string };

/** Shows a snapshot's disk instead of the active one; for read-only images. */
export async function lookIntoSnapshot(node: BlockNode, key: SnapshotKey): Promise<void> {
  const image = qcow2(node);
  const snapshot =
    'either' in key
      ? await findByIdOrName(image.snapshots, key.either)
      : await findSnapshot(
          image.snapshots,
          s => s.id === (key.id ?? s.id) && s.name === (key.name ?? s.name),
        );
  if (snapshot === undefined) throw new BlockError('ENOENT', "Can't find snapshot");
  requireL1(image, snapshot);
  await image.lookInto(snapshot);
}

export async function makeEmpty(node: BlockNode): Promise<void> {
  if (node instanceof QcowNode) return node.makeEmpty();
  return makeQcow2Empty(qcow2(node));
}

export async function setBacking(
  node: BlockNode,
  filename: string,
  format: string | undefined,
): Promise<void> {
  return setQcow2Backing(qcow2(node), filename, format);
}

export function supportsCompression(format: string): boolean {
  return format === 'qcow2' || format === 'qcow';
}

/** One cluster, at a multiple of the cluster size. */
export async function writeCompressed(
  node: BlockNode,
  offset: number,
  from: Uint8Array,
): Promise<void> {
  if (node instanceof QcowNode || node instanceof Qcow2Node) {
    return node.writeCompressed(offset, from);
  }
  throw unsupported();
}

/** True when the bytes at `offset` are stored compressed in this very image. */
export async function isCompressed(node: BlockNode, offset: number): Promise<boolean> {
  if (node instanceof QcowNode || node instanceof Qcow2Node) return node.isCompressed(offset);
  return false;
}

/** The image has been another process's until now. */
export async function reloadImage(node: BlockNode, deviceName: string): Promise<void> {
  if (node instanceof Qcow2Node && !node.readOnly) await reloadQcow2(node, deviceName);
}

/** The machine state that belongs to the active disk. */
export function writeVmState(node: BlockNode, offset: number, from: Uint8Array): Promise<void> {
  return qcow2(node).writeVmState(offset, from);
}

export function readVmState(node: BlockNode, offset: number, into: Uint8Array): Promise<void> {
  return qcow2(node).readVmState(offset, into);
}
