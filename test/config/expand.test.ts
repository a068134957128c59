// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the parameters of the language
import { expect, test } from 'vitest';
import { collectDiagnostics } from '../../src/config/diagnostics.ts';
import { expandConfig } from '../../src/config/expand.ts';
import { MAX_INCLUDE_DEPTH } from '../../src/config/include.ts';
import { codesOf, compile, type Files, includesFrom, threadMs } from './compile-fixture.ts';

function expand(text: string, files: Files = {}, configId = 'd1'): readonly string[] {
  const { report } = collectDiagnostics();
  const include = includesFrom(files);
  const surroundings = {
    random: () => 0.5,
    environment: (name: string) => (name === 'NAME' ? 'value' : undefined),
    directoryOf: () => '/etc',
  };
  const options = { configId, include, report, surroundings };
  const { lines } = expandConfig('lvs.conf', text, options);
  return lines.map((line) => line.map((token) => token.text).join(' '));
}

test.each([
  ['@id keeps the line for that id', '@d1 priority 150', ['priority 150']],
  ['@id drops the line for others', '@d2 priority 100', []],
  ['@^id drops the line for that id', '@^d1 priority 150', []],
  ['@^id keeps the line for others', '@^d2 priority 150', ['priority 150']],
  ['@ counts at the start of a line only', 'a @d2 b', ['a @d2 b']],
  ['an id is the whole word', '@d1x a', []],
])('%s', (_rule, text, expected) => {
  expect(expand(text)).toEqual(expected);
});

test('an include stands for the lines of its file', () => {
  expect(expand('a\ninclude b.conf\nd', { 'b.conf': 'b\nc' })).toEqual(['a', 'b', 'c', 'd']);
});

test('an include may match several files, or none', () => {
  expect(expand('include *', { x: 'a', y: 'b' })).toEqual(['a', 'b']);
  expect(expand('include *\nc', {})).toEqual(['c']);
});

test('an include line may itself be conditional', () => {
  expect(expand('@d2 include missing\na')).toEqual(['a']);
});

test('diagnostics in an included file carry the chain of includes', () => {
  const files = { 'b.conf': '\ninclude c.conf', 'c.conf': 'unknown_word' };
  const [diagnostic] = compile('include b.conf', files).diagnostics;
  expect(diagnostic?.span).toMatchObject({ file: 'c.conf', line: 1, column: 1 });
  expect(diagnostic?.includeChain).toMatchObject([
    { file: 'b.conf', line: 2, column: 9 },
    { file: 'lvs.conf', line: 1, column: 9 },
  ]);
});

test('a file that includes itself through another is told where, once', () => {
  expect(codesOf(compile('include b', { b: 'include lvs.conf' }))).toContain('LVS1002 1:9');
});

test('includes are followed to a bound', () => {
  const files: Record<string, string> = {};
  for (let depth = 0; depth <= MAX_INCLUDE_DEPTH + 1; depth += 1) {
    files[`f${depth}`] = `include f${depth + 1}`;
  }
  expect(codesOf(compile('include f0', files))).toContain('LVS1003 1:9');
});

