/**
 * Where the beam is: input status register 1, and the phases of what blinks, from virtual time.
 *
 * Spec: IBM VGA Technical Reference, "CRT controller". While the CRTC is not programmed, or VBE
 * is on, frames are those of a 640 x 480 monitor at 60 Hz.
 */

const CLOCKS_HZ = [25_175_000, 28_322_000, 25_175_000, 25_175_000] as const;
const STATUS_DISPLAY_DISABLED = 0x01;
const STATUS_VERTICAL_RETRACE = 0x08;
/** Below that a CRTC is not set up: more than any monitor follows. */
const MIN_LINES = 100;
const MIN_LINE_CLOCKS = 400;

interface TimingRegisters {
  readonly sr: Uint8Array;
  readonly cr: Uint8Array;
  readonly miscOutput: number;
}

interface Frame {
  readonly lineNs: number;
  readonly lines: number;
  readonly visibleLines: number;
  readonly retraceStart: number;
  readonly retraceEnd: number;
  /** The part of a line that shows pixels. */
  readonly visiblePart: number;
}

const DEFAULT_FRAME: Frame = {
  lineNs: 31_778,
  lines: 525,
  visibleLines: 480,
  retraceStart: 490,
  retraceEnd: 492,
  visiblePart: 0.8,
};

function frameOf({ sr, cr, miscOutput }: TimingRegisters): Frame {
  const overflow = cr[0x07];
  const bit9 = (low: number, high: number): number =>
    ((overflow & low) !== 0 ? 0x100 : 0) | ((overflow & high) !== 0 ? 0x200 : 0);
  const characters = cr[0x00] + 5;
  const dots = (sr[1] & 0x01) !== 0 ? 8 : 9;
  const lineClocks = characters * dots * ((sr[1] & 0x08) !== 0 ? 2 : 1);
  const lines = (cr[0x06] | bit9(0x01, 0x20)) + 2;
  if (lines < MIN_LINES || lineClocks < MIN_LINE_CLOCKS) return DEFAULT_FRAME;
  const retraceStart = cr[0x10] | bit9(0x04, 0x80);
  const retraceLines = (cr[0x11] - retraceStart) & 0x0f;
  return {
    lineNs: (lineClocks * 1e9) / CLOCKS_HZ[(miscOutput >> 2) & 3],
    lines,
    visibleLines: (cr[0x12] | bit9(0x02, 0x40)) + 1,
    retraceStart,
    retraceEnd: retraceStart + Math.max(1, retraceLines),
    visiblePart: (cr[0x01] + 1) / characters,
  };
}

/** Bit 0: no pixels are shown now; bit 3: vertical retrace. */
export function inputStatus1(registers: TimingRegisters, nowNs: number): number {
  const frame = frameOf(registers);
  const position = (nowNs % (frame.lineNs * frame.lines)) / frame.lineNs;
  const line = Math.floor(position);
  const hidden = line >= frame.visibleLines || position - line >= frame.visiblePart;
  const retrace = line >= frame.retraceStart && line < frame.retraceEnd;
  return (
    (hidden || retrace ? STATUS_DISPLAY_DISABLED : 0) | (retrace ? STATUS_VERTICAL_RETRACE : 0)
  );
}

/** What blinks: the cursor changes every 8 frames, characters every 16. */
export function blinkPhases(
  registers: TimingRegisters,
  nowNs: number,
): { readonly cursorShown: boolean; readonly charactersShown: boolean } {
  const { lineNs, lines } = frameOf(registers);
  const frames = Math.floor(nowNs / (lineNs * lines));
  return { cursorShown: (frames & 8) === 0, charactersShown: (frames & 16) === 0 };
}
