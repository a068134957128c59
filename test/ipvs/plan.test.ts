import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { serviceName } from '../../src/config/names.ts';
import {
  applyPlan,
  destinationName,
  foreignServices,
  type Operation,
  planTable,
} from '../../src/ipvs/plan.ts';
import type { Service, ServiceName, Table } from '../../src/ipvs/types.ts';
import { arbitraryTable, server, service, table } from './tables.ts';

const WEB = 'tcp 10.50.0.1:80';

/** A plan as lines: what is done to whom and why. */
function lines(operations: readonly Operation[]): string[] {
  return operations.map((operation) => {
    const target = 'destination' in operation ? ` ${destinationName(operation.destination)}` : '';
    return `${operation.kind} ${serviceName(operation.service)}${target}: ${operation.reason}`;
  });
}

function web(...rest: Parameters<typeof service> extends [string, number, ...infer R] ? R : never) {
  return service('10.50.0.1', 80, ...rest);
}

describe('a row of the specification', () => {
  test('a wanted service that is not there is added before its servers', () => {
    const desired = table(web([server('10.0.0.1', 80), server('10.0.0.2', 80)]));
    expect(lines(planTable(desired, new Map(), new Set()))).toEqual([
      'addService tcp 10.50.0.1:80: not in the kernel',
      'addServer tcp 10.50.0.1:80 10.0.0.1:80: not in the kernel',
      'addServer tcp 10.50.0.1:80 10.0.0.2:80: not in the kernel',
    ]);
  });

  test("a wanted service that is somebody else's is left as it is, and named", () => {
    const desired = table(web([server('10.0.0.1', 80)]));
    const actual = table(web([server('10.0.0.9', 80)], { scheduler: 'wlc' }));
    expect(planTable(desired, actual, new Set())).toEqual([]);
    expect(foreignServices(desired, actual, new Set())).toEqual([WEB]);
    expect(foreignServices(desired, actual, new Set([WEB]))).toEqual([]);
  });

  test('an owned service that is no longer wanted is deleted, and nothing else', () => {
    const actual = table(web([server('10.0.0.1', 80)]), service('10.50.0.2', 80));
    expect(lines(planTable(new Map(), actual, new Set([WEB])))).toEqual([
      'deleteService tcp 10.50.0.1:80: not wanted',
    ]);
  });

  test('a scheduler change is an edit in place', () => {
    const desired = table(web([server('10.0.0.1', 80)], { scheduler: 'wlc', timeoutS: 60 }));
    const actual = table(web([server('10.0.0.1', 80)]));
    expect(lines(planTable(desired, actual, new Set([WEB])))).toEqual([
      'editService tcp 10.50.0.1:80: scheduler rr -> wlc, persistence timeout 0 -> 60',
    ]);
  });

  test('a forwarding change is an edit of the server, together with its weight', () => {
    const desired = table(
      web([server('10.0.0.1', 80, { forwardingMethod: 'masq' })]),
      service('10.50.0.2', 80, [server('10.0.0.1', 80, { forwardingMethod: 'masq', weight: 3 })]),
    );
    const actual = table(
      web([server('10.0.0.1', 80)]),
      service('10.50.0.2', 80, [server('10.0.0.1', 80)]),
    );
    expect(lines(planTable(desired, actual, new Set(desired.keys())))).toEqual([
      'raiseWeight tcp 10.50.0.2:80 10.0.0.1:80: weight 1 -> 3, forwarding droute -> masq',
      'editServer tcp 10.50.0.1:80 10.0.0.1:80: forwarding droute -> masq',
    ]);
  });
});