/** As keepalived 2.2.7 reads them, shown by its "Unknown keyword" lines. */
const PARAMETERS: readonly (readonly [rule: string, text: string, expected: readonly string[]])[] =
  [
    ['a parameter stands for its value', '$A=1\na$A', ['a1']],
    ['a name in braces ends where it says', '$A=1\nf${A}g', ['f1g']],
    ['a name without braces ends at , and )', '$A=1\nz$A, z$A) z$A', ['z1, z1) z1']],
    ['it does not end at other signs', '$A=1\nc$Ax d$A.e h$A/x $A:x', ['c$Ax d$A.e h$A/x $A:x']],
    ['a quote does not end it either', '$A=1\n"x$A" "$A j"', ['x$A 1 j']],
    ['what is undefined stays', 'a$NOPE b${NOPE}c', ['a$NOPE b${NOPE}c']],
    ['a backslash does not keep a $', '$A=1\ng\\$A', ['g\\1']],
    ['values name parameters that come later', '$A=$B\n$B=2\na$A\n$B=3\nb$A', ['a2', 'b3']],
    ['a value may be several words', '$A="q r" s\n$A', ['q r s']],
    ['an empty value is nothing', '$A=\nk$A\n${A}', ['k']],
    ['a comment is no part of the value', '$A=va # c\ny$A', ['yva']],
    ['what a value brings is no comment', '$A=a\\#b\nx${A}y', ['xa#by']],
    ['a blank before = makes no definition', '$A = 5', ['$A = 5']],
    ['a digit begins no name', '$9=x', ['$9=x']],
    ['a built-in may be redefined', '$_PWD=mine\np$_PWD', ['pmine']],
    ['lines with a backslash go on', '$M= a \\\n b \\\n\n c', ['c']],
    ['they stand for lines', '$M= a \\\n # x \\\n "c d" \\\n e\nx$M', ['xa', 'c d', 'e']],
    ['at the end of a line only', '$M= a \\\n b\n$M after', ['$M after']],
    ['text before them is kept', '$M= a \\\n b\nbefore $M', ['before a', 'b']],
    ['they may hold others', '$M= a \\\n b\n$O= c \\\n $M \\\n d\n$O', ['c', 'a', 'b', 'd']],
    ['and definitions', '$V= a \\\n $W=7 \\\n b$W\n$V', ['a', 'b7']],
    ['a comment may go on', '$D=a # x \\\n b\n$D', ['a', 'b']],
    ['a definition may be for a host', '@d1 $P=1\n@d2 $P=2\ng$P', ['g1']],
    ['all lines of one for others go', '@d2 $P=a \\\n b\nc', ['c']],
    ['an id may come from a parameter', '$Q=@d2 x\n$Q\n$R=@d1 y\n$R', ['y']],
  ];

test.each(PARAMETERS)('parameters: %s', (_rule, text, expected) => {
  expect(expand(text)).toEqual(expected);
});

test.each([
  ['_HASH', 'h${_HASH}h "a ${_HASH} b" c', ['h#h a # b c']],
  ['_BANG', 'h${_BANG}h', ['h!h']],
  ['_INSTANCE', 'c${_INSTANCE} $_INSTANCE', ['cd1 d1']],
  ['_PWD', 'include ${_PWD}/x\n', ['in']],
  ['_ENV', 'i${_ENV NAME}', ['ivalue']],
  ['_ENV of nothing', 'i${_ENV OTHER}', ['i${_ENV OTHER}']],
  [
    '_RANDOM',
    '${_RANDOM} ${_RANDOM 9} ${_RANDOM 5 6} ${_RANDOM 6 5}',
    ['16384 16388 6 ${_RANDOM 6 5}'],
  ],
])('built-in parameters: %s', (_name, text, expected) => {
  expect(expand(text, { '/etc/x': 'in' })).toEqual(expected);
});

test.each([
  ['to an end', '~SEQ(i, 3) a$i', ['a1', 'a2', 'a3']],
  ['from a start', '~SEQ(i, 2, 4) a$i', ['a2', 'a3', 'a4']],
  ['by a step', '~SEQ(i,1,3,6) a$i', ['a1', 'a4']],
  ['downwards', '~SEQ(i, 6, -2, 1) d${i}', ['d6', 'd4', 'd2']],
  ['to zero', '~SEQ(i, 0) e$i', ['e1', 'e0']],
  ['below zero', '~SEQ(i, -2) f$i', ['f-1', 'f-2']],
  ['in hexadecimal', '~SEQx(i, 14, 0x11) g$i', ['ge', 'gf', 'g10', 'g11']],
  ['of octal numbers', '~SEQ(i, 010, 011) o$i', ['o8', 'o9']],
  ['glued, with blanks', '~SEQ (i, 2)g$i', ['g1', 'g2']],
  ['nested', '~SEQ(i,2) ~SEQ(j,2) h${i}_$j', ['h1_1', 'h1_2', 'h2_1', 'h2_2']],
  ['by a parameter', '$K=2\n~SEQ(i, $K) k$i\nl$i', ['k1', 'k2', 'l2']],
  ['by the outer one', '~SEQ(i,2) ~SEQ(j,$i) ${i}$j', ['11', '21', '22']],
  ['in a parameter', '$L=~SEQ(i,2) p$i\n$L', ['p1', 'p2']],
  [
    'of several lines',
    '$B= b { \\\n in$i \\\n }\n~SEQ(i,2) $B',
    ['b {', 'in1', '}', 'b {', 'in2', '}'],
  ],
  ['of includes', '~SEQ(i,2) include f${i}', ['one', 'two']],
  ['of lines for hosts', '~SEQ(i,2) @d1 at$i', ['at1', 'at2']],
  ['not within a line', 'x ~SEQ(i,2) y', ['x ~SEQ(i,2) y']],
  ['of a list', '~LST(v, a,b , c) x$v', ['xa', 'xb', 'xc']],
  ['of a list of lists', '~LST({a,b},{1,2}, {3,4}) z${a}_$b', ['z1_2', 'z3_4']],
  ['of empty values', '~LST(v,,a) r${v}.', ['r.', 'ra.']],
  ['of sequences and lists', '~LST(v,a,b) ~SEQ(w,2) ${v}$w', ['a1', 'a2', 'b1', 'b2']],
  ['of no known kind', '~FOO(1)', ['~FOO(1)']],
])('sequences: %s', (_rule, text, expected) => {
  expect(expand(text, { f1: 'one', f2: 'two' })).toEqual(expected);
});

