import { expect, test } from 'vitest';
import { formatStep, formatSummary, type ScenarioResult } from '../../src/drill/report.ts';

const CRASH: ScenarioResult = {
  name: 'master-kill',
  ok: true,
  takeoverMs: 3_412,
  outageMs: 3_400,
  requests: 260,
  failedRequests: 170,
  steps: [],
};
const FAILURE: ScenarioResult = {
  name: 'server-failure',
  ok: false,
  takeoverMs: null,
  outageMs: null,
  requests: 0,
  failedRequests: 0,
  steps: [],
};

test('a step is one line', () => {
  const step = { name: 'VIP on director2', ok: true, detail: 'after 3,412 ms', ms: 3_412 };
  expect(formatStep('master-kill', step, false)).toBe(
    '✓ master-kill: VIP on director2: after 3,412 ms',
  );
  expect(formatStep('master-kill', { ...step, ok: false }, true)).toContain('\u001b[31m✗');
});

test('the table has a row for each scenario and program, numbers to the right', () => {
  const peer = { ...CRASH, takeoverMs: 3_274, failedRequests: 9 };
  const programs = [
    { name: 'lvsd', scenarios: [FAILURE, CRASH] },
    { name: 'keepalived', scenarios: [peer] },
  ];
  expect(formatSummary(programs, false)).toBe(`\
  scenario         director     takeover     outage   requests   failed
✗ server-failure   lvsd                -          -          0        0
✓ master-kill      lvsd         3,412 ms   3,400 ms        260      170
✓ master-kill      keepalived   3,274 ms   3,400 ms        260        9
`);
});