test('a plan makes before it breaks, service by service and server by server', () => {
  const desired = table(
    web([
      server('10.0.0.5', 80, { weight: 5 }),
      server('10.0.0.4', 80, { upperThreshold: 9 }),
      server('10.0.0.3', 80, { weight: 0 }),
      server('10.0.0.1', 80),
    ]),
    service('10.50.0.3', 443),
  );
  const actual = table(
    service('10.50.0.2', 80),
    web(
      ['10.0.0.5', '10.0.0.4', '10.0.0.3', '10.0.0.2'].map((text) => server(text, 80)),
      { scheduler: 'wrr' },
    ),
  );
  const owned = new Set(actual.keys());
  const plan = lines(planTable(desired, actual, owned));
  expect(plan).toEqual([
    'addService tcp 10.50.0.3:443: not in the kernel',
    'addServer tcp 10.50.0.1:80 10.0.0.1:80: not in the kernel',
    'raiseWeight tcp 10.50.0.1:80 10.0.0.5:80: weight 1 -> 5',
    'editService tcp 10.50.0.1:80: scheduler wrr -> rr',
    'editServer tcp 10.50.0.1:80 10.0.0.4:80: upper threshold 0 -> 9',
    'lowerWeight tcp 10.50.0.1:80 10.0.0.3:80: weight 1 -> 0',
    'deleteServer tcp 10.50.0.1:80 10.0.0.2:80: not wanted',
    'deleteService tcp 10.50.0.2:80: not wanted',
  ]);
  const reversed = (each: Table): Table => new Map([...each].reverse());
  expect(lines(planTable(reversed(desired), reversed(actual), owned))).toEqual(plan);
});

describe('a law', () => {
  /** Two tables, and which of the services in them are ours. */
  const situation = fc
    .tuple(arbitraryTable, arbitraryTable, fc.func(fc.boolean()))
    .map(([desired, actual, isOwned]) => ({
      desired,
      actual,
      owned: new Set<ServiceName>([...actual.keys()].filter((name) => isOwned(name))),
    }));

  test('after a plan is applied there is nothing left to do', () => {
    fc.assert(
      fc.property(situation, ({ desired, actual, owned }) => {
        const result = applyPlan(actual, planTable(desired, actual, owned));
        const ours = new Set([
          ...owned,
          ...[...desired.keys()].filter((name) => !actual.has(name)),
        ]);
        expect(planTable(desired, result, ours)).toEqual([]);
      }),
    );
  });

  test('an owned table becomes the wanted one, field by field', () => {
    fc.assert(
      fc.property(arbitraryTable, arbitraryTable, (desired, actual) => {
        const plan = planTable(desired, actual, new Set(actual.keys()));
        expect(sorted(applyPlan(actual, plan))).toEqual(sorted(desired));
      }),
    );
  });

  test('every prefix leaves each service at least min(before, after) live servers', () => {
    fc.assert(
      fc.property(situation, ({ desired, actual, owned }) => {
        const plan = planTable(desired, actual, owned);
        const after = applyPlan(actual, plan);
        let now = actual;
        for (const operation of plan) {
          now = applyPlan(now, [operation]);
          for (const name of actual.keys()) {
            const floor = Math.min(live(actual.get(name)), live(after.get(name)));
            expect(live(now.get(name))).toBeGreaterThanOrEqual(floor);
          }
        }
      }),
    );
  });

  test("somebody else's service is never touched", () => {
    fc.assert(
      fc.property(situation, ({ desired, actual, owned }) => {
        const after = applyPlan(actual, planTable(desired, actual, owned));
        for (const [name, each] of actual) {
          if (!owned.has(name)) expect(after.get(name)).toBe(each);
        }
      }),
    );
  });
});

test('applying a plan made from another table throws', () => {
  const desired = table(web([server('10.0.0.1', 80)]));
  const plan = planTable(desired, new Map(), new Set());
  expect(() => applyPlan(desired, plan)).toThrow('tcp 10.50.0.1:80 is there already');
  expect(() => applyPlan(new Map(), plan.slice(1))).toThrow('addServer without tcp 10.50.0.1:80');
});

function live(each: Service | undefined): number {
  return (each?.destinations ?? []).filter(({ weight }) => weight > 0).length;
}

/** The same table in one order, for comparing. */
function sorted(each: Table): unknown {
  return [...each.values()]
    .map(({ destinations, ...rest }) => ({
      ...rest,
      destinations: [...destinations].sort((a, b) =>
        destinationName(a) < destinationName(b) ? -1 : 1,
      ),
    }))
    .sort((a, b) => (serviceName(a) < serviceName(b) ? -1 : 1));
}
