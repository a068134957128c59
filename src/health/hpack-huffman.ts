/**
 * The Huffman code of HPACK (RFC 7541 5.2 and appendix B): pure. The code is canonical: of two symbols the one with
 * the shorter code comes first, and of equally long ones the smaller, so that the lengths alone give all codes.
 */

/** Bits of the code of each octet, and of the end of string (EOS, 256). */
const LENGTHS: readonly number[] = [
  // 0x00, control characters
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28,
  28, 28, 28, 28, 28, 28, 28, 28,
  // 0x20, from the blank on
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6,
  12, 10,
  // 0x40, from @ on
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14,
  6,
  // 0x60, from ` on
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13,
  28,
  // 0x80
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23,
  23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  // 0xc0
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24,
  21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
];

const EOS = 256;
const MAX_BITS = 30;
/** Of the last octet: the start of EOS, which is all ones. */
const MAX_PADDING_BITS = 7;

const symbols: readonly number[] = [...LENGTHS.keys()].sort(
  (a, b) => (LENGTHS[a] ?? 0) - (LENGTHS[b] ?? 0) || a - b,
);

/** By length: the first code, how many there are, and where their symbols begin in `symbols`. */
const codes: readonly { readonly first: number; readonly count: number; readonly from: number }[] =
  (() => {
    const made = [];
    let [first, from] = [0, 0];
    for (let bits = 0; bits <= MAX_BITS; bits += 1) {
      const count = LENGTHS.filter((length) => length === bits).length;
      made.push({ first, count, from });
      first = (first + count) * 2;
      from += count;
    }
    return made;
  })();

/** The text (latin1) of these octets; undefined where they are no code, or their padding is none. */
export function decodeHuffman(octets: Uint8Array): string | undefined {
  const found = Buffer.alloc(Math.ceil((octets.length * 8) / 5));
  let [length, code, bits] = [0, 0, 0];
  for (const octet of octets) {
    for (let shift = 7; shift >= 0; shift -= 1) {
      code = code * 2 + ((octet >> shift) & 1);
      bits += 1;
      const row = codes[bits];
      if (row === undefined) return undefined;
      const index = code - row.first;
      if (index >= row.count) continue;
      const symbol = symbols[row.from + index] ?? EOS;
      if (symbol === EOS) return undefined;
      found[length] = symbol;
      length += 1;
      [code, bits] = [0, 0];
    }
  }
  const isPadding = bits <= MAX_PADDING_BITS && code === 2 ** bits - 1;
  return isPadding ? found.toString('latin1', 0, length) : undefined;
}
