/**
 * What holds whatever is wanted: configurations that change, verdicts that come and go, connections that
 * hold servers, hands that change the table, and services of somebody else, through the pool, the drain,
 * the plan and the reconciler. A thousand wishes; and that they were no trivial ones is counted.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/base/log.ts';
import type { RealServerConfig, VirtualServerConfig } from '../../src/config/model.ts';
import { serverName, serviceName } from '../../src/config/names.ts';
import { Intent } from '../../src/ipvs/intent.ts';
import { destinationName } from '../../src/ipvs/plan.ts';
import { Reconciler } from '../../src/ipvs/reconciler.ts';
import type { Service, ServiceName, Table } from '../../src/ipvs/types.ts';
import { configWith } from '../fake/configs.ts';
import { FakeIpvs } from './fake-ipvs.ts';
import { noSpan, realServer } from './services.ts';
import { address, marked, server, service, table } from './tables.ts';

const RUNS = 200;
const WISHES_PER_RUN = 5;
const DRAIN_MS = 10_000;
/** Long past every drain and every step of a slow start. */
const SETTLED_MS = 60_000;
/** In which a change by hand is seen and undone. */
const LOOKED_MS = 600;

const METHODS = ['masq', 'tunnel', 'droute'] as const;
const V4 = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5'];
const V6 = ['2001:db8::1', '2001:db8::2', '2001:db8::3'];

const realServers = (most: number): fc.Arbitrary<RealServerConfig[]> =>
  fc.uniqueArray(
    fc
      .record({
        text: fc.constantFrom(...V4, ...V6),
        weight: fc.constantFrom(0, 1, 3, 100),
        forwardingMethod: fc.constantFrom(...METHODS),
        upperThreshold: fc.constantFrom(undefined, 100),
        inhibitOnFailure: fc.boolean(),
      })
      .map(({ text, upperThreshold, ...rest }) =>
        realServer(text, { ...rest, ...(upperThreshold === undefined ? {} : { upperThreshold }) }),
      ),
    { maxLength: most, selector: ({ address: { text } }) => text },
  );

const sorryServer = fc
  .record({ isInhibited: fc.boolean(), forwardingMethod: fc.constantFrom(...METHODS) })
  .map((rest) => ({ span: noSpan, address: address('10.0.9.9'), port: 80, ...rest }));

/** Few of them, so that a change mostly meets the same services. */
const who = fc.constantFrom(
  { kind: 'address', protocol: 'tcp', address: address('10.50.0.1'), port: 80 } as const,
  { kind: 'address', protocol: 'udp', address: address('10.50.0.1'), port: 80 } as const,
  { kind: 'address', protocol: 'tcp', address: address('2001:db8:50::1'), port: 80 } as const,
  { kind: 'fwmark', protocol: 'tcp', fwmark: 7, family: 'inet' } as const,
  { kind: 'fwmark', protocol: 'tcp', fwmark: 7, family: 'inet6' } as const,
);

const virtualServer: fc.Arbitrary<VirtualServerConfig> = fc
  .record({
    who,
    realServers: realServers(6),
    scheduler: fc.constantFrom('rr', 'wlc', 'sh'),
    backupPool: fc.option(realServers(2), { nil: undefined, freq: 2 }),
    sorryServer: fc.option(sorryServer, { nil: undefined, freq: 2 }),
    quorum: fc.constantFrom(1, 2, 5),
    panicThresholdPercent: fc.constantFrom(0, 50),
    drainTimeoutMs: fc.constantFrom(0, DRAIN_MS),
    slowStartMs: fc.constantFrom(0, 5000),
    persistence: fc.constantFrom(undefined, { timeoutMs: 300_000 }),
  })
  .map(({ who: key, backupPool, sorryServer: sorry, persistence, ...rest }) => ({
    span: noSpan,
    ...key,
    ...rest,
    ...(backupPool === undefined ? {} : { backupPool }),
    ...(sorry === undefined ? {} : { sorryServer: sorry }),
    ...(persistence === undefined ? {} : { persistence }),
  }));

const configuration = fc.uniqueArray(virtualServer, { maxLength: 5, selector: serviceName });

/** What happens before the table is to be as wished. */
const step = fc.record({
  /** Absent: the file stays, only verdicts change. */
  file: fc.option(configuration, { nil: undefined, freq: 2 }),
  down: fc.uniqueArray(fc.constantFrom(...V4, ...V6), { maxLength: 6 }),
  busy: fc.uniqueArray(fc.constantFrom(...V4, ...V6), { maxLength: 5 }),
  hand: fc.constantFrom('none', 'none', 'clear', 'deleteServer', 'weight', 'stranger'),
  /** Whether it is seen before the wish, or met by it. */
  isSeen: fc.boolean(),
  passMs: fc.constantFrom(0, 600, 4000, 12_000),
});

