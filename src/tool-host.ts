/**
 * What the command line tools ask of the host besides files: output, passwords, interruption.
 */

export interface ToolHost {
  /** The name under which the program was called. */
  readonly program: string;
  readonly arguments: readonly string[];
  /** Options end at the first operand (POSIXLY_CORRECT). */
  readonly strictOrder: boolean;
  out(text: string): void;
  err(text: string): void;
  /**
   * Reads a password from standard input, without echo on a terminal. Ends at CR (on a terminal
   * also LF); undefined at the end of input.
   */
  readPassword(prompt: string): Promise<Uint8Array | undefined>;
  /** A line of standard input without its newline, `prompt` shown first; undefined at the end. */
  readLine(prompt: string): Promise<string | undefined>;
  /** Calls back when the user asks for progress (SIGUSR1); returns how to stop that. */
  onProgressAsked(callback: () => void): () => void;
  /** Seconds of some clock that only moves forward. */
  elapsed(): number;
  /** Sends a signal to the program itself. */
  raise(signal: number): Promise<void>;
  /** Bytes of a file that a user named, for secrets and configuration. Throws HostError. */
  readFile(path: string): Uint8Array;
}
