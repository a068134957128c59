import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Checker, HISTORY_LENGTH } from '../../src/health/checker.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { initialState } from '../../src/health/verdict.ts';
import { tcpCheck } from './configs.ts';

const durationMs = fc.integer({ min: 0, max: 9 });
const detail = fc.constantFrom('fine', 'other');
const results: fc.Arbitrary<ProbeResult> = fc.oneof(
  fc.record({ kind: fc.constant('pass' as const), durationMs, detail }),
  fc.record({
    kind: fc.constant('pass' as const),
    durationMs,
    detail,
    advice: fc.constantFrom({ mode: 'drain' as const }, { mode: 'ready' as const }),
  }),
  fc.record({
    kind: fc.constant('pass' as const),
    durationMs,
    detail,
    certificateEndsMs: fc.constantFrom(1, 2),
  }),
  fc.record({
    kind: fc.constantFrom('fail' as const, 'inconclusive' as const),
    durationMs,
    reason: fc.constantFrom('TIMEOUT', 'EMFILE'),
    detail,
  }),
);

it('keeps the last results as they were, each with its own time, and hands them on', () => {
  fc.assert(
    fc.property(fc.array(results, { maxLength: 20 }), fc.nat(20), (told, handedOverAt) => {
      let checker = new Checker(tcpCheck(), initialState(true, 0));
      for (const [index, result] of told.entries()) {
        if (index === handedOverAt) checker = checker.successor(checker.config, checker.state);
        checker.record({ ...result }, 1000 + index);
      }
      const records = told.map((result, index) => ({ ...result, atMs: 1000 + index }));
      const { history, lastResult } = checker.snapshot(0);
      expect(history).toEqual(records.slice(-HISTORY_LENGTH));
      expect(lastResult).toEqual(records.at(-1));
    }),
    { numRuns: 1000 },
  );
});
