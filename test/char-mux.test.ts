import { expect, test } from 'vitest';
import { Char, type CharEvent } from '../src/char.ts';
import { CharMux } from '../src/char-mux.ts';

/** A shared pipe with a serial port and a monitor on it; the port came last. */
function shared() {
  const out = { text: '', hasEnded: false };
  const base = new Char('stdio', 'stdio');
  base.attach({
    write: bytes => {
      out.text += String.fromCharCode(...bytes);
    },
  });
  let nowMs = 0;
  const mux = new CharMux(base, {
    terminate: () => {
      out.hasEnded = true;
    },
    commitAll: () => {
      out.text += '<commit>';
    },
    nowMs: () => nowMs,
  });
  const front = (label: string) => {
    const heard = { text: '', events: [] as CharEvent[] };
    const char = mux.add(label);
    char.connect({
      room: () => 100,
      receive: bytes => {
        heard.text += String.fromCharCode(...bytes);
      },
      event: what => {
        heard.events.push(what);
      },
    });
    return { char, heard };
  };
  const monitor = front('monitor');
  const serial = front('serial');
  const type = (text: string): void => base.deliver(Uint8Array.from(text, c => c.charCodeAt(0)));
  const wait = (ms: number): void => {
    nowMs += ms;
  };
  return { out, monitor, serial, type, wait };
}

const bytes = (text: string): Uint8Array => Uint8Array.from(text, c => c.charCodeAt(0));

test('input goes to the front end that came last, and Ctrl-A c moves on', () => {
  const { monitor, serial, type } = shared();
  type('a\x01cb\x01cc');
  expect(serial.heard.text).toBe('ac');
  expect(monitor.heard.text).toBe('b');
  expect(monitor.heard.events).toEqual(['blur', 'focus', 'blur']);
  expect(serial.heard.events).toEqual(['blur', 'focus']);
});

test('everybody writes, whoever has the focus', () => {
  const { out, monitor, serial } = shared();
  monitor.char.write(bytes('m'));
  serial.char.write(bytes('s'));
  expect(out.text).toBe('ms');
});

test('Ctrl-A twice is a Ctrl-A, Ctrl-A b a break, Ctrl-A s saves', () => {
  const { out, serial, type } = shared();
  type('\x01\x01\x01b\x01s');
  expect(serial.heard.text).toBe('\x01');
  expect(serial.heard.events).toEqual(['break']);
  expect(out.text).toBe('<commit>');
});

test('Ctrl-A h prints the keys', () => {
  const { out, type } = shared();
  type('\x01h');
  expect(out.text).toBe(
    '\n\rC-a h    print this help\n\r' +
      'C-a x    exit emulator\n\r' +
      'C-a s    save disk data back to file (if -snapshot)\n\r' +
      'C-a t    toggle console timestamps\n\r' +
      'C-a b    send break (magic sysrq)\n\r' +
      'C-a c    switch between console and monitor\n\r' +
      'C-a C-a  sends C-a\n\r',
  );
});

test('Ctrl-A x says so and ends', () => {
  const { out, type } = shared();
  type('\x01x');
  expect(out).toEqual({ text: 'QEMU: Terminated\n\r', hasEnded: true });
});

test('with Ctrl-A t each line starts with the time since the first one', () => {
  const { out, serial, type, wait } = shared();
  type('\x01t');
  serial.char.write(bytes('a\nb\n'));
  wait(3_723_004);
  serial.char.write(bytes('c'));
  expect(out.text).toBe('a\n[00:00:00.000] b\n[01:02:03.004] c');
});

test('while a front end is busy, keys behind its command wait', () => {
  const { out, monitor, type } = shared();
  let isBusy = true;
  monitor.char.connect({ room: () => 100, receive: () => {}, busy: () => isBusy });
  type('\x01x');
  expect(out.hasEnded).toBe(false);
  isBusy = false;
  monitor.char.accept();
  expect(out.hasEnded).toBe(true);
});
