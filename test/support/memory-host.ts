/**
 * A host in memory for block tests: files by name, the real ciphers, time that stands still.
 */
import { type BlockHost, HostError, type HostFile, type OpenMode } from '../../src/disk-host.ts';
import { nodeBlockHost } from '../../src/host-file-io.ts';

export class MemoryFile implements HostFile {
  bytes = new Uint8Array(0);
  size = 0;
  openCount = 0;

  length(): number {
    return this.size;
  }

  allocated(): number {
    return Math.ceil(this.size / 512) * 512;
  }

  read(offset: number, into: Uint8Array): number {
    const count = Math.max(0, Math.min(into.length, this.size - offset));
    into.set(this.bytes.subarray(offset, offset + count));
    return count;
  }

  write(offset: number, from: Uint8Array): undefined {
    this.reserve(offset + from.length);
    this.bytes.set(from, offset);
    this.size = Math.max(this.size, offset + from.length);
    return undefined;
  }

  async flush(): Promise<void> {}

  truncate(length: number): void {
    this.reserve(length);
    if (length < this.size) this.bytes.fill(0, length, this.size);
    this.size = length;
  }

  close(): void {
    this.openCount--;
  }

  contents(): Uint8Array {
    return this.bytes.slice(0, this.size);
  }

  private reserve(length: number): void {
    if (length <= this.bytes.length) return;
    if (length > 256 * 1024 * 1024) throw new HostError('EFBIG', 'File too large');
    const grown = new Uint8Array(Math.max(length, this.bytes.length * 2, 4096));
    grown.set(this.bytes.subarray(0, this.size));
    this.bytes = grown;
  }
}

export class MemoryHost implements BlockHost {
  readonly files = new Map<string, MemoryFile>();

  put(path: string, contents: Uint8Array): MemoryFile {
    const file = new MemoryFile();
    file.write(0, contents);
    this.files.set(path, file);
    return file;
  }

  open(path: string, mode: OpenMode): HostFile {
    let file = this.files.get(path);
    if (mode === 'create') {
      file ??= new MemoryFile();
      file.truncate(0);
      this.files.set(path, file);
    }
    if (file === undefined) throw new HostError('ENOENT', 'No such file or directory');
    file.openCount++;
    return file;
  }

  isSameFile(a: string, b: string): boolean {
    return a === b;
  }

  exists(path: string): boolean {
    return this.files.has(path);
  }

  temporary(): { readonly path: string; readonly file: HostFile } {
    return { path: '/var/tmp/vl.XXXXXX', file: new MemoryFile() };
  }

  isZero = nodeBlockHost.isZero;
  isEqual = nodeBlockHost.isEqual;
  aes128 = nodeBlockHost.aes128;
  deflate = nodeBlockHost.deflate;
  inflate = nodeBlockHost.inflate;
  now = () => ({ seconds: 1_795_387_554, nanoseconds: 633_669_000 });
  elapsed = (): number => 0;
  localOffset = (): number => 0;
  sleep = async (_ms: number): Promise<void> => {};
}
