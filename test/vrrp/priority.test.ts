/** The tracking arithmetic of reference section 2.3. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Trackers, TrackLine } from '../../src/config/model-vrrp.ts';
import {
  CONTRIBUTION_MAX,
  type Tracking,
  type TrackingInput,
  trackedPriority,
} from '../../src/vrrp/priority.ts';
import type { TrackerState } from '../../src/vrrp/tracker-state.ts';

const span = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };

function line(name: string, weight?: number, isReversed?: boolean): TrackLine {
  return {
    span,
    name,
    ...(weight === undefined ? {} : { weight }),
    ...(isReversed === undefined ? {} : { isReversed }),
  };
}

function trackers(lines: Partial<Trackers>): Trackers {
  const none = { scripts: [], interfaces: [], processes: [], files: [], bfds: [] };
  return { ...none, virtualServers: [], ...lines };
}

function track(input: Partial<TrackingInput>, states: readonly TrackerState[] = []): Tracking {
  return trackedPriority({
    priority: 100,
    trackers: undefined,
    group: undefined,
    blocks: {},
    stateOf: (kind, name) => states.find((one) => one.kind === kind && one.name === name),
    isLinkUp: () => true,
    ...input,
  });
}

function script(isUp: boolean): TrackerState {
  return { kind: 'script', name: 'chk', isUp, reason: isUp ? 'exit status 0' : 'exit status 1' };
}

function file(value: number): TrackerState {
  return { kind: 'file', name: 'load', isUp: true, value, reason: `${value}` };
}

describe('one thing with a weight', () => {
  it.each([
    // weight, reverse, up: effective priority, faults
    [20, false, true, 120, 0],
    [20, false, false, 100, 0],
    [-20, false, true, 100, 0],
    [-20, false, false, 80, 0],
    [20, true, true, 100, 0],
    [20, true, false, 120, 0],
    [-20, true, true, 80, 0],
    [-20, true, false, 100, 0],
    [0, false, true, 100, 0],
    [0, false, false, 100, 1],
    [0, true, true, 100, 1],
    [0, true, false, 100, 0],
  ])('%i reverse %s up %s', (weight, isReversed, isUp, priority, faults) => {
    const tracked = track({ trackers: trackers({ scripts: [line('chk', weight, isReversed)] }) }, [
      script(isUp),
    ]);
    expect(tracked.priority).toBe(priority);
    expect(tracked.faults).toHaveLength(faults);
  });

  it.each([
    // weight, value: effective priority, fault
    [1, 30, 130, false],
    [1, -30, 70, false],
    [-2, 30, 40, false],
    [1, 1000, 254, false],
    [1, -253, 1, false],
    [1, -254, 1, true],
    [0, 0, 100, false],
    [0, 7, 100, true],
  ])('a file of weight %i with %i in it', (weight, value, priority, isFault) => {
    const tracked = track({ trackers: trackers({ files: [line('load', weight)] }) }, [file(value)]);
    expect(tracked.priority).toBe(priority);
    expect(tracked.faults).toEqual(isFault ? ['file load'] : []);
  });
});

describe('what is not known', () => {
  const scripts = { scripts: [line('chk')] };

  it('contributes nothing and is no fault, whatever the weight', () => {
    for (const weight of [0, 20, -20]) {
      const tracked = track({ trackers: trackers({ scripts: [line('chk', weight)] }) });
      expect(tracked).toMatchObject({ priority: 100, faults: [] });
    }
  });

  it('has failed with init_fail', () => {
    const vrrpScripts = [
      {
        name: 'chk',
        span,
        probe: { kind: 'readable', path: '/x' },
        intervalMs: 1000,
        timeoutMs: 1000,
        rise: 1,
        fall: 1,
        startsFailed: true,
        weight: 0,
        isReversed: false,
      },
    ] as const;
    const blocks = { vrrpScripts };
    expect(track({ trackers: trackers(scripts), blocks }).faults).toEqual(['script chk']);
    const known = track({ trackers: trackers(scripts), blocks }, [script(true)]);
    expect(known.faults).toEqual([]);
  });

  it('an interface that is not there is down', () => {
    const lines = trackers({ interfaces: [line('eth9')] });
    expect(track({ trackers: lines, isLinkUp: () => false }).faults).toEqual(['interface eth9']);
  });
});

describe('a sync group', () => {
  const own = trackers({ scripts: [line('chk', 20)] });
  const shared = trackers({ interfaces: [line('eth1', -30)] });

  it("leaves members' weights out and counts its own", () => {
    const group = { trackers: shared, usesMemberWeights: false };
    const tracked = track({ trackers: own, group, isLinkUp: () => false }, [script(true)]);
    expect(tracked.priority).toBe(70);
  });

  it('with sync_group_tracking_weight counts both', () => {
    const group = { trackers: shared, usesMemberWeights: true };
    const tracked = track({ trackers: own, group, isLinkUp: () => false }, [script(true)]);
    expect(tracked.priority).toBe(90);
  });
});

describe('every combination', () => {
  const weight = fc.integer({ min: -254, max: 254 });
  const lines = fc.array(fc.tuple(weight, fc.boolean(), fc.boolean()), { maxLength: 8 });

  it('stays within 1..254, is 255 for an owner, and says what it is made of', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 255 }), lines, (priority, things) => {
        const scripts = things.map(([amount, isReversed], index) =>
          line(`s${index}`, amount, isReversed),
        );
        const states = things.map(
          ([, , isUp], index): TrackerState => ({
            kind: 'script',
            name: `s${index}`,
            isUp,
            reason: '',
          }),
        );
        const tracked = track({ priority, trackers: trackers({ scripts }) }, states);
        const sum = tracked.contributions.reduce((total, { amount }) => total + amount, priority);
        const clamped = Math.min(254, Math.max(1, sum));
        expect(tracked.priority).toBe(priority === 255 ? 255 : clamped);
        for (const { amount } of tracked.contributions) {
          expect(Math.abs(amount)).toBeLessThanOrEqual(CONTRIBUTION_MAX);
        }
      }),
    );
  });
});
