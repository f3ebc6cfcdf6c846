import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeBlockHost } from '../src/host-file-io.ts';

function inFolder<T>(work: (image: string, lock: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-lock-'));
  try {
    return work(join(folder, 'a.img'), join(folder, '.a.img.lock'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('an image open for writing is locked, and free when the last writer has closed it', () => {
  inFolder((image, lock) => {
    const first = nodeBlockHost.open(image, 'create');
    const second = nodeBlockHost.open(image, 'write');
    expect(existsSync(lock)).toBe(true);
    first.close();
    expect(existsSync(lock)).toBe(true);
    second.close();
    expect(existsSync(lock)).toBe(false);
  });
});

test('another process that lives keeps writers out, before anything is lost', () => {
  inFolder((image, lock) => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    try {
      writeFileSync(image, 'precious');
      writeFileSync(lock, `${other.pid}\n`);
      const text = `Failed to get "write" lock: process ${other.pid} has it`;
      expect(() => nodeBlockHost.open(image, 'create')).toThrow(text);
      expect(() => nodeBlockHost.open(image, 'write')).toThrow(text);
      const reader = nodeBlockHost.open(image, 'read');
      expect(reader.length()).toBe(8);
      reader.close();
      expect(existsSync(lock)).toBe(true);
    } finally {
      other.kill();
    }
  });
});

test('a lock whose owner is gone is taken over', () => {
  inFolder((image, lock) => {
    writeFileSync(image, '');
    // Process ids end long before this one; the second lock's owner began at another time.
    for (const stale of ['4194303 1\n', `${process.pid} 1\n`, 'nonsense\n']) {
      writeFileSync(lock, stale);
      nodeBlockHost.open(image, 'write').close();
      expect(existsSync(lock)).toBe(false);
    }
  });
});

test('a new file has one lock, by whatever name it is opened again', () => {
  inFolder((image, lock) => {
    const before = process.cwd();
    process.chdir(dirname(image));
    try {
      const first = nodeBlockHost.open('a.img', 'create');
      const second = nodeBlockHost.open(image, 'write');
      first.close();
      expect(existsSync(lock)).toBe(true);
      second.close();
      expect(existsSync(lock)).toBe(false);
    } finally {
      process.chdir(before);
    }
  });
});
