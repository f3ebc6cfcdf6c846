/**
 * Cache modes of -drive and of the tools, by their names.
 */

export interface CacheMode {
  /** A finished write may still be in the host's cache. */
  readonly writeback: boolean;
  readonly direct: boolean;
  /** Flushes are ignored. */
  readonly noFlush: boolean;
}

export const CACHE_MODES: { readonly [name: string]: CacheMode } = {
  writeback: { writeback: true, direct: false, noFlush: false },
  writethrough: { writeback: false, direct: false, noFlush: false },
  none: { writeback: true, direct: true, noFlush: false },
  off: { writeback: true, direct: true, noFlush: false },
  directsync: { writeback: false, direct: true, noFlush: false },
  unsafe: { writeback: true, direct: false, noFlush: true },
};

/** Undefined for a name that is none of the modes. */
export function cacheMode(name: string): CacheMode | undefined {
  return Object.hasOwn(CACHE_MODES, name) ? CACHE_MODES[name] : undefined;
}

/** As `info block` prints it. */
export function cacheModeText(mode: CacheMode): string {
  const parts = [mode.writeback ? 'writeback' : 'writethrough'];
  if (mode.direct) parts.push('direct');
  if (mode.noFlush) parts.push('ignore flushes');
  return parts.join(', ');
}
