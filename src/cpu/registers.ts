/**
 * Where each register lives in the one Int32Array `s` that interpreter, translator, helpers and
 * snapshots share. General registers are first, so that byte and word views of the same buffer
 * index them directly.
 */

export const EAX = 0;
export const ECX = 1;
export const EDX = 2;
export const EBX = 3;
export const ESP = 4;
export const EBP = 5;
export const ESI = 6;
export const EDI = 7;
/** Always 0: stands in for an absent base or index register. */
export const ZERO = 8;
/** Of the next instruction to run; exact outside `run` and inside helpers that may leave it. */
export const EIP = 9;
/** EFLAGS without CF PF AF ZF SF OF, which are lazy; bit 1 set. */
export const EFLAGS_REST = 10;
/** The lazy-flag record: flags.ts defines the meaning. */
export const FLAG_KIND = 11;
export const FLAG_RESULT = 12;
export const FLAG_A = 13;
export const FLAG_B = 14;
/** Flags that the kind keeps as bits, in their EFLAGS places. */
export const FLAG_BITS = 15;

export const CR0 = 16;
export const CR2 = 17;
export const CR3 = 18;
export const CR4 = 19;
export const CPL = 20;
export const GDTR_BASE = 21;
export const GDTR_LIMIT = 22;
export const IDTR_BASE = 23;
export const IDTR_LIMIT = 24;
/** DR0..DR7 are DR0 + n. */
export const DR0 = 25;
/** Interrupts wait one instruction: 1 after STI; 3 after MOV SS, POP SS: debug traps wait too. */
export const INTERRUPT_SHADOW = 33;
/** 1 in HLT; HALTED_MASKED in an MWAIT that masked interrupts end too. */
export const HALTED = 34;
export const HALTED_MASKED = 2;
/** 1 in system management mode. */
export const SMM = 35;
/** IA32_EFER, low half. */
export const EFER = 36;
export const SMBASE = 37;
/** 1 from the delivery of an NMI to the next IRET. */
export const NMI_BLOCKED = 38;
/** DR6 bits of a debug trap that waits for the end of the current instruction, or 0. */
export const DEBUG_PENDING = 39;
/** 1: an event before the next instruction pushes RF set (between the steps of a REP). */
export const RESUMING = 78;
/** 1 from MONITOR to MWAIT, or to the next event. */
export const MONITORING = 79;

/** Segment registers in encoding order, then the two system ones. */
export const ES = 0;
export const CS = 1;
export const SS = 2;
export const DS = 3;
export const FS = 4;
export const GS = 5;
export const LDTR = 6;
export const TR = 7;

/** Parts of segment n's cache: SELECTOR + n, and so on. */
export const SELECTOR = 40;
export const BASE = 48;
/** In bytes, inclusive, granularity applied; unsigned in an int32. */
export const LIMIT = 56;
/**
 * The descriptor's second word as QEMU prints it: bits 8..15 type, S, DPL, P; 16..19 zero;
 * 20..23 AVL, L, D/B, G. 0 = null selector loaded: every access faults.
 */
export const ATTRIBUTES = 64;

export const SYSENTER_CS = 72;
export const SYSENTER_ESP = 73;
export const SYSENTER_EIP = 74;
/** IA32_APIC_BASE, low half. */
export const APIC_BASE = 75;
/** Two words, low first: what WRMSR(TSC) added to the board's counter. */
export const TSC_OFFSET = 76;

/** Free for interpreter and translator bookkeeping. */
export const SCRATCH = 80;
/** Model-specific registers that are kept, two words each: msr.ts has the list. */
export const MSR_BANK = 128;
/** The four PDPTE registers of PAE paging, two words each. */
export const PDPTE = 240;
/** x87, MMX and SSE follow at 256: fpu/state.ts. */
export const REGISTER_WORDS = 352;

export const CF = 1 << 0;
export const PF = 1 << 2;
export const AF = 1 << 4;
export const ZF = 1 << 6;
export const SF = 1 << 7;
export const TF = 1 << 8;
export const IF = 1 << 9;
export const DF = 1 << 10;
export const OF = 1 << 11;
export const IOPL = 3 << 12;
export const NT = 1 << 14;
export const RF = 1 << 16;
export const VM = 1 << 17;
export const AC = 1 << 18;
export const VIF = 1 << 19;
export const VIP = 1 << 20;
export const ID = 1 << 21;
export const ARITHMETIC = CF | PF | AF | ZF | SF | OF;

export const CR0_PE = 1 << 0;
export const CR0_MP = 1 << 1;
export const CR0_EM = 1 << 2;
export const CR0_TS = 1 << 3;
export const CR0_ET = 1 << 4;
export const CR0_NE = 1 << 5;
export const CR0_WP = 1 << 16;
export const CR0_AM = 1 << 18;
export const CR0_NW = 1 << 29;
export const CR0_CD = 1 << 30;
export const CR0_PG = 1 << 31;

export const CR4_VME = 1 << 0;
export const CR4_PVI = 1 << 1;
export const CR4_TSD = 1 << 2;
export const CR4_DE = 1 << 3;
export const CR4_PSE = 1 << 4;
export const CR4_PAE = 1 << 5;
export const CR4_MCE = 1 << 6;
export const CR4_PGE = 1 << 7;
export const CR4_PCE = 1 << 8;
export const CR4_OSFXSR = 1 << 9;
export const CR4_OSXMMEXCPT = 1 << 10;

export const EFER_NXE = 1 << 11;

/** Bits of ATTRIBUTES, in the place they have in a descriptor's second word. */
export const DESC_ACCESSED = 1 << 8;
/** Data: writable. Code: readable. */
export const DESC_WRITABLE = 1 << 9;
/** Data: expand-down. Code: conforming. */
export const DESC_CONFORMING = 1 << 10;
export const DESC_CODE = 1 << 11;
/** Set for code and data, clear for system segments and gates. */
export const DESC_S = 1 << 12;
export const DESC_DPL_SHIFT = 13;
export const DESC_PRESENT = 1 << 15;
/** Default size: 32-bit code, 32-bit stack pointer, 4 GiB bound of expand-down segments. */
export const DESC_BIG = 1 << 22;
export const DESC_GRANULARITY = 1 << 23;

export const DE = 0;
export const DB = 1;
export const NMI = 2;
export const BP = 3;
export const OF_VECTOR = 4;
export const BR = 5;
export const UD = 6;
export const NM = 7;
export const DF_VECTOR = 8;
export const TS = 10;
export const NP = 11;
export const SS_VECTOR = 12;
export const GP = 13;
export const PF_VECTOR = 14;
export const MF = 16;
export const AC_VECTOR = 17;
export const MC = 18;
export const XM = 19;
