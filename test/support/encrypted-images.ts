import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Workshop } from './emulator.ts';

/** The recorded program opened encrypted images; ours has to be told. */
export const LEGACY = ['-compat', 'encrypted-images=legacy'];

/** The images of the transcripts, all of 4 MiB. */
export function makeImages(workshop: Workshop): void {
  for (const name of ['raw.img', 'backing.img']) {
    writeFileSync(join(workshop.folder, name), '');
    truncateSync(join(workshop.folder, name), 4 * 1024 * 1024);
  }
  writeFileSync(join(workshop.folder, 'garbage.bin'), 'no image of any kind'.repeat(200));
  const create = (name: string, options: string, format = 'qcow2'): void => {
    const size = options.includes('backing_file') ? [] : ['4M'];
    const o = options === '' ? [] : ['-o', options];
    workshop.imageTool('create', '-q', '-f', format, ...o, name, ...size);
  };
  const over = (name: string, format: string): string =>
    `backing_file=${name},backing_fmt=${format}`;
  create('normal.qcow2', over('backing.img', 'raw'));
  create('geheim.qcow2', `encryption=on,${over('backing.img', 'raw')}`);
  create('enc.qcow2', 'encryption=on');
  create('enc2.qcow2', 'encryption=on');
  create('enc.qcow', 'encryption=on', 'qcow');
  create('plain.qcow2', '');
  create('overenc.qcow2', over('enc.qcow2', 'qcow2'));
  create('encoverenc.qcow2', `encryption=on,${over('enc.qcow2', 'qcow2')}`);
  create('overoverenc.qcow2', over('overenc.qcow2', 'qcow2'));
}

const BACKING_SECTORS = 8192;

/**
 * The backing file of the recorder's sessions: text that names each sector, as many times as it
 * fits. What the recorded sessions show of it, decrypted once too often, is this.
 */
export function recordedBacking(): Buffer {
  const sectors = Array.from({ length: BACKING_SECTORS }, (_, n) =>
    Buffer.alloc(512, `BACKING sector ${String(n).padStart(8, '0')} `),
  );
  return Buffer.concat(sectors);
}
