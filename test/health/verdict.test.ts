import { describe, expect, it } from 'vitest';
import type { ProbeResult } from '../../src/health/probe.ts';
import {
  type CheckerState,
  INCONCLUSIVE_RETRY_MAX_MS,
  initialState,
  type JudgeConfig,
  judge,
} from '../../src/health/verdict.ts';
import { fail, inconclusive, pass } from '../fake/probes.ts';
import { checkedServers } from './configs.ts';
import { Stage } from './stage.ts';

const A = '10.0.0.1';

const config: JudgeConfig = { delayLoopMs: 10_000, retry: 2, delayBeforeRetryMs: 1000 };

const LETTERS: Readonly<Record<string, ProbeResult>> = {
  '+': pass,
  '-': fail(),
  '?': inconclusive,
};

/**
 * Plays results (`+` pass, `-` fail, `?` inconclusive), each known 1 ms after its check was due, and writes
 * the verdict after each as U or D with the wait that follows.
 */
function play(results: string, isUp: boolean, changes: Partial<JudgeConfig> = {}): string {
  let state = initialState(isUp, 0);
  const lines: string[] = [];
  for (const letter of results) {
    const result = LETTERS[letter];
    if (result === undefined) throw new Error(`Not a result: ${letter}`);
    const judgement = judge({ ...config, ...changes }, state, result, state.dueMs + 1);
    expect(judgement.change?.isUp).toBe(
      judgement.state.isUp === state.isUp ? undefined : judgement.state.isUp,
    );
    state = judgement.state;
    lines.push(`${state.isUp ? 'U' : 'D'}${judgement.nextCheckInMs}`);
  }
  return lines.join(' ');
}

describe('verdict', () => {
  const table: readonly [rule: string, isUp: boolean, results: string, expected: string][] = [
    ['a passing server stays up at every interval', true, '++', 'U9999 U9999'],
    ['the first failure after the start is final', true, '-', 'D9999'],
    ['a failure later is retried, then it is down', true, '+---', 'U9999 U1000 U1000 D9999'],
    [
      'a pass between gives all retries back',
      true,
      '+--+---',
      'U9999 U1000 U1000 U9999 U1000 U1000 D9999',
    ],
    ['one success restores', true, '--+', 'D9999 D9999 U9999'],
    ['a restored server has its retries again', true, '-+-', 'D9999 U9999 U1000'],
    ['alpha is down until the first success', false, '-+', 'D9999 U9999'],
    ['inconclusive moves nothing and backs off', true, '+???', 'U9999 U500 U1000 U2000'],
    [
      'inconclusive neither uses nor returns a retry',
      true,
      '+-?--',
      'U9999 U1000 U500 U1000 D9999',
    ],
    ['inconclusive first is no first run', true, '?-', 'U500 D9999'],
    ['inconclusive keeps an alpha server down', false, '?+', 'D500 U9999'],
    ['the back-off starts anew after a result', true, '??+?', 'U500 U1000 U9999 U500'],
  ];
  it.each(table)('%s', (_rule, isUp, results, expected) => {
    expect(play(results, isUp)).toBe(expected);
  });

  it('is down at the first failure when retry is 0', () => {
    expect(play('+-', true, { retry: 0 })).toBe('U9999 D9999');
  });

  it('never waits longer after an inconclusive check than after any other', () => {
    expect(play('??', true, { delayLoopMs: 700 })).toBe('U500 U700');
    expect(play('?'.repeat(12), true, { delayLoopMs: 600_000 })).toMatch(
      new RegExp(`U${INCONCLUSIVE_RETRY_MAX_MS}$`),
    );
  });

  it('gives the reason and the detail of the failure that decided', () => {
    const ran: CheckerState = { ...initialState(true, 0), hasRun: true, retriesUsed: 2 };
    const { change } = judge(config, ran, fail('BAD_STATUS'), 5);
    expect(change).toEqual({ isUp: false, reason: 'BAD_STATUS', detail: 'it was BAD_STATUS' });
  });

  it('counts failures in a row, also while down', () => {
    let state = initialState(true, 0);
    for (let count = 1; count <= 3; count += 1) {
      state = judge(config, state, fail(), state.dueMs).state;
      expect(state.consecutiveFailures).toBe(count);
    }
    expect(judge(config, state, pass, state.dueMs).state.consecutiveFailures).toBe(0);
  });
});

