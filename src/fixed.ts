/**
 * Numbers with a fixed count of decimals, as C's printf("%.2f") writes them. toFixed() differs
 * where a number lies exactly between two texts: it takes the larger, C the even one.
 */

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
