/**
 * File names with protocols, and backing file names relative to the image that holds them.
 */

/** `nbd` in `nbd:host:port`; undefined for plain paths, also such with a colon in a folder. */
export function protocolPrefix(path: string): string | undefined {
  const at = path.search(/[:/]/);
  return at > 0 && path[at] === ':' ? path.slice(0, at) : undefined;
}

/** Where the backing file named in the header of `base` is. */
export function backingPath(base: string, backing: string): string {
  if (protocolPrefix(backing) !== undefined || backing.startsWith('/')) return backing;
  const prefix = protocolPrefix(base);
  const plain = prefix === undefined ? base : base.slice(prefix.length + 1);
  const slash = plain.lastIndexOf('/');
  const folder = slash < 0 ? '' : plain.slice(0, slash + 1);
  return `${prefix === undefined ? '' : `${prefix}:`}${folder}${backing}`;
}
