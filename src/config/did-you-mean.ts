/**
 * The nearest known word to an unknown one. Distance is optimal string alignment: insertions,
 * deletions, substitutions and swapped neighbours each cost one.
 */

/**
 * Longer words are not compared: nobody mistypes a keyword into one. Bounds the work per unknown
 * word.
 */
const MAX_COMPARED_LENGTH = 48;

/** Mistakes allowed: one in three letters, at least one. */
const LETTERS_PER_MISTAKE = 3;

/** The candidate that was probably meant; undefined when none is near. Ties go to the first. */
export function nearestWord(word: string, candidates: Iterable<string>): string | undefined {
  if (word.length > MAX_COMPARED_LENGTH) return undefined;
  const wanted = word.toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(word.length / LETTERS_PER_MISTAKE)) + 1;
  for (const candidate of candidates) {
    const known = candidate.toLowerCase();
    if (known.length > MAX_COMPARED_LENGTH) continue;
    if (Math.abs(known.length - wanted.length) >= bestDistance) continue;
    const distance = editDistance(wanted, known);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `did you mean 'priority'?`, when something near is known. */
export function didYouMean(word: string, candidates: Iterable<string>): string | undefined {
  const nearest = nearestWord(word, candidates);
  return nearest === undefined ? undefined : `did you mean '${nearest}'?`;
}

/** Optimal string alignment distance. */
export function editDistance(a: string, b: string): number {
  let twoBack: number[] = [];
  let oneBack = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      const cost = a[row - 1] === b[column - 1] ? 0 : 1;
      let distance = Math.min(
        at(oneBack, column) + 1,
        at(current, column - 1) + 1,
        at(oneBack, column - 1) + cost,
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        distance = Math.min(distance, at(twoBack, column - 2) + 1);
      }
      current.push(distance);
    }
    twoBack = oneBack;
    oneBack = current;
  }
  return at(oneBack, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