const story = fc.record({
  first: configuration,
  steps: fc.array(step, { minLength: WISHES_PER_RUN, maxLength: WISHES_PER_RUN }),
  foreign: fc.uniqueArray(fc.integer({ min: 0, max: 2 }), { maxLength: 3 }),
});

const FOREIGN = [
  service('10.50.0.1', 80, [server('10.9.9.9', 80)], { scheduler: 'lc' }),
  service('10.50.0.7', 443, [server('10.9.9.9', 443)]),
  marked(99, [server('10.9.9.9', 0)]),
];

const seen = new Map<string, number>();
const see = (what: string, isSo = true): void => {
  if (isSo) seen.set(what, (seen.get(what) ?? 0) + 1);
};

class World {
  readonly kernel: FakeIpvs;
  readonly foreign: Table;
  readonly intent = new Intent();
  readonly reconciler: Reconciler;
  nowMs = 1000;
  file: readonly VirtualServerConfig[];
  down: ReadonlySet<string> = new Set();
  #expire: () => void = () => {};
  #deadlineMs = Number.POSITIVE_INFINITY;

  constructor(directory: string, first: readonly VirtualServerConfig[], foreign: Table) {
    this.foreign = foreign;
    this.kernel = new FakeIpvs(foreign);
    this.file = first;
    rmSync(join(directory, 'owned.json'), { force: true });
    this.reconciler = new Reconciler({
      client: this.kernel,
      log: silentLog,
      clock: { monotonicMs: () => this.nowMs, realtimeMs: () => this.nowMs },
      cpuMs: () => this.nowMs,
      ownershipPath: join(directory, 'owned.json'),
      newTimer: (onExpire) => {
        this.#expire = onExpire;
        return {
          arm: (deadlineMs) => {
            this.#deadlineMs = deadlineMs;
          },
          disarm: () => {
            this.#deadlineMs = Number.POSITIVE_INFINITY;
          },
          close: () => {},
        };
      },
      drainPolicyOf: (name) => this.intent.drainPolicyOf(name),
      hasFailed: (name, destination) => this.intent.hasFailed(name, destination),
    });
    this.reconciler.start(new Map());
    this.configure(first);
  }

  configure(file: readonly VirtualServerConfig[]): void {
    this.file = file;
    this.intent.configure({ ...configWith(), virtualServers: file }, (name) => ({
      isUp: !this.down.has(addressIn(name)),
    }));
  }

  judge(down: ReadonlySet<string>): void {
    this.down = down;
    for (const each of this.file) {
      for (const one of [...each.realServers, ...(each.backupPool ?? [])]) {
        const isUp = !down.has(one.address.text);
        this.intent.setVerdict(serverName(each, one), { isUp, sinceMs: this.nowMs }, 'test');
      }
    }
  }

  wish(): Table {
    const { table: wished } = this.intent.wish(this.nowMs);
    this.reconciler.setDesired(wished);
    return wished;
  }

  /** Everything that is due up to then, at its time. */
  pass(ms: number): void {
    const endMs = this.nowMs + ms;
    while (this.#deadlineMs <= endMs) {
      this.nowMs = Math.max(this.nowMs, this.#deadlineMs);
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      this.#expire();
    }
    this.nowMs = endMs;
  }

  /** Services that are not somebody else's. */
  ours(): Table {
    return new Map([...this.kernel.table].filter(([name]) => !this.foreign.has(name)));
  }
}

function addressIn(name: string): string {
  return /\/\[?([^\]]+?)\]?:\d+$/.exec(name)?.[1] ?? '';
}

const live = (each: Service | undefined): number =>
  (each?.destinations ?? []).filter(({ weight }) => weight > 0).length;

/** Nothing falls below what it had or shall have, and nothing busy is cut. */
function watch(world: World, wished: Table): void {
  const before = world.kernel.table;
  const floor = new Map(
    [...before].map(([name, each]) => [name, Math.min(live(each), live(wished.get(name)))]),
  );
  world.kernel.afterOperation = () => {
    for (const [name, least] of floor) {
      if (world.foreign.has(name)) continue;
      expect(live(world.kernel.table.get(name)), name).toBeGreaterThanOrEqual(least);
    }
    for (const [name, each] of world.foreign) expect(world.kernel.table.get(name)).toBe(each);
  };
}

