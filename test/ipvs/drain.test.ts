import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Drain, type DrainInput, drainService } from '../../src/ipvs/drain.ts';
import { destinationName } from '../../src/ipvs/plan.ts';
import type { DestinationStatus, Service } from '../../src/ipvs/types.ts';
import { server, service } from './tables.ts';

const one = server('10.0.0.1', 80);
const two = server('10.0.0.2', 80);
const quiet = (each: typeof one) => ({ ...each, weight: 0 });
const counts = (
  activeConnections: number,
  inactiveConnections = 0,
  persistentConnections = 0,
): DestinationStatus => ({ activeConnections, inactiveConnections, persistentConnections });

const begun = (rest: Partial<Drain> = {}): ReadonlyMap<string, Drain> =>
  new Map([
    [
      '10.0.0.2:80',
      {
        service: 'tcp 10.50.0.1:80',
        server: '10.0.0.2:80',
        cause: 'removed',
        sinceMs: 1000,
        deadlineMs: 31_000,
        connections: 3,
        ...rest,
      },
    ],
  ]);

/** 10.0.0.2 has left a service that drains for 30 s, at 2 s. */
function drained(rest: Partial<DrainInput> = {}) {
  return drainService({
    wanted: service('10.50.0.1', 80, [one]),
    actual: service('10.50.0.1', 80, [one, two]),
    status: [counts(9), counts(3)],
    policy: { timeoutMs: 30_000, freesTemplates: false },
    drains: new Map(),
    hasFailed: () => false,
    nowMs: 2000,
    ...rest,
  });
}

const shown = (goal: Service | undefined): string | undefined =>
  goal?.destinations.map((each) => `${destinationName(each)}*${each.weight}`).join(' ');

describe('a server that leaves', () => {
  test('goes at once without a drain_timeout', () => {
    const wanted = service('10.50.0.1', 80, [one]);
    const { goal, drains } = drained({ wanted, policy: { timeoutMs: 0, freesTemplates: false } });
    expect(goal).toBe(wanted);
    expect(drains.size).toBe(0);
  });

  test('first gets weight 0, even without a connection: the count is from before', () => {
    const { goal, drains } = drained({ status: [counts(9), counts(0)] });
    expect(shown(goal)).toBe('10.0.0.1:80*1 10.0.0.2:80*0');
    expect([...drains.values()]).toEqual([
      {
        service: 'tcp 10.50.0.1:80',
        server: '10.0.0.2:80',
        cause: 'removed',
        sinceMs: 2000,
        deadlineMs: 32_000,
        connections: 0,
      },
    ]);
  });

  const actual = service('10.50.0.1', 80, [one, quiet(two)]);
  test.each([
    ['stays while it has connections', { status: [counts(9), counts(1)] }, true],
    [
      'goes with its last one, whatever lingers closed',
      { status: [counts(9), counts(0, 7)] },
      false,
    ],
    ['stays for the clients of a template', { status: [counts(9), counts(0, 0, 2)] }, true],
    [
      'does not wait for templates that the kernel frees',
      {
        status: [counts(9), counts(0, 0, 2)],
        policy: { timeoutMs: 30_000, freesTemplates: true },
      },
      false,
    ],
    ['goes at the deadline', { status: [counts(9), counts(3)], nowMs: 31_000 }, false],
    ['keeps the deadline it was given', { nowMs: 30_999 }, true],
  ] as const)('%s', (_title, rest, stays) => {
    const { goal, drains } = drained({ actual, drains: begun(), ...rest });
    expect(drains.size).toBe(stays ? 1 : 0);
    expect(shown(goal)).toBe(stays ? '10.0.0.1:80*1 10.0.0.2:80*0' : '10.0.0.1:80*1');
  });

  test('and is wanted again is as wanted, and its drain is forgotten', () => {
    const wanted = service('10.50.0.1', 80, [one, two]);
    const { goal, drains } = drained({ wanted, actual, drains: begun() });
    expect(goal).toBe(wanted);
    expect(drains.size).toBe(0);
  });

  test('of UDP waits for its flows, which the kernel counts as inactive', () => {
    const udp = service('10.50.0.1', 80, [quiet(two)], { protocol: 'udp' });
    const rest = { wanted: undefined, actual: udp, drains: begun() };
    expect(drained({ ...rest, status: [counts(0, 1)] }).drains.size).toBe(1);
    expect(drained({ ...rest, status: [counts(0, 0)] }).goal).toBeUndefined();
  });
});

describe('a server that has failed', () => {
  const hasFailed = () => true;

  test('is drained as well', () => {
    expect([...drained({ hasFailed }).drains.values()]).toMatchObject([{ cause: 'failed' }]);
  });

  test.each([
    ['UDP, whose flows weight 0 does not move', { protocol: 'udp' }, false],
    ['persistent, whose templates lead to it', { flags: 1, timeoutS: 300 }, false],
    ['persistent, where the kernel frees the templates', { flags: 1, timeoutS: 300 }, true],
  ] as const)('of a service that is %s', (title, settings, stays) => {
    const { drains } = drained({
      hasFailed,
      wanted: service('10.50.0.1', 80, [one], settings),
      actual: service('10.50.0.1', 80, [one, two], settings),
      policy: { timeoutMs: 30_000, freesTemplates: title.includes('frees') },
    });
    expect(drains.size).toBe(stays ? 1 : 0);
  });
});

test('a service that is removed stays until its last server has gone', () => {
  const gone = { wanted: undefined, status: [counts(1), counts(0)] };
  const { goal, drains } = drained(gone);
  expect(shown(goal)).toBe('10.0.0.1:80*0 10.0.0.2:80*0');
  const later = drained({ ...gone, actual: goal ?? service('10.50.0.1', 80), drains });
  expect(shown(later.goal)).toBe('10.0.0.1:80*0');
});

test('every drain ends: at the deadline nothing is left of it, whatever is counted', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(9), { minLength: 2, maxLength: 2 }),
      fc.nat(40_000),
      (open, nowMs) => {
        const status = open.map((count) => counts(count, count, count));
        const first = drained({ status });
        const actual = first.goal ?? service('10.50.0.1', 80);
        const { drains } = drained({ status, actual, drains: first.drains, nowMs: 2000 + nowMs });
        if (nowMs >= 30_000) expect(drains.size).toBe(0);
        else expect(drains.size).toBe((open[1] ?? 0) > 0 ? 1 : 0);
      },
    ),
  );
});
