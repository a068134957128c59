import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RouteConfig, RuleConfig } from '../../src/config/model-vrrp.ts';
import { compile } from '../config/compile-fixture.ts';
import { isRoot, Namespace, type Program, ROOT_REASON } from './namespace.ts';
import type { RoutingCommand } from './programs/routing-table.ts';

/** One line of static_routes or static_rules, as the configuration makes it. */
function routeOf(line: string): RouteConfig {
  const [route] = compile(`static_routes {\n${line}\n}\n`).config?.staticRoutes ?? [];
  if (route === undefined) throw new Error(line);
  return route;
}

function ruleOf(line: string): RuleConfig {
  const [rule] = compile(`static_rules {\n${line}\n}\n`).config?.staticRules ?? [];
  if (rule === undefined) throw new Error(line);
  return rule;
}

describe.runIf(isRoot)(`routes and rules (${ROOT_REASON})`, () => {
  let namespace: Namespace;
  let table: Program;

  beforeEach(async () => {
    namespace = Namespace.create();
    namespace.connect('left', namespace, 'right');
    namespace.ip('addr', 'add', '10.9.0.1/24', 'dev', 'left');
    namespace.ip('addr', 'add', 'fd09::1/64', 'dev', 'left', 'nodad');
    table = namespace.start('routing-table');
    await table.next('ready');
  });

  afterEach(async () => {
    await table.kill();
    namespace.remove();
  });

  const ask = (command: RoutingCommand): Promise<unknown> => table.ask({ ...command });
  const CHANGED = { ok: true, changed: true };
  const UNCHANGED = { ok: true, changed: false };

  /** `ip -j route` of every table but the local one. */
  const routes = (family: '-4' | '-6' = '-4'): readonly Record<string, unknown>[] =>
    JSON.parse(namespace.ip('-j', '-d', family, 'route', 'show', 'table', 'all')).filter(
      (route: { table?: string; protocol?: string }) => route.protocol === '112',
    );
  const rules = (family: '-4' | '-6' = '-4'): readonly Record<string, unknown>[] =>
    JSON.parse(namespace.ip('-j', '-d', family, 'rule', 'show')).filter(
      (rule: { protocol?: string }) => rule.protocol === '112',
    );

  test.each([
    ['10.20.0.0/16 via 10.9.0.254 dev left', { dst: '10.20.0.0/16', gateway: '10.9.0.254' }],
    [
      'src 10.9.0.1 to 10.20.0.0/16 via 10.9.0.254 table 100 metric 7 mtu lock 1400 advmss 1200',
      {
        dst: '10.20.0.0/16',
        prefsrc: '10.9.0.1',
        table: '100',
        metric: 7,
        metrics: [{ mtu: 1400, advmss: 1200 }],
      },
    ],
    ['10.21.0.0/16 dev left scope link tos 8', { dst: '10.21.0.0/16', scope: 'link', dev: 'left' }],
    ['blackhole 10.22.0.0/16', { type: 'blackhole', dst: '10.22.0.0/16' }],
    ['unreachable default metric 4000', { type: 'unreachable', dst: 'default', metric: 4000 }],
    ['10.23.0.0/16 via 10.99.0.1 dev left onlink', { gateway: '10.99.0.1', flags: ['onlink'] }],
    [
      '10.24.0.0/16 nexthop via 10.9.0.2 dev left weight 3 nexthop via 10.9.0.3 dev left',
      {
        nexthops: [
          expect.objectContaining({ gateway: '10.9.0.2', weight: 3 }),
          expect.objectContaining({ gateway: '10.9.0.3', weight: 1 }),
        ],
      },
    ],
    [
      '10.25.0.0/16 via 10.9.0.2 or 10.9.0.3 dev left',
      { nexthops: [expect.anything(), expect.anything()] },
    ],
    [
      '10.26.0.0/16 via 10.9.0.2 rtt 200ms rto_min 5ms hoplimit 9 quickack 1 initcwnd 20',
      { metrics: [expect.objectContaining({ hoplimit: 9, quickack: 1, initcwnd: 20 })] },
    ],
    ['10.27.0.0/16 via inet6 fd09::2 dev left', undefined],
  ] as const)('%s is there as `ip route` sees it, and goes again', async (line, seen) => {
    if (seen === undefined) {
      expect(() => routeOf(line)).toThrow();
      return;
    }
    const route = routeOf(line);
    expect(await ask({ do: 'addRoute', route })).toEqual(CHANGED);
    expect(routes()).toEqual([expect.objectContaining(seen)]);
    expect(await ask({ do: 'addRoute', route })).toEqual(UNCHANGED);
    expect(await ask({ do: 'removeRoute', route })).toEqual(CHANGED);
    expect(routes()).toEqual([]);
    expect(await ask({ do: 'removeRoute', route })).toEqual(UNCHANGED);
  });

  test.each([
    ['2001:db8::/32 via fd09::2 dev left', { dst: '2001:db8::/32', gateway: 'fd09::2' }],
    [
      'default via fd09::2 dev left metric 77 pref high',
      { dst: 'default', metric: 77, pref: 'high' },
    ],
    ['2001:db8:1::/48 via fd09::2 dev left expires 1000', { dst: '2001:db8:1::/48' }],
    ['unreachable 2001:db8:2::/48', { type: 'unreachable' }],
  ])('%s is there for IPv6, and goes again', async (line, seen) => {
    const route = routeOf(line);
    expect(await ask({ do: 'addRoute', route })).toEqual(CHANGED);
    expect(routes('-6')).toEqual([expect.objectContaining(seen)]);
    expect(await ask({ do: 'addRoute', route })).toEqual(UNCHANGED);
    expect(await ask({ do: 'removeRoute', route })).toEqual(CHANGED);
    expect(routes('-6')).toEqual([]);
  });

  test('an IPv4 route over an IPv6 gateway', async () => {
    const route = routeOf('10.27.0.0/16 via fd09::2 dev left');
    expect(await ask({ do: 'addRoute', route })).toEqual(CHANGED);
    expect(routes()).toEqual([
      expect.objectContaining({ via: { family: 'inet6', host: 'fd09::2' } }),
    ]);
    expect(await ask({ do: 'removeRoute', route })).toEqual(CHANGED);
  });

  test("somebody else's route to the same place stays, and is told apart", async () => {
    namespace.ip('route', 'add', '10.20.0.0/16', 'via', '10.9.0.9');
    const route = routeOf('10.20.0.0/16 via 10.9.0.254 dev left');
    expect(await ask({ do: 'addRoute', route })).toMatchObject({ ok: false, code: 'FOREIGN' });
    expect(await ask({ do: 'removeRoute', route })).toEqual(UNCHANGED);
    expect(namespace.ip('route', 'show', '10.20.0.0/16')).toContain('10.9.0.9');
  });

  test('a route is replaced without a moment in which there is none', async () => {
    await ask({ do: 'addRoute', route: routeOf('10.20.0.0/16 via 10.9.0.254 dev left') });
    await ask({ do: 'addRoute', route: routeOf('10.30.0.0/16 via 10.9.0.254 dev left') });
    const route = routeOf('10.20.0.0/16 via 10.9.0.253 dev left mtu 1300');
    expect(await ask({ do: 'replaceRoute', route })).toEqual(CHANGED);
    namespace.ip('route', 'del', '10.30.0.0/16');
    // The first that went is the one that was removed after the replacement.
    expect(await table.next('routeGone')).toEqual({ routeGone: '10.30.0.0' });
    expect(routes()).toEqual([expect.objectContaining({ gateway: '10.9.0.253' })]);
  });

  test('what somebody takes away is told, and nothing of others', async () => {
    await ask({ do: 'addRoute', route: routeOf('10.20.0.0/16 via 10.9.0.254 dev left') });
    await ask({ do: 'addRule', rule: ruleOf('from 10.9.0.1 table 100 priority 50') });
    namespace.ip('route', 'add', '10.77.0.0/16', 'via', '10.9.0.9');
    namespace.ip('route', 'del', '10.77.0.0/16');
    namespace.ip('route', 'del', '10.20.0.0/16');
    expect(await table.next('routeGone')).toEqual({ routeGone: '10.20.0.0' });
    namespace.ip('rule', 'del', 'priority', '50');
    expect(await table.next('ruleGone')).toEqual({ ruleGone: 'inet' });
  });

  test.each([
    [
      'from 10.9.0.0/24 table 100 priority 50',
      { src: '10.9.0.0', srclen: 24, table: '100', priority: 50 },
    ],
    [
      'not from 10.9.0.1 to 10.8.0.0/16 lookup main order 51',
      { not: null, dst: '10.8.0.0', table: 'main' },
    ],
    ['fwmark 0x7/0xff table 200 priority 52', { fwmark: '0x7', fwmask: '0xff', table: '200' }],
    ['iif left blackhole priority 53', { iif: 'left', action: 'blackhole' }],
    ['oif left type unreachable priority 54', { oif: 'left', action: 'unreachable' }],
    ['from 10.9.0.1 goto 100 priority 55', { goto: 100 }],
    ['from 10.9.0.2 nop priority 56', { nop: null }],
    [
      'to 10.8.0.0/16 ipproto tcp sport 100-200 dport 80 table 300 priority 57',
      { ipproto: 'tcp', sport_start: 100, sport_end: 200, dport: 80 },
    ],
    ['uidrange 0-99 table 5 priority 58 suppress_prefixlength 0', { uid_start: 0, uid_end: 99 }],
    ['from 10.9.0.9 table 70000', { table: '70000' }],
  ])('rule %s is there as `ip rule` sees it, and goes again', async (line, seen) => {
    if (line.includes('goto')) namespace.ip('rule', 'add', 'priority', '100', 'lookup', 'main');
    const rule = ruleOf(line);
    expect(await ask({ do: 'addRule', rule })).toEqual(CHANGED);
    expect(rules()).toEqual([expect.objectContaining(seen)]);
    expect(await ask({ do: 'addRule', rule })).toEqual(UNCHANGED);
    expect(await ask({ do: 'removeRule', rule })).toEqual(CHANGED);
    expect(rules()).toEqual([]);
    expect(await ask({ do: 'removeRule', rule })).toEqual(UNCHANGED);
  });

  test('rules for IPv6', async () => {
    const rule = ruleOf('from 2001:db8::/32 table 100 priority 50');
    expect(await ask({ do: 'addRule', rule })).toEqual(CHANGED);
    expect(rules('-6')).toEqual([expect.objectContaining({ src: '2001:db8::', srclen: 32 })]);
    expect(await ask({ do: 'removeRule', rule })).toEqual(CHANGED);
  });

  test('a table that has no name anywhere is a fault in words', async () => {
    // The file is checked for it; iproute2's may change afterwards.
    const rule = { ...ruleOf('from 10.9.0.1 table 100 priority 50'), table: 'nowhere_known' };
    expect(await ask({ do: 'addRule', rule })).toEqual({
      ok: false,
      detail: "no file of iproute2 knows the table 'nowhere_known': write its number",
    });
  });

  test('of others in motion neither wake us nor make us lose what is told of ours', async () => {
    await ask({ do: 'addRoute', route: routeOf('10.20.0.0/16 via 10.9.0.254 dev left') });
    const others = Array.from(
      { length: 20_000 },
      (_, index) => `10.${100 + (index >> 8)}.${index & 255}.0/24 via 10.9.0.7`,
    );
    const batch = (verb: string): string =>
      others.map((route) => `route ${verb} ${route}`).join('\n');
    const run = (lines: string): void => {
      execFileSync('ip', ['-n', namespace.name, '-batch', '-'], { input: lines });
    };
    // Nothing is read meanwhile: what is delivered must fit into the socket's buffer.
    process.kill(table.pid, 'SIGSTOP');
    run(batch('add'));
    namespace.ip('route', 'del', '10.20.0.0/16');
    run(batch('del'));
    process.kill(table.pid, 'SIGCONT');
    expect(await table.next('routeGone')).toEqual({ routeGone: '10.20.0.0' });
    expect(await ask({ do: 'ours' })).toEqual([]);
    expect(table.waiting('lost')).toEqual([]);
  });
});
