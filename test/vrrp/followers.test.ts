import { describe, expect, test } from 'vitest';
import { readRoutingNames } from '../../src/kernel/routing-names.ts';
import {
  type Following,
  type FollowOperation,
  NOTHING_FOLLOWS,
  planFollowing,
} from '../../src/vrrp/followers.ts';
import { routeSpec, ruleSpec } from '../../src/vrrp/route-specs.ts';
import { compile } from '../config/compile-fixture.ts';

const context = { names: readRoutingNames([]), ifindex: (): number => 3 };

function following(routes: readonly string[], rules: readonly string[] = []): Following {
  const text = `static_routes {\n${routes.join('\n')}\n}\nstatic_rules {\n${rules.join('\n')}\n}\n`;
  const { config } = compile(text);
  return {
    routes: (config?.staticRoutes ?? []).map((route) => {
      const result = routeSpec(route, context);
      if (!result.ok) throw new Error(result.detail);
      return { spec: result.spec, mode: result.mode, isTracked: route.isTracked };
    }),
    rules: (config?.staticRules ?? []).map((rule) => {
      const result = ruleSpec(rule, context);
      if (!result.ok) throw new Error(result.detail);
      return { spec: result.spec, isTracked: rule.isTracked };
    }),
  };
}

const told = (operations: readonly FollowOperation[]): readonly string[] =>
  operations.map((operation) => {
    const what =
      'route' in operation
        ? operation.route.spec.destination.address.text
        : operation.rule.spec.priority;
    return `${operation.kind} ${what}`;
  });

describe('routes and rules that follow', () => {
  const both = following(
    ['10.1.0.0/16 via 10.0.0.9', '10.2.0.0/16 via 10.0.0.9 table 100'],
    ['from 10.0.0.1 table 100 priority 50'],
  );

  test('come routes first, and go rules first', () => {
    expect(told(planFollowing(NOTHING_FOLLOWS, both))).toEqual([
      'addRoute 10.1.0.0',
      'addRoute 10.2.0.0',
      'addRule 50',
    ]);
    expect(told(planFollowing(both, NOTHING_FOLLOWS))).toEqual([
      'removeRule 50',
      'removeRoute 10.2.0.0',
      'removeRoute 10.1.0.0',
    ]);
  });

  test('stay untouched where nothing is different', () => {
    expect(planFollowing(both, structuredClone(both))).toEqual([]);
  });

  test('are replaced in place where only the way is another, and a reload adds before it removes', () => {
    const next = following(
      ['10.1.0.0/16 via 10.0.0.8', '10.3.0.0/16 via 10.0.0.9'],
      ['from 10.0.0.2 table 100 priority 60'],
    );
    expect(told(planFollowing(both, next))).toEqual([
      'replaceRoute 10.1.0.0',
      'addRoute 10.3.0.0',
      'addRule 60',
      'removeRule 50',
      'removeRoute 10.2.0.0',
    ]);
  });

  test.each([
    [{ table: 'nowhere' }, /the table 'nowhere'/],
    [{ options: [{ name: 'protocol', values: ['nobody'] }] }, /the protocol 'nobody'/],
  ])('a name that went since the file was checked is a fault in words: %j', (changed, fault) => {
    const [route] =
      compile('static_routes {\n10.1.0.0/16 via 10.0.0.9\n}\n').config?.staticRoutes ?? [];
    if (route === undefined) throw new Error('no route');
    const result = routeSpec({ ...route, ...changed }, context);
    expect(result.ok ? '' : result.detail).toMatch(fault);
  });

  test('an interface that is not there is a fault in words', () => {
    const [route] =
      compile('static_routes {\n10.1.0.0/16 dev gone\n}\n').config?.staticRoutes ?? [];
    if (route === undefined) throw new Error('no route');
    const nowhere = { ...context, ifindex: () => undefined };
    expect(routeSpec(route, nowhere)).toEqual({ ok: false, detail: 'there is no interface gone' });
  });

  test('times and locks are in the units of the kernel', () => {
    const line =
      '10.1.0.0/16 via 10.0.0.9 rtt 200ms rttvar 1s rto_min 5ms mtu lock 1400 realms 5/6';
    const [route] = following([line]).routes;
    expect(route?.spec).toMatchObject({
      realms: 0x50006,
      metrics: [
        { number: 2, value: 1400, isLocked: true },
        { number: 4, value: 1600, isLocked: false },
        { number: 5, value: 4000, isLocked: false },
        { number: 13, value: 5, isLocked: false },
      ],
    });
  });
});
