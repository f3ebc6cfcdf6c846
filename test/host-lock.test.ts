import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

/** Runs `work` while another process has `image` open. */
async function whileOpen(image: string, mode: string, work: (pid: number) => void): Promise<void> {
  const program = join(process.cwd(), 'src/host-file-io.ts');
  const { build } = await import('esbuild');
  const bundle = join(dirname(image), 'other.cjs');
  const code = `import { nodeBlockHost } from ${JSON.stringify(program)};
    nodeBlockHost.open(${JSON.stringify(image)}, '${mode}');
    console.log('open');
    setInterval(() => {}, 1000);`;
  await build({
    stdin: { contents: code, resolveDir: process.cwd(), loader: 'ts' },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    outfile: bundle,
    logLevel: 'silent',
  });
  const other = spawn(process.execPath, [bundle], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    await new Promise(resolve => other.stdout.once('data', resolve));
    work(other.pid as number);
  } finally {
    other.kill('SIGKILL');
    await new Promise(resolve => other.once('exit', resolve));
    rmSync(bundle);
  }
}

async function withImage(work: (image: string, folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tinamou-lock-'));
  try {
    writeFileSync(join(folder, 'a.img'), 'precious');
    await work(join(folder, 'a.img'), folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('what others read is not written to; a killed reader is forgotten', () =>
  withImage(async (image, folder) => {
    await whileOpen(image, 'read', pid => {
      for (const mode of ['write', 'create'] as const) {
        const text = `Failed to get "write" lock: process ${pid} has it open`;
        expect(() => nodeBlockHost.open(image, mode)).toThrow(text);
      }
      nodeBlockHost.open(image, 'read').close();
    });
    expect(readFileSync(image, 'utf8')).toBe('precious');
    nodeBlockHost.open(image, 'write').close();
    expect(readdirSync(folder)).toEqual(['a.img']);
  }));

test('a lock is met under every name of the file', () =>
  withImage(async (image, folder) => {
    const [soft, hard] = [join(folder, 'soft'), join(folder, 'hard')];
    symlinkSync('a.img', soft);
    linkSync(image, hard);
    await whileOpen(image, 'write', pid => {
      for (const name of [soft, hard, join(folder, '.', 'a.img')]) {
        const text = `Failed to get "write" lock: process ${pid} has it`;
        expect(() => nodeBlockHost.open(name, 'write')).toThrow(text);
        nodeBlockHost.open(name, 'read').close();
      }
    });
    for (const name of [hard, image]) nodeBlockHost.open(name, 'write').close();
    expect(readdirSync(folder).sort()).toEqual(['a.img', 'hard', 'soft']);
  }));

test('where no lock can be made beside the image, it is among the temporary files', () =>
  withImage(async (image, folder) => {
    // A name so long that the lock's would be too long.
    const long = join(folder, 'x'.repeat(252));
    writeFileSync(long, 'precious');
    await whileOpen(long, 'write', pid => {
      const text = `Failed to get "write" lock: process ${pid} has it`;
      expect(() => nodeBlockHost.open(long, 'write')).toThrow(text);
    });
    chmodSync(folder, 0o555);
    nodeBlockHost.open(image, 'write').close();
    chmodSync(folder, 0o755);
    nodeBlockHost.open(long, 'write').close();
    expect(readdirSync(folder)).toHaveLength(2);
  }));

test('what is open here is not made anew', () =>
  withImage(async (image, folder) => {
    const hard = join(folder, 'hard');
    linkSync(image, hard);
    const reader = nodeBlockHost.open(image, 'read');
    const text = 'Failed to get "write" lock: the image is in use here';
    for (const name of [image, hard]) {
      expect(() => nodeBlockHost.open(name, 'create')).toThrow(text);
    }
    reader.close();
    expect(readFileSync(image, 'utf8')).toBe('precious');
    nodeBlockHost.open(image, 'create').close();
    expect(readdirSync(folder).sort()).toEqual(['a.img', 'hard']);
  }));

test('a signal that nobody handles ends the program, and its locks', () =>
  withImage(async (image, folder) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      const other = whileOpen(image, 'write', pid => {
        process.kill(pid, signal);
        spawnSync('sleep', ['0.5']);
        expect(readdirSync(folder).filter(name => name.startsWith('.'))).toEqual([]);
      });
      await other;
    }
  }));

test('a name that is made while another process has the image', () =>
  inFolder((image, lock) => {
    const other = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    try {
      writeFileSync(image, 'precious');
      writeFileSync(`${lock}.${other.pid}`, `${other.pid}\n`);
      writeFileSync(lock, `${other.pid}\n`);
      const name = join(dirname(image), 'b.img');
      linkSync(image, name);
      const text = `Failed to get "write" lock: process ${other.pid} has it`;
      expect(() => nodeBlockHost.open(name, 'write')).toThrow(text);
      rmSync(lock);
      expect(() => nodeBlockHost.open(name, 'write')).toThrow('Failed to get "write" lock');
      rmSync(`${lock}.${other.pid}`);
      nodeBlockHost.open(name, 'write').close();
      const left = readdirSync(dirname(image)).filter(entry => entry.startsWith('.'));
      expect(left).toEqual([]);
    } finally {
      other.kill();
    }
  }));
