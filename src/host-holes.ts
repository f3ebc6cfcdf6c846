/**
 * Which ranges of a sparse file hold data, as lseek(2) tells with SEEK_DATA and SEEK_HOLE.
 *
 * Node has no lseek. Perl has (sysseek takes any `whence`) and is part of the base of most systems,
 * so it is asked where it is there: some 4 ms, against a second for each 10 GB of holes that would
 * have to be read. Without it the answer is undefined and the whole file counts as data.
 */

import { existsSync } from 'node:fs';
import { lazily } from './host-lazily.ts';

const processes = lazily<typeof import('node:child_process')>('node:child_process');

const PERL = '/usr/bin/perl';
const MAX_ANSWER = 8 * 1024 * 1024;

/** SEEK_DATA and SEEK_HOLE. */
const WHENCE: { readonly [platform: string]: readonly [string, string] } = {
  darwin: ['4', '3'],
  freebsd: ['3', '4'],
  linux: ['3', '4'],
};

/** Ends with a line `end`; ENXIO, 6 everywhere, says that there is no data any more. */
const SCRIPT = `
my ($data, $hole) = @ARGV;
my $at = 0;
for (;;) {
  my $start = sysseek(STDIN, $at, $data);
  last if !defined($start) && $! == 6;
  my $end = defined($start) ? sysseek(STDIN, $start, $hole) : undef;
  exit 1 if !defined($end);
  printf("%d %d\\n", $start, $end);
  $at = $end;
}
print "end\\n";
`;

/**
 * Starts and ends of the data, in order: [start, end, start, end …]; undefined where nobody can
 * tell. The file's own position is left anywhere.
 */
export function dataRanges(fd: number): readonly number[] | undefined {
  const whence = WHENCE[process.platform];
  if (whence === undefined || !existsSync(PERL)) return undefined;
  const { status, stdout } = processes().spawnSync(PERL, ['-e', SCRIPT, ...whence], {
    stdio: [fd, 'pipe', 'ignore'],
    env: {},
    encoding: 'latin1',
    maxBuffer: MAX_ANSWER,
    timeout: 10_000,
  });
  if (status !== 0 || !stdout.endsWith('end\n')) return undefined;
  const ranges = stdout.slice(0, -4).split(/\s/).filter(Boolean).map(Number);
  const ordered = ranges.every((at, i) => at >= (i === 0 ? 0 : ranges[i - 1]));
  return ordered && ranges.length % 2 === 0 ? ranges : undefined;
}
