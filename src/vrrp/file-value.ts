/** The number in a tracked file, as strtol(3) with base 0 reads it (keepalived's process_track_file). */

export type FileValue =
  | { readonly ok: true; readonly value: number }
  | { readonly ok: false; readonly reason: string };

const NUMBER = /^\s*([+-]?)(0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)(?=\s|$)/;
const INT_MAX = 2 ** 31 - 1;

/**
 * An empty file counts as 0, as with keepalived. What is no number, or does not fit an int, is refused,
 * where keepalived reads 0, or leaves the value as it was.
 */
export function parseFileValue(text: string): FileValue {
  if (text.trim() === '') return { ok: true, value: 0 };
  const [, sign, digits = ''] = NUMBER.exec(text) ?? [];
  if (sign === undefined) return { ok: false, reason: 'it does not begin with a whole number' };
  const isOctal = /^0[0-7]+$/.test(digits);
  const size = isOctal ? Number.parseInt(digits, 8) : Number(digits);
  if (size > INT_MAX) return { ok: false, reason: 'its number does not fit an int' };
  return { ok: true, value: sign === '-' && size !== 0 ? -size : size };
}
