/**
 * Numbers as C's printf writes them: "%.2f" and "%#x". toFixed() differs where a number lies
 * exactly between two texts: it takes the larger, C the even one.
 */

/** With 0x before it, but for 0. */
export function prefixedHex(value: number): string {
  return value === 0 ? '0' : `0x${value.toString(16)}`;
}

/** `value` with so many `digits` behind the point; exact for what doubles hold exactly. */
export function fixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  // Only an odd multiple of 2^-(digits+1) can lie in the middle, and it always does.
  const halves = Math.abs(value) * 2 ** (digits + 1);
  if (halves % 2 !== 1 || Number(text.at(-1)) % 2 === 0) return text;
  // toFixed() went away from zero, by half a unit: back to the neighbour.
  const below = (Math.abs(value) - 0.5 / 10 ** digits).toFixed(digits);
  return value < 0 ? `-${below}` : below;
}
