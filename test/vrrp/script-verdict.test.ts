import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { initialVerdict, judgeRun, type ScriptThresholds } from '../../src/vrrp/script-verdict.ts';

/** `+` passed, `-` failed; the verdict after each as `U` or `D`. */
function follow(rules: Partial<ScriptThresholds>, runs: string): string {
  const thresholds = { rise: 1, fall: 1, startsFailed: false, ...rules };
  let verdict = initialVerdict(thresholds);
  let seen = verdict.isUp ? 'U' : 'D';
  for (const run of runs) {
    verdict = judgeRun(thresholds, verdict, run === '+');
    seen += verdict.isUp ? 'U' : 'D';
  }
  return seen;
}

describe('judgeRun (reference 2.3)', () => {
  it.each([
    ['the first success is enough', { rise: 3 }, '+', 'UU'],
    ['the first failure is enough at the start', { fall: 3 }, '-', 'UD'],
    ['fall failures in a row', { fall: 3 }, '+--+---', 'UUUUUUUD'],
    ['rise successes in a row', { rise: 2 }, '-+-++', 'UDDDDU'],
    ['init_fail needs rise successes', { rise: 2, startsFailed: true }, '++-', 'DDUD'],
    ['init_fail stays down on failures', { rise: 2, startsFailed: true }, '-+-++', 'DDDDDU'],
  ] as const)('%s', (_what, rules, runs, expected) => {
    expect(follow(rules, runs)).toBe(expected);
  });

  it('never changes its mind on fewer results in a row than rise or fall ask for', () => {
    const count = fc.integer({ min: 1, max: 5 });
    const runs = fc.array(fc.constantFrom('+', '-'), { maxLength: 40 });
    fc.assert(
      fc.property(count, count, runs, (rise, fall, list) => {
        const seen = follow({ rise, fall }, list.join(''));
        for (let index = 2; index < seen.length; index += 1) {
          if (seen[index] === seen[index - 1]) continue;
          const isUp = seen[index] === 'U';
          const needed = isUp ? rise : fall;
          const last = list.slice(index - needed, index);
          expect(last).toEqual(new Array(needed).fill(isUp ? '+' : '-'));
        }
      }),
    );
  });
});
