import { describe, expect, it } from 'vitest';
import type { BfdCheckConfig } from '../../src/config/model-lvs.ts';
import { probeBfd } from '../../src/health/bfd.ts';
import { type BfdReading, NOTHING_OUTSIDE } from '../../src/health/outside.ts';
import type { ProbeResult } from '../../src/health/probe.ts';
import { span } from '../fake/configs.ts';

const target: BfdCheckConfig = {
  kind: 'BFD_CHECK',
  span,
  name: 'peer',
  delayLoopMs: 60_000,
  retry: 0,
  delayBeforeRetryMs: 0,
  warmupMs: 0,
  alpha: false,
};
const clock = { monotonicMs: () => 0, realtimeMs: () => 0 };

function probe(reading: BfdReading | undefined): Promise<ProbeResult> {
  const outside = { ...NOTHING_OUTSIDE, bfdReading: () => reading };
  return probeBfd(target, { signal: new AbortController().signal, clock, outside });
}

describe('BFD_CHECK', () => {
  it.each([
    ['up', 'pass', undefined],
    ['down', 'fail', 'BFD_DOWN'],
    ['unknown', 'inconclusive', 'BFD_UNKNOWN'],
  ] as const)('of a session that is %s: %s', async (state, kind, reason) => {
    const result = await probe({ state, reason: 'why' });
    expect(result).toEqual({
      kind,
      detail: 'why',
      durationMs: 0,
      ...(reason === undefined ? {} : { reason }),
    });
  });

  it('of a session that nobody has told of yet says nothing about the server', async () => {
    expect(await probe(undefined)).toMatchObject({ kind: 'inconclusive', reason: 'BFD_UNKNOWN' });
  });
});
