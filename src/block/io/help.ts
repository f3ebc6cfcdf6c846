/**
 * What `help COMMAND` of the I/O tool adds to the command's line: an example, and its options.
 */

const CONDENSED = '-C, -- report statistics in a machine parsable format';
const QUIET = '-q, -- quiet mode, do not show I/O statistics';
const DUMP = '-v, -- dump buffer to standard output';
const VERIFY = '-P, -- use a pattern to verify read data';
const FILL = '-P, -- use different pattern to fill file';

function text(what: string, example: string, options: readonly string[]): string {
  const lines = options.map(option => ` ${option}\n`).join('');
  return `\n ${what}\n\n Example:\n ${example}\n\n${lines}\n`;
}

export const LONG_HELP: { readonly [command: string]: string } = {
  aio_read: text(
    'reads as readv does, while other commands go on; aio_flush waits for it',
    "'aio_read -v 512 1k 1k' - dumps 2 kilobytes read from 512 bytes into the file",
    [CONDENSED, VERIFY, DUMP, QUIET],
  ),
  aio_write: text(
    'writes as writev does, while other commands go on; aio_flush waits for it',
    "'aio_write 512 1k 1k' - writes 2 kilobytes at 512 bytes into the open file",
    [FILL, CONDENSED, QUIET, '-z, -- write zeroes'],
  ),
  discard: text(
    'gives back the clusters of a range',
    "'discard 512 1k' - discards 1 kilobyte from 512 bytes into the file",
    [CONDENSED, QUIET],
  ),
  multiwrite: text(
    'writes several ranges at once; the pattern counts up from one to the next',
    "'multiwrite 512 1k 1k ; 4k 1k' - writes 2 kB at 512 bytes and 1 kB at 4 kB",
    [FILL, CONDENSED, QUIET],
  ),
  open: text(
    'opens a file for the commands that follow',
    "'open -o driver=raw /tmp/data' - opens a raw disk to read and write it",
    [
      '-r, -- open file read-only',
      '-s, -- use snapshot file',
      '-n, -- disable host cache',
      '-o, -- options to be given to the block driver',
    ],
  ),
  read: text(
    'reads a range of bytes',
    "'read -v 512 1k' - dumps 1 kilobyte read from 512 bytes into the file",
    [
      '-b, -- read from the VM state rather than the virtual disk',
      CONDENSED,
      '-l, -- length for pattern verification (only with -P)',
      '-p, -- read any bytes, not whole sectors',
      VERIFY,
      QUIET,
      '-s, -- start offset for pattern verification (only with -P)',
      DUMP,
    ],
  ),
  readv: text(
    'reads a range of bytes into as many buffers as there are lengths',
    "'readv -v 512 1k 1k' - dumps 2 kilobytes read from 512 bytes into the file",
    [CONDENSED, VERIFY, DUMP, QUIET],
  ),
  reopen: text(
    'opens the image again, with other options',
    "'reopen -o lazy-refcounts=on' - from now on with lazy reference counts",
    [
      '-r, -- reopen the image read-only',
      '-w, -- reopen the image read-write',
      '-c, -- change the cache mode to the given value',
      '-o, -- change block driver options',
    ],
  ),
  sigraise: "\n raises the given signal\n\n Example:\n 'sigraise 15' - raises SIGTERM\n\n",
  write: text(
    'writes a range of bytes, filled with 0xcd',
    "'write 512 1k' - writes 1 kilobyte at 512 bytes into the open file",
    [
      '-b, -- write to the VM state rather than the virtual disk',
      '-c, -- write compressed data',
      '-p, -- write any bytes, not whole sectors',
      FILL,
      CONDENSED,
      QUIET,
      '-z, -- write zeroes',
    ],
  ),
  writev: text(
    'writes a range of bytes from as many buffers as there are lengths, filled with 0xcd',
    "'writev 512 1k 1k' - writes 2 kilobytes at 512 bytes into the open file",
    [FILL, CONDENSED, QUIET],
  ),
};
