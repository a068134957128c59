import { describe, expect, it } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { ScriptOutcome } from '../../src/base/script-result.ts';
import type { VrrpScriptConfig } from '../../src/config/model-vrrp.ts';
import { ScriptTrackers } from '../../src/daemon/script-trackers.ts';
import { TrackerBoard } from '../../src/daemon/tracker-board.ts';
import { span } from '../fake/configs.ts';
import { FakeTime } from '../fake/fake-time.ts';

function script(name: string, changes: Partial<VrrpScriptConfig> = {}): VrrpScriptConfig {
  return {
    name,
    span,
    probe: { kind: 'run', command: { path: `/bin/${name}`, args: [] } },
    intervalMs: 1_000,
    timeoutMs: 1_000,
    rise: 1,
    fall: 1,
    weight: 0,
    isReversed: false,
    startsFailed: false,
    ...changes,
  };
}

function setUp() {
  const time = new FakeTime();
  const log: string[] = [];
  const ends = new Map<string, (outcome: ScriptOutcome) => void>();
  const trackers = new ScriptTrackers({
    clock: time.clock,
    log: silentLog,
    setTimer: time.setTimer,
    run: ({ name }) => {
      log.push(`${time.nowMs - 1_000_000} run ${name}`);
      const { promise, resolve } = Promise.withResolvers<ScriptOutcome>();
      ends.set(name, resolve);
      return {
        result: promise.then((outcome) => ({ outcome, tookMs: 5, stderr: '' })),
        kill: () => log.push(`kill ${name}`),
      };
    },
    onState: ({ name, isUp, reason }) => log.push(`${name} ${isUp ? 'up' : 'down'}: ${reason}`),
  });
  const end = async (name: string, code = 0): Promise<void> => {
    ends.get(name)?.({ kind: 'exited', code });
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  const since = (): string[] => log.splice(0);
  return { time, trackers, end, since };
}

describe('ScriptTrackers', () => {
  it('runs at once, then at its interval, and says what came of it', async () => {
    const { time, trackers, end, since } = setUp();
    trackers.configure([script('a')], false);
    expect(since()).toEqual(['a up: has not run yet', '0 run a']);
    await end('a', 2);
    expect(since()).toEqual(['a down: exit status 2']);
    time.advance(999);
    expect(since()).toEqual([]);
    time.advance(1);
    expect(since()).toEqual(['1000 run a']);
  });

  it('does not run a script that still runs, and catches up without a pile', async () => {
    const { time, trackers, end, since } = setUp();
    trackers.configure([script('a')], false);
    time.advance(3_500);
    expect(since()).toEqual(['a up: has not run yet', '0 run a']);
    await end('a');
    time.advance(0);
    expect(since()).toEqual(['a up: exit status 0', '3500 run a']);
  });

  it('spreads the second runs over the interval', async () => {
    const { time, trackers, end, since } = setUp();
    trackers.configure([script('a'), script('b')], false);
    await end('a');
    await end('b');
    since();
    time.advance(500);
    expect(since()).toEqual(['500 run a']);
    time.advance(500);
    expect(since()).toEqual(['1000 run b']);
  });

  it('a reload keeps verdict and runs, kills what is gone, runs what is new', async () => {
    const { trackers, end, since } = setUp();
    trackers.configure([script('a'), script('b')], false);
    await end('a', 1);
    since();
    trackers.configure([script('a', { weight: -20, fall: 3 }), script('c')], false);
    expect(since()).toEqual(['kill b', 'c up: has not run yet', '0 run c']);
    await end('b');
    expect(since()).toEqual([]);
  });

  it('another command under the same name keeps the verdict until its first result', async () => {
    const { trackers, end, since } = setUp();
    trackers.configure([script('a', { rise: 3 })], false);
    await end('a', 1);
    since();
    const probe = { kind: 'readable', path: '/x' } as const;
    trackers.configure([script('a', { rise: 3, probe })], false);
    expect(since()).toEqual(['a down: has not run yet', '0 run a']);
    await end('a');
    expect(since()).toEqual(['a up: exit status 0']);
  });

  it('first results are waited for, but not for ever', async () => {
    const { time, trackers, end } = setUp();
    trackers.configure([script('a'), script('b')], false);
    let done = false;
    void trackers.firstResults(2_000).then(() => {
      done = true;
    });
    await end('a');
    expect(done).toBe(false);
    expect(trackers.unknown()).toEqual(['b']);
    time.advance(2_000);
    await end('a');
    expect(done).toBe(true);
  });

  it('says when the last run was and how it ended', async () => {
    const { trackers, end } = setUp();
    trackers.configure([script('a')], false);
    await end('a', 4);
    expect(trackers.lastRun('a')).toMatchObject({ outcome: 'exit status 4', tookMs: 5 });
  });
});

describe('TrackerBoard', () => {
  it('tells a change of state or value from a change of words', () => {
    const board = new TrackerBoard();
    const state = { kind: 'file', name: 'f', isUp: true, value: 1, reason: 'a' } as const;
    expect(board.set(state)).toBe(true);
    expect(board.set({ ...state, reason: 'b' })).toBe(false);
    expect(board.set({ ...state, value: 2 })).toBe(true);
    expect(board.set({ ...state, value: 2, isUp: false })).toBe(true);
    expect(board.get('file', 'f')?.isUp).toBe(false);
    expect(board.get('script', 'f')).toBeUndefined();
    board.keepOnly('script', new Set());
    expect(board.all()).toHaveLength(1);
    board.keepOnly('file', new Set());
    expect(board.all()).toEqual([]);
  });
});
