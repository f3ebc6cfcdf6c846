/**
 * Passwords by `--object secret`: in all their forms they open the image, and what is wrong with
 * them is said before anything is done.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runTool } from '../support/image-tool.ts';

const home = process.cwd();
const folder = mkdtempSync(join(tmpdir(), 'tinamou-secret-'));
const SPEC = 'driver=qcow2,file.filename=e.q,encrypt.key-secret=s';

beforeAll(async () => {
  process.chdir(folder);
  writeFileSync('a.raw', new Uint8Array(65536).fill(9));
  writeFileSync('pw', 'secret\n');
  writeFileSync('pw64', 'c2VjcmV0\n');
  const words = ['convert', '-O', 'qcow2', '-o', 'encryption', 'a.raw', 'e.q'];
  expect((await runTool('qemu-img', words, ['secret'])).status).toBe(0);
});

afterAll(() => {
  process.chdir(home);
  rmSync(folder, { recursive: true });
});

const convert = (secret: string): ReturnType<typeof runTool> =>
  runTool('qemu-img', ['convert', '--object', secret, '--image-opts', SPEC, 'b.raw']);

test.each([
  'secret,id=s,data=secret',
  'secret,id=s,data=secret,format=raw',
  'secret,id=s,file=pw',
  'secret,id=s,data=c2VjcmV0,format=base64',
  'secret,id=s,file=pw64,format=base64',
  'qom-type=secret,id=s,data=secret',
])('%s', async secret => {
  rmSync('b.raw', { force: true });
  const { err, status } = await convert(secret);
  expect({ err, status }).toEqual({ err: '', status: 0 });
  expect(readFileSync('b.raw').equals(readFileSync('a.raw'))).toBe(true);
});

test.each([
  ['secret,id=s,data=%%%,format=base64', 'Base64 data contains invalid characters'],
  ['secret,id=s,data=a,format=hex', "Parameter 'format' does not accept value 'hex'"],
  ['secret,id=s,data=a,keyid=m', "Parameter 'keyid' is unexpected"],
  ['secret,id=s,data=a,file=pw', "Must provide 'file' or 'data' to specify a secret"],
  ['secret,id=s', "Must provide 'file' or 'data' to specify a secret"],
  ['secret,data=a', "Parameter 'id' is missing"],
  ['secret,id=s,file=nosuch', 'Unable to read nosuch: No such file or directory'],
  ['secret,id=other,data=a', "No secret with id 's'"],
  ['foo,id=s', "Unknown object type 'foo'"],
])('%s is refused', async (secret, message) => {
  writeFileSync('b.raw', 'precious');
  const { err, status } = await convert(secret);
  expect({ err, status }).toEqual({ err: `qemu-img: ${message}\n`, status: 1 });
  expect(readFileSync('b.raw', 'utf8')).toBe('precious');
});
