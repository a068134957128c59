/**
 * Patterns are written for PCRE2, keepalived's matcher; here JavaScript's matches. What both have
 * is taken, what is only spelled differently is translated, and what JavaScript lacks is refused
 * with what to write instead: a pattern that quietly means something else would judge servers.
 */
export type PatternOutcome =
  | { readonly ok: true; readonly source: string; readonly flags: string }
  | { readonly ok: false; readonly reason: string; readonly help?: string };

/** Option of keepalived -> flag of JavaScript. */
const FLAGS: Readonly<Record<string, string>> = { caseless: 'i', multiline: 'm', dotall: 's' };

/** Options that change no verdict: they tune PCRE2, or forbid what is not there. */
const HARMLESS: ReadonlySet<string> = new Set([
  'utf',
  'no_auto_capture',
  'no_auto_possess',
  'no_dotstar_anchor',
  'no_start_optimize',
  'never_ucp',
  'never_utf',
  'never_backslash_c',
]);

/** [what it begins with, its name, what to write]. */
const REFUSED: readonly (readonly [pattern: RegExp, name: string, help: string])[] = [
  [/[*+?}]\+/y, 'a possessive quantifier', 'remove the second +'],
  [/\(\?>/y, 'an atomic group', "write '(?:' for '(?>'"],
  [/\(\?\|/y, 'a branch reset', "write '(?:' for '(?|'"],
  [/\(\?(?:R|[+-]?\d+|&|P>)/y, 'a recursion', 'write the part out as often as it may nest'],
  [/\(\?\(/y, 'a condition', "write both branches as '(?:…|…)'"],
  [/\(\?C/y, 'a callout', 'remove it'],
  [/\(\*/y, 'a verb', 'remove it; options go into regex_options'],
  [/\\K/y, '\\K', "write '(?<=…)' around what stands in front of it"],
  [/\\G/y, '\\G', "write '\\\\A', a check has one match"],
  [/\\[XC]/y, 'this class', "write '.'"],
  [/\(\?[a-zA-Z]*x[a-zA-Z]*-?[a-zA-Z]*[:)]/y, 'the flag x', 'write the pattern without its blanks'],
];

const START = '(?<![\\s\\S])';
const END = '(?![\\s\\S])';

const TRANSLATED: readonly (readonly [
  pattern: RegExp,
  source: (match: RegExpExecArray) => string,
])[] = [
  [/\\A/y, () => START],
  [/\\z/y, () => END],
  [/\\Z/y, () => `(?=\\n?${END})`],
  [/\\h/y, () => '[ \\t]'],
  [/\\R/y, () => '(?:\\r\\n|[\\n\\v\\f\\r])'],
  [/\\a/y, () => '\\x07'],
  [/\\e/y, () => '\\x1b'],
  [/\\Q([\s\S]*?)(?:\\E|$)/y, ([, text = '']) => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')],
  [/\(\?P</y, () => '(?<'],
  [/\(\?P=(\w+)\)/y, ([, name = '']) => `\\k<${name}>`],
  [/\(\?#[^)]*\)/y, () => ''],
];

const POSIX: Readonly<Record<string, string>> = {
  alnum: 'A-Za-z0-9',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`{-~',
  space: '\\s',
  upper: 'A-Z',
  word: '\\w',
  xdigit: 'A-Fa-f0-9',
};

/** `options` are those of `regex_options`. */
export function translatePattern(pattern: string, options: readonly string[]): PatternOutcome {
  const others = options.filter((name) => FLAGS[name] === undefined && !HARMLESS.has(name));
  const unknown = others.find((name) => name !== 'literal');
  if (unknown !== undefined) {
    return { ok: false, reason: `JavaScript's matcher has no '${unknown}'`, help: 'remove it' };
  }
  let flags = [...new Set(options.map((name) => FLAGS[name] ?? ''))].join('');
  if (others.includes('literal')) {
    return { ok: true, source: pattern.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), flags };
  }
  const [head = '', written = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? [];
  flags = [...new Set(flags + written)].join('');
  const parts: string[] = [];
  let index = head.length;
  while (index < pattern.length) {
    const refused = REFUSED.find(([start]) => matchAt(start, pattern, index) !== undefined);
    if (refused !== undefined) {
      const [, name, help] = refused;
      return { ok: false, reason: `JavaScript's matcher has no such thing as ${name}`, help };
    }
    const [length, source] = translateOne(pattern, index);
    parts.push(source);
    index += length;
  }
  return compiled(parts.join(''), flags);
}

function compiled(source: string, flags: string): PatternOutcome {
  try {
    new RegExp(source, flags);
    return { ok: true, source, flags };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return {
      ok: false,
      reason: message.replace(/^Invalid regular expression: \/[\s\S]*\/\w*: /, ''),
    };
  }
}

/** How many characters at `index` are taken, and what they are here. */
function translateOne(pattern: string, index: number): readonly [number, string] {
  for (const [start, source] of TRANSLATED) {
    const match = matchAt(start, pattern, index);
    if (match !== undefined) return [match[0].length, source(match)];
  }
  if (pattern[index] === '\\') return [2, pattern.slice(index, index + 2)];
  if (pattern[index] !== '[') return [1, pattern[index] ?? ''];
  const set = matchAt(SET, pattern, index)?.[0];
  if (set === undefined) return [1, '['];
  const source = set
    .replace(/^\[(\^?)\]/, '[$1\\]')
    .replace(/\[:(\w+):\]/g, (whole, name: string) => POSIX[name] ?? whole);
  return [set.length, source];
}

/** A set, whose first character may be `]`. */
const SET = /\[\^?\]?(?:\\[\s\S]|\[:\w+:\]|[^\]\\])*\]/y;

function matchAt(start: RegExp, text: string, index: number): RegExpExecArray | undefined {
  start.lastIndex = index;
  return start.exec(text) ?? undefined;
}