describe('intervals', () => {
  const ran = (dueMs: number): CheckerState => ({ ...initialState(true, dueMs), hasRun: true });

  it('count from the moment the check was due, however long it took', () => {
    expect(judge(config, ran(1000), pass, 5999).state.dueMs).toBe(11_000);
  });

  it('leave out the points that passed while a check ran', () => {
    const { state, nextCheckInMs } = judge(config, ran(1000), pass, 31_500);
    expect(state.dueMs).toBe(41_000);
    expect(nextCheckInMs).toBe(9500);
  });

  it('do not drift over a thousand checks that each start 3 ms late', () => {
    let state = ran(7);
    for (let count = 0; count < 1000; count += 1) {
      state = judge(config, state, pass, state.dueMs + 3).state;
    }
    expect(state.dueMs).toBe(7 + 1000 * config.delayLoopMs);
  });

  it('count retries from the end of the failed attempt', () => {
    expect(judge(config, ran(1000), fail(), 6000).state.dueMs).toBe(7000);
  });

  it('of 0 are no busy loop', () => {
    const { nextCheckInMs } = judge({ ...config, delayLoopMs: 0 }, ran(0), pass, 0.5);
    expect(nextCheckInMs).toBeCloseTo(0.5);
  });
});

describe('pacing', () => {
  const table: readonly [
    rule: string,
    changes: Partial<JudgeConfig>,
    isUp: boolean,
    results: string,
    expected: string,
  ][] = [
    [
      'rise wants so many passes in a row',
      { rise: 3 },
      false,
      '++-+++',
      'D9999 D9999 D9999 D9999 D9999 U9999',
    ],
    ['rise is of no matter to one that is up', { rise: 3 }, true, '++', 'U9999 U9999'],
    [
      'fall wants so many failures in a row, each after its retries',
      { fall: 2, retry: 1 },
      true,
      '+----',
      'U9999 U1000 U9999 U1000 D9999',
    ],
    [
      'a pass in between starts the count of fall anew',
      { fall: 2, retry: 0 },
      true,
      '+-+--',
      'U9999 U9999 U9999 U9999 D9999',
    ],
    ['the first check ever decides alone whatever fall is', { fall: 5 }, true, '-', 'D9999'],
    [
      'fast_interval is the pace while fall or rise counts',
      { fall: 2, rise: 2, retry: 0, fastIntervalMs: 2000 },
      true,
      '+--+++',
      'U9999 U1999 D9999 D1999 U9999 U9999',
    ],
    [
      'down_interval is the pace while down',
      { downIntervalMs: 3000 },
      true,
      '--+',
      'D2999 D2999 U9999',
    ],
    [
      'fast_interval goes before down_interval',
      { downIntervalMs: 30_000, fastIntervalMs: 500, rise: 2 },
      true,
      '-++',
      'D29999 D499 U9999',
    ],
    [
      'total_timeout leaves out retries that would end after it',
      { totalTimeoutMs: 1500 },
      true,
      '+--',
      'U9999 U1000 D9999',
    ],
    [
      'our own trouble takes no time of total_timeout',
      { totalTimeoutMs: 1500 },
      true,
      '+-???-',
      'U9999 U1000 U500 U1000 U2000 U1000',
    ],
  ];

  it.each(table)('%s', (_rule, changes, isUp, results, expected) => {
    expect(play(results, isUp, changes)).toBe(expected);
  });

  it('bounds the last attempt by what total_timeout leaves', async () => {
    const stage = new Stage();
    await stage.start(
      checkedServers([A], { retry: 3, connectTimeoutMs: 1000, totalTimeoutMs: 2500 }),
    );
    stage.tell(A, 'hang');
    await stage.time.advance(12_400);
    expect(stage.changes).toEqual([]);
    await stage.time.advance(200);
    // At 10,000 and 11,000 + 1,000; the second is cut off at 12,500.
    expect(stage.changes).toMatchObject([{ isUp: false }]);
  });
});
