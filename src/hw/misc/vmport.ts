/**
 * The back door of VMware: IN from port 5658h with a magic number in EAX and a command in ECX is a
 * call, which may change the other general registers, too.
 *
 * Source: VMware's open-vm-tools, "backdoor_def.h" (numbers) and the comments of Linux's vmmouse
 * driver. Not emulated: commands other than the version, the size of memory and the mouse's.
 */

import type { PortHandler } from '../../ports.ts';

/** The processor's registers, by their numbers in instructions. */
export interface GeneralRegisters {
  /** Unsigned. */
  general(index: number): number;
  setGeneral(index: number, value: number): void;
}

export const EAX = 0;
export const ECX = 1;
export const EDX = 2;
export const EBX = 3;
export const ESI = 6;
export const EDI = 7;

export const BACKDOOR_MAGIC = 0x564d5868;
const GET_VERSION = 10;
const GET_MEMORY_SIZE = 20;
const VERSION = 6;

/** Returns the new EAX. */
export type BackdoorCommand = (registers: GeneralRegisters) => number;

export class VmPort {
  /** One port; accesses are doublewords. */
  readonly ports: PortHandler = {
    read: () => this.call(),
    write: () => {
      const eax = this.call();
      this.registers?.setGeneral(EAX, eax);
    },
  };
  /** Set by whoever has a processor. */
  registers: GeneralRegisters | undefined;
  private readonly commands = new Map<number, BackdoorCommand>();

  /** `ramSize`: in bytes. */
  constructor(ramSize: number) {
    this.register(GET_VERSION, registers => {
      registers.setGeneral(EBX, BACKDOOR_MAGIC);
      return VERSION;
    });
    this.register(GET_MEMORY_SIZE, registers => {
      registers.setGeneral(EBX, 0x1177);
      return ramSize;
    });
  }

  register(number: number, command: BackdoorCommand): void {
    this.commands.set(number, command);
  }

  /** Who does not know the magic number, or a command, gets EAX back. */
  private call(): number {
    const { registers } = this;
    if (registers === undefined) return 0xffffffff;
    const eax = registers.general(EAX);
    if (eax !== BACKDOOR_MAGIC) return eax;
    const command = this.commands.get(registers.general(ECX) & 0xffff);
    return command === undefined ? eax : command(registers) >>> 0;
  }
}