/** By hand, to one of ours; nothing where there is none. */
function tamper(world: World, hand: string): void {
  const [name, first] = [...world.ours()][0] ?? [];
  if (name === undefined || first === undefined) return;
  const rest = first.destinations.slice(1);
  const changed: Readonly<Record<string, Service['destinations']>> = {
    deleteServer: rest,
    weight: first.destinations.map((one) => ({ ...one, weight: one.weight + 1 })),
    stranger: [...first.destinations, server('10.8.8.8', 80)],
  };
  see(`by hand: ${hand}`);
  world.kernel.table =
    hand === 'clear'
      ? world.foreign
      : new Map([
          ...world.kernel.table,
          [name, { ...first, destinations: changed[hand] ?? first.destinations }],
        ]);
}

function normal(each: Table): unknown {
  return [...each]
    .map(([name, { destinations, ...rest }]) => [
      name,
      JSON.stringify(rest, Object.keys(rest).sort()),
      destinations.map((one) => JSON.stringify(one)).sort(),
    ])
    .sort();
}

/** That a wish was about something. */
function count(world: World, wished: Table, before: Table): void {
  for (const each of wished.values()) {
    see('a mark', each.kind === 'fwmark');
    see('IPv6', each.kind === 'address' && each.address.family === 'inet6');
    for (const { forwardingMethod } of each.destinations) see(forwardingMethod);
  }
  for (const { relief } of world.intent.snapshot()) see(relief);
  see('drain in progress', world.reconciler.snapshot().draining.length > 0);
  see('foreign', world.foreign.size > 0);
  const shared: ServiceName[] = [...wished.keys()].filter((name) => before.has(name));
  see(
    'a service changes',
    shared.some((name) => wished.get(name) !== before.get(name)),
  );
  see(
    'a service goes',
    [...before.keys()].some((name) => !wished.has(name)),
  );
  see(
    'a service is foreign',
    [...wished.keys()].some((name) => world.foreign.has(name)),
  );
}

test('a thousand wishes converge, no service below its floor, nothing foreign touched', () => {
  const directory = mkdtempSync(join(tmpdir(), 'lvsd-laws-'));
  try {
    fc.assert(
      fc.property(story, ({ first, steps, foreign }) => {
        const others = table(...foreign.flatMap((index) => FOREIGN[index] ?? []));
        const world = new World(directory, first, others);
        world.wish();
        world.pass(0);
        let before = world.wish();
        for (const { file, down, busy, hand, isSeen, passMs } of steps) {
          const cut = new Map(world.kernel.connections);
          world.kernel.connections.clear();
          for (const text of busy) {
            const key = destinationName({ address: address(text), port: 80 });
            world.kernel.connections.set(key, { activeConnections: 1 });
          }
          see('connections', cut.size > 0);
          if (hand !== 'none') tamper(world, hand);
          watch(world, before);
          if (isSeen) world.pass(LOOKED_MS);
          if (file !== undefined) world.configure(file);
          world.judge(new Set(down));
          const wished = world.wish();
          // Planned from a table that is not so any more it may cut what it does not know of.
          if (hand === 'none' || isSeen) watch(world, wished);
          else world.kernel.afterOperation = () => {};
          world.pass(passMs);
          expect(world.reconciler.snapshot().lastError).toBeUndefined();
          count(world, wished, before);
          before = wished;
        }
        // Slow starts and drains come to their end, and the table is what is wanted.
        world.kernel.afterOperation = () => {};
        world.nowMs += SETTLED_MS;
        const last = world.wish();
        world.pass(SETTLED_MS);
        const wanted = new Map([...last].filter(([name]) => !others.has(name)));
        expect(normal(world.ours())).toEqual(normal(wanted));
        const operations = world.kernel.operations.length;
        world.reconciler.setDesired(new Map(last));
        world.pass(SETTLED_MS);
        expect(world.kernel.operations.length).toBe(operations);
        world.reconciler.close();
      }),
      { numRuns: RUNS },
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const features = [
    ...['a mark', 'IPv6', ...METHODS, 'none', 'backup', 'sorry', 'panic', 'drain in progress'],
    ...['foreign', 'a service is foreign', 'a service changes', 'a service goes', 'connections'],
    ...['clear', 'deleteServer', 'weight', 'stranger'].map((hand) => `by hand: ${hand}`),
  ];
  for (const feature of features) {
    expect(seen.get(feature) ?? 0, feature).toBeGreaterThan(RUNS / 20);
  }
}, 120_000);
