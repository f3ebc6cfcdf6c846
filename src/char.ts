/**
 * A byte pipe between a device in the machine and whoever listens outside: QEMU's character device.
 *
 * The front end is the device (a UART, a monitor); the back end is the host side (stdio, a file,
 * a socket, nothing). Input waits in the pipe until the front end has room, so nothing is lost.
 */

/** The device's side of a pipe. */
export interface CharFrontend {
  /** How many bytes it can take now. */
  room(): number;
  receive(bytes: Uint8Array): void;
  /** It acts on what it got: nobody who shares the pipe may act on later input yet. */
  busy?(): boolean;
  /** What became of the peer. */
  event?(what: CharEvent): void;
}

/** The peer came, went, sent a break; a shared pipe turned to this front end or away from it. */
export type CharEvent = 'opened' | 'closed' | 'break' | 'focus' | 'blur';

/** The host's side: takes what the device sends. */
export interface CharBackend {
  write(bytes: Uint8Array): void;
  /** The device has room again, or is no longer busy. */
  accept?(): void;
  /** What was sent is not read yet: the device gets nothing that would make it send more. */
  isCongested?(): boolean;
  /** A terminal shows what is typed, a line at a time, or leaves all that to the device. */
  setEcho?(on: boolean): void;
  close?(): void;
  /** Resolves when everything written has left. */
  finish?(): Promise<void>;
}

export class Char {
  private frontend: CharFrontend | undefined;
  private backend: CharBackend | undefined;
  private waiting: Uint8Array[] = [];

  /** `label` is the id that `info chardev` shows, `filename` its description (`stdio`). */
  constructor(
    readonly label: string,
    public filename: string,
  ) {}

  get hasFrontend(): boolean {
    return this.frontend !== undefined;
  }

  connect(frontend: CharFrontend | undefined): void {
    this.frontend = frontend;
    this.flush();
  }

  attach(backend: CharBackend | undefined): void {
    this.backend = backend;
  }

  /** From the device to the host. */
  write(bytes: Uint8Array): void {
    this.backend?.write(bytes);
  }

  setEcho(on: boolean): void {
    this.backend?.setEcho?.(on);
  }

  /** From the host to the device; called between instructions only. */
  deliver(bytes: Uint8Array): void {
    if (bytes.length > 0) this.waiting.push(bytes);
    this.flush();
  }

  /** The device has room again, or is no longer busy. */
  accept(): void {
    this.flush();
    this.backend?.accept?.();
  }

  get busy(): boolean {
    return this.frontend?.busy?.() ?? false;
  }

  /** Tells the device what became of its peer. */
  announce(what: CharEvent): void {
    this.frontend?.event?.(what);
  }

  /** Bytes that wait for the device. */
  get waitingLength(): number {
    return this.waiting.reduce((sum, chunk) => sum + chunk.length, 0);
  }

  /** Who sent what still waits is gone. */
  forget(): void {
    this.waiting = [];
  }

  async finish(): Promise<void> {
    await this.backend?.finish?.();
  }

  close(): void {
    this.backend?.close?.();
    this.backend = undefined;
  }

  private flush(): void {
    while (this.frontend !== undefined && this.waiting.length > 0) {
      if (this.backend?.isCongested?.() === true) return;
      const room = this.frontend.room();
      if (room <= 0) return;
      const chunk = this.waiting[0];
      if (chunk.length <= room) this.waiting.shift();
      else this.waiting[0] = chunk.subarray(room);
      this.frontend.receive(chunk.subarray(0, Math.min(room, chunk.length)));
    }
  }
}
