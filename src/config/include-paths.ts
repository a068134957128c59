/**
 * The include family and its patterns. All of them read what is there; they differ in what is wrong
 * when it is not. Observed with keepalived 2.2.7, exit status of `-t`:
 *
 * |            | file is a directory, executable, no file | wildcard without match | one of {a,b} |
 * |------------|------------------------------------------|------------------------|--------------|
 * | `include`  | skipped                                  | nothing                | logged       |
 * | `includer` | error                                    | nothing                | logged       |
 * | `includem` | error                                    | nothing                | logged       |
 * | `includew` | error                                    | error                  | logged       |
 * | `includeb` | error                                    | nothing                | error        |
 * | `includea` | error                                    | error                  | error        |
 *
 * A file that is named and absent keepalived calls an error for m, w and a only; here it always is,
 * and `--compat` lifts it for the others.
 */
export interface IncludeKind {
  readonly keyword: string;
  /** What is there must be a readable regular file that nobody may execute. */
  readonly mustBeReadable: boolean;
  /** A pattern with wildcards must match something. */
  readonly mustMatchWildcard: boolean;
  /** A file that is named must be there, for keepalived too. */
  readonly mustExist: boolean;
}

const KEYWORD = /^include([rmwba]?)(?=[ \t"]|$)/;

/** Undefined for a line that is no include. */
export function readIncludeKeyword(line: string): IncludeKind | undefined {
  const match = KEYWORD.exec(line);
  if (match === null) return undefined;
  const letter = match[1] ?? '';
  return {
    keyword: match[0],
    mustBeReadable: letter !== '',
    mustMatchWildcard: letter === 'w' || letter === 'a',
    mustExist: letter === 'm' || letter === 'w' || letter === 'a',
  };
}

/** The patterns of one include line are bounded: `{a,b}{a,b}…` doubles with every pair. */
export const MAX_ALTERNATIVES = 1000;

/** `x{a,b}` to [`xa`, `xb`], in that order, as glob(3) does; undefined when there are too many. */
export function expandBraces(pattern: string): readonly string[] | undefined {
  let heads: readonly string[] = [''];
  let index = 0;
  while (index < pattern.length) {
    const open = pattern.indexOf('{', index);
    const close = open < 0 ? -1 : closingBrace(pattern, open);
    if (close < 0) break;
    const literal = pattern.slice(index, open);
    const alternatives: string[] = [];
    for (const part of splitAlternatives(pattern.slice(open + 1, close))) {
      const inner = expandBraces(part);
      if (inner === undefined) return undefined;
      alternatives.push(...inner);
    }
    if (heads.length * alternatives.length > MAX_ALTERNATIVES) return undefined;
    heads = heads.flatMap((head) => alternatives.map((part) => `${head}${literal}${part}`));
    index = close + 1;
  }
  const tail = pattern.slice(index);
  return heads.map((head) => head + tail);
}

function closingBrace(pattern: string, open: number): number {
  let depth = 0;
  for (let index = open; index < pattern.length; index += 1) {
    if (pattern[index] === '{') depth += 1;
    else if (pattern[index] === '}') depth -= 1;
    if (depth === 0) return index;
  }
  return -1;
}

function splitAlternatives(content: string): readonly string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let index = 0; index < content.length; index += 1) {
    const char = content[index];
    if (char === '{') depth += 1;
    else if (char === '}') depth -= 1;
    else if (char === ',' && depth === 0) {
      parts.push(content.slice(start, index));
      start = index + 1;
    }
  }
  return [...parts, content.slice(start)];
}

export function hasWildcard(pattern: string): boolean {
  return /[*?[]/.test(pattern);
}
