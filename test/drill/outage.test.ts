import { describe, expect, test } from 'vitest';
import { isAlternating, type RequestRecord, summarize } from '../../src/drill/outage.ts';

const INTERVAL_MS = 20;

/** A request every 20 ms: `.` answered, `x` refused. */
function records(pattern: string): readonly RequestRecord[] {
  return [...pattern].map((sign, index) => {
    const startMs = 1_000 + index * INTERVAL_MS;
    const ok = sign === '.';
    return { startMs, endMs: startMs + 2, ok, ...(ok ? { page: 'a' } : { error: 'ECONNREFUSED' }) };
  });
}

describe('outage', () => {
  test.each([
    ['nothing failed', '......', 0],
    ['one request is one interval', '..x..', 20],
    ['a run counts whole', '..xxxxx..', 100],
    ['the longest run counts', '.x.xxx.xx.', 60],
    ['a run at the start is measured from its first failure', 'xx..', 40],
    ['a run that never ended counts as long as it was watched', '..xxx', 60],
    ['nothing was ever answered', 'xxxx', 80],
    ['no request', '', 0],
  ])('%s', (_title, pattern, outageMs) => {
    expect(summarize(records(pattern), INTERVAL_MS).outageMs).toBe(outageMs);
  });

  test('follows the starts: slow answers and their order of arrival do not matter', () => {
    const slow = records('..xx..').map((one) => ({ ...one, endMs: one.endMs + 900 }));
    expect(summarize(slow.toReversed(), INTERVAL_MS).outageMs).toBe(40);
  });

  test('a prober that was late by itself is no outage', () => {
    const late = records('....').map((one, index) => ({
      ...one,
      startMs: one.startMs + (index > 1 ? 500 : 0),
    }));
    expect(summarize(late, INTERVAL_MS).outageMs).toBe(0);
  });
});

test('failures are counted by reason, the most frequent first', () => {
  const mixed = records('x.x.xx').map((one, index) =>
    index === 0 ? { ...one, error: 'TIMEOUT' } : one,
  );
  expect(summarize(mixed, INTERVAL_MS)).toMatchObject({
    requests: 6,
    failedRequests: 4,
    failures: 'ECONNREFUSED 3, TIMEOUT 1',
  });
  expect(summarize(records('..'), INTERVAL_MS).failures).toBe('none');
});

test('pages alternate when each differs from the one before and all were seen', () => {
  expect(isAlternating(['a', 'b', 'a'], ['a', 'b'])).toBe(true);
  expect(isAlternating(['a', 'b', 'b'], ['a', 'b'])).toBe(false);
  expect(isAlternating(['a'], ['a', 'b'])).toBe(false);
  expect(isAlternating([], ['a', 'b'])).toBe(false);
});
