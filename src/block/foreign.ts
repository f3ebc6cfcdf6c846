/**
 * Image formats that QEMU 2.2.50 reads and tinamou does not, by the first bytes of their files.
 *
 * They are told apart only to be refused: taken for raw disks, their headers would be the guest's
 * to read, and to overwrite.
 */

interface Magic {
  readonly name: string;
  readonly at: number;
  readonly bytes: readonly number[];
}

const magic = (name: string, text: string, at = 0): Magic => ({
  name,
  at,
  bytes: [...text].map(c => c.charCodeAt(0)),
});

const FOREIGN: readonly Magic[] = [
  magic('bochs', 'Bochs Virtual HD Image\0'),
  magic('cloop', '#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0'),
  magic('parallels', 'WithoutFreeSpace'),
  magic('parallels', 'WithouFreSpacExt'),
  magic('qed', 'QED\0'),
  magic('vdi', '\x7f\x10\xda\xbe', 64),
  magic('vhdx', 'vhdxfile'),
  magic('vmdk', 'KDMV'),
  magic('vmdk', 'COWD'),
  magic('vmdk', '# Disk DescriptorFile'),
  magic('vpc', 'conectix'),
];

/** The format's name, if `head` is the start of an image in one of them. */
export function foreignFormat(head: Uint8Array): string | undefined {
  return FOREIGN.find(({ at, bytes }) => bytes.every((b, i) => head[at + i] === b))?.name;
}
