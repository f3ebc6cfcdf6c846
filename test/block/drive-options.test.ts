import { expect, test } from 'vitest';
import { type DriveSlot, type DriveSpec, parseDrive } from '../../src/block/drive-options.ts';

const FORMATS = ['raw', 'qcow2'];

/** `a=b,c=d` without escapes. */
function parse(text: string, drives: readonly DriveSlot[] = []): DriveSpec {
  const pairs = text === '' ? [] : text.split(',').map(pair => pair.split('='));
  return parseDrive(
    pairs.map(([name, ...value]) => [name, value.join('=')] as const),
    { defaultInterface: 'ide', drives, formats: FORMATS },
  );
}

function refusal(text: string): string {
  try {
    parse(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'accepted';
}

test.each([
  ['file=raw.img,if=bogus', "unsupported bus type 'bogus'"],
  ['file=raw.img,media=bogus', "'bogus' invalid media"],
  ['file=raw.img,cache=bogus', 'invalid cache option'],
  ['file=raw.img,aio=bogus', 'invalid aio option'],
  ['file=raw.img,discard=bogus', 'invalid discard option'],
  ['file=raw.img,detect-zeroes=bogus', 'invalid parameter value: bogus'],
  [
    'file=raw.img,detect-zeroes=unmap',
    'setting detect-zeroes to unmap is not allowed without setting discard operation to unmap',
  ],
  ['file=raw.img,werror=bogus', "'bogus' invalid write error action"],
  ['file=raw.img,rerror=enospc', "'enospc' invalid read error action"],
  ['file=raw.img,if=floppy,werror=stop', 'werror is not supported by this bus type'],
  ['file=raw.img,readonly=bogus', "Parameter 'read-only' expects 'on' or 'off'"],
  ['file=raw.img,snapshot=bogus', "Parameter 'snapshot' expects 'on' or 'off'"],
  ['file=raw.img,copy-on-read=bogus', "Parameter 'copy-on-read' expects 'on' or 'off'"],
  ['file=raw.img,index=0,unit=0', 'index cannot be used with bus and unit'],
  ['file=raw.img,if=ide,unit=2', 'unit 2 too big (max is 1)'],
  ['file=raw.img,if=scsi,unit=7', 'unit 7 too big (max is 6)'],
  ['file=raw.img,index=x', "Parameter 'index' expects a number"],
  ['id=1x,file=raw.img,if=none', "Parameter 'id' expects an identifier"],
  ['file=raw.img,cyls=10', 'invalid physical heads number'],
  ['file=raw.img,cyls=0,heads=16,secs=63', 'invalid physical cyls number'],
  ['file=raw.img,cyls=10,heads=16,secs=0', 'invalid physical secs number'],
  ['file=raw.img,cyls=10,heads=16,secs=63,trans=bogus', "'bogus' invalid translation type"],
  ['file=raw.img,trans=lba', "'lba' trans must be used with cyls, heads and secs"],
  ['file=raw.img,media=cdrom,cyls=10,heads=16,secs=63', "CHS can't be set with media=cdrom"],
  ['file=raw.img,addr=5', 'addr is not supported by this bus type'],
  [
    'file=raw.img,bps=1000,bps_rd=1000',
    'bps/iops/max total values and read/write values cannot be used at the same time',
  ],
  ['file=raw.img,bps=x', "Parameter 'throttling.bps-total' expects a number"],
  ['driver=qcow2,format=qcow2,file=plain.qcow2', "Cannot specify both 'driver' and 'format'"],
  ['format=help', 'Supported formats: raw qcow2'],
  ['file=raw.img,index=-1', 'accepted'],
  ['file=raw.img,throttling.bps-total=-1', 'accepted'],
])('-drive %s is answered as 2.2.50 does', (options, message) => {
  expect(refusal(options)).toBe(message);
});

test('drives take the next free unit, and their names say where they are', () => {
  const drives: DriveSpec[] = [];
  for (const options of ['', 'media=cdrom,index=2', '', '', 'if=none', 'if=virtio', 'if=scsi']) {
    drives.push(parse(options, drives));
  }
  expect(drives.map(d => d.id)).toEqual([
    'ide0-hd0',
    'ide1-cd0',
    'ide0-hd1',
    'ide1-hd1',
    'none0',
    'virtio0',
    'scsi0-hd0',
  ]);
  expect(() => parse('index=0', drives)).toThrow('drive with bus=0, unit=0 (index=0) exists');
  expect(() => parse('id=none0,if=none', drives)).toThrow("Duplicate ID 'none0' for drive");
});

test('a CD-ROM is read-only, and copy-on-read on such a drive is only warned about', () => {
  const spec = parse('file=x,media=cdrom,copy-on-read=on');
  expect(spec.readOnly).toBe(true);
  expect(spec.copyOnRead).toBe(false);
  expect(spec.warnings.map(w => w.text)).toEqual([
    'warning: disabling copy-on-read on read-only drive',
  ]);
});

test('keys of the block drivers are passed on', () => {
  const spec = parse('file.driver=file,file.filename=a,backing.file.filename=b,lazy-refcounts=on');
  expect(spec.options.names()).toEqual([
    'file.driver',
    'file.filename',
    'backing.file.filename',
    'lazy-refcounts',
  ]);
});