test.each([
  '~SEQ(i, 5,1,2) a',
  '~SEQ(i) a',
  '~SEQ(i,a) a',
  '~SEQ(,2) a',
  '~SEQ(i,2 a',
  '~SEQx(i,-2) a',
  '~SEQ(i,1,2,3,4) a',
  '~LST(v) a',
  '~LST(v, a b) a',
  '~LST({a,b},{1,2,3}) a',
  '~LST(v,{a) a',
  '~LST({a},{1},2}) a',
])('a sequence that cannot be read is one diagnostic: %s', (text) => {
  expect(codesOf(compile(`${text}\nglobal_defs {\n}`))).toEqual(['LVS1308 1:1']);
});

test('what is wrong with an expanded word points at where it is written, and says what it was', () => {
  const text = '$P=300\n~SEQ(i, 1) vrrp_instance A$i {\n interface e\n priority ${P} # x\n}\n';
  const found = compile(text).diagnostics.find(({ code }) => code === 'LVS1028');
  expect(found).toMatchObject({
    code: 'LVS1028',
    span: { line: 4, column: 11, endColumn: 15 },
    expandedTo: 'priority 300',
  });
});

test('a parameter that stands in its own value ends', () => {
  expect(expand('$C=x$C\nc$C')).toEqual(['cx$C']);
  expect(expand('$A=$B\n$B=$A\na$A')).toEqual(['a$A']);
  expect(codesOf(compile('$M= a \\\n $M\n$M'))).toContain('LVS1309 3:1');
});

test.each([
  [
    'parameters',
    Array.from({ length: 60 }, (_, n) => `$P${n + 1}=\${P${n}}\${P${n}}`).join('\n') +
      '\n$P0=\n${P28}',
  ],
  [
    'long parameters',
    Array.from({ length: 60 }, (_, n) => `$P${n + 1}=\${P${n}}\${P${n}}`).join('\n') +
      '\n$P0=lol\n${P20}',
  ],
  ['sequences', '~SEQ(i,1000000) ~SEQ(j,1000000) ~SEQ(k,1000000)'],
  ['a long sequence', '~SEQ(i,9007199254740991) a$i'],
  [
    'lines',
    Array.from({ length: 30 }, (_, n) => `$P${n + 1}= \${P${n}} \\\n \${P${n}}`).join('\n') +
      '\n$P0=a\n${P30}',
  ],
  ['nested sequences', '~SEQ(i,2)'.repeat(5000)],
])('what grows without an end is one error, soon: %s', (_what, text) => {
  const started = threadMs();
  const { diagnostics, config } = compile(text);
  expect(threadMs() - started).toBeLessThan(1000);
  expect(config).toBeUndefined();
  const errors = diagnostics.filter(({ code }) => code === 'LVS1309' || code === 'LVS1005');
  expect(errors.length).toBeGreaterThanOrEqual(1);
});

test('a $ that names no parameter is a plain word', () => {
  const { config } = compile('global_defs {\n router_id pa$word\n}\n');
  expect(config?.globalDefs.routerId).toBe('pa$word');
});

test('an id that no line is for suggests the near one', () => {
  const { diagnostics } = compile('@director1 a\n@director2 b', {}, 'directr1');
  expect(diagnostics[0]).toMatchObject({ code: 'LVS1007', help: 'did you mean -i director1?' });
});
