import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { LogLevel } from '../../src/base/log.ts';
import { logTo } from '../../src/base/log.ts';
import { LOOK_INTERVAL_MAX_MS, LOOK_INTERVAL_MS, LOOK_SHARE } from '../../src/ipvs/look-pace.ts';
import { backoffMs } from '../../src/ipvs/reconcile-outcome.ts';
import { Reconciler } from '../../src/ipvs/reconciler.ts';
import { type ReconcilerOptions, ROUND_MS, SLICE_MS } from '../../src/ipvs/reconciler-options.ts';
import type { Service, ServiceName, Table } from '../../src/ipvs/types.ts';
import { FakeIpvs } from './fake-ipvs.ts';
import { arbitraryTable, server, service, table } from './tables.ts';

const WEB = 'tcp 10.50.0.1:80';
const one = server('10.0.0.1', 80);
const two = server('10.0.0.2', 80);
const web = (...servers: (typeof one)[]) => service('10.50.0.1', 80, servers);

let directory: string;
let ownershipPath: string;
let kernel: FakeIpvs;
let nowMs: number;
let deadlineMs: number | undefined;
let lines: [LogLevel, string][];
let expire: () => void;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lvsd-reconciler-'));
  ownershipPath = join(directory, 'ipvs-owned.json');
  kernel = new FakeIpvs();
  nowMs = 1000;
  deadlineMs = undefined;
  lines = [];
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function reconciler(rest: Partial<ReconcilerOptions> = {}): Reconciler {
  return new Reconciler({
    client: kernel,
    log: logTo((level, _fields, message) => lines.push([level, message])),
    clock: { monotonicMs: () => nowMs, realtimeMs: () => nowMs },
    cpuMs: () => nowMs,
    ownershipPath,
    newTimer: (onExpire) => {
      expire = onExpire;
      return {
        arm: (atMs) => {
          deadlineMs = atMs;
        },
        disarm: () => {
          deadlineMs = undefined;
        },
        close: () => {
          deadlineMs = undefined;
        },
      };
    },
    ...rest,
  });
}

/** Time goes on to the deadline, and the timer fires. */
function advance(): void {
  if (deadlineMs === undefined) throw new Error('No timer is armed');
  nowMs = Math.max(nowMs, deadlineMs);
  deadlineMs = undefined;
  expire();
}

function ownedOnDisk(): string[] {
  if (!existsSync(ownershipPath)) return [];
  return JSON.parse(readFileSync(ownershipPath, 'utf8')).services;
}

function own(...names: string[]): void {
  writeFileSync(ownershipPath, JSON.stringify({ version: 1, services: names }));
}

describe('at the start', () => {
  test('an empty table becomes the wanted one, each change logged with its reason', () => {
    const subject = reconciler({ reasonOf: () => 'passed HTTP_GET' });
    expect(subject.start(table(web(one)))).toMatchObject({ ok: true, adopted: [] });
    expect(kernel.table).toEqual(table(web(one)));
    expect(ownedOnDisk()).toEqual([WEB]);
    expect(lines).toEqual([
      ['info', 'add service tcp 10.50.0.1:80: not in the kernel'],
      ['info', 'add 10.0.0.1:80 to tcp 10.50.0.1:80: passed HTTP_GET'],
    ]);
  });

  test('ownership is on disk before the first service is created', () => {
    let seen: string[] = [];
    kernel.beforeApply = () => {
      if (seen.length === 0) seen = ownedOnDisk();
    };
    reconciler().start(table(web(one)));
    expect(seen).toEqual([WEB]);
  });

  test('what is ours and right is adopted without an operation', () => {
    own(WEB);
    kernel = new FakeIpvs(table(web(one)));
    expect(reconciler().start(table(web(one)))).toMatchObject({ ok: true, adopted: [WEB] });
    expect(kernel.operations).toEqual([]);
  });

  test('what is ours is edited in place, and what is ours and unwanted goes', () => {
    own(WEB, 'tcp 10.50.0.2:80');
    kernel = new FakeIpvs(table(web(one), service('10.50.0.2', 80), service('10.50.0.3', 80)));
    reconciler().start(table(web(two)));
    expect(kernel.operations).toEqual([
      'add 10.0.0.2:80 to tcp 10.50.0.1:80',
      'remove 10.0.0.1:80 from tcp 10.50.0.1:80',
      'remove service tcp 10.50.0.2:80',
    ]);
    expect([...kernel.table.keys()]).toEqual([WEB, 'tcp 10.50.0.3:80']);
    expect(ownedOnDisk()).toEqual([WEB]);
  });

  test("somebody else's wanted service is a refusal that names it and touches nothing", () => {
    kernel = new FakeIpvs(table(web(one)));
    const outcome = reconciler().start(table(web(two), service('10.50.0.2', 80)));
    expect(outcome).toMatchObject({ ok: false, code: 'FOREIGN_SERVICE', services: [WEB] });
    expect(kernel.operations).toEqual([]);
    expect(deadlineMs).toBeUndefined();
  });

  test("with adopt, somebody else's wanted service becomes ours in place", () => {
    kernel = new FakeIpvs(table(web(one)));
    const outcome = reconciler({ adopt: true }).start(table(web(two)));
    expect(outcome).toMatchObject({ ok: true, adopted: [WEB] });
    expect(kernel.table).toEqual(table(web(two)));
    expect(ownedOnDisk()).toEqual([WEB]);
  });

  test('a corrupt ownership file is a refusal, and with adopt a warning', () => {
    writeFileSync(ownershipPath, 'not JSON');
    expect(reconciler().start(table(web(one)))).toMatchObject({ code: 'OWNERSHIP_CORRUPT' });
    expect(reconciler({ adopt: true }).start(table(web(one)))).toMatchObject({ ok: true });
    expect(ownedOnDisk()).toEqual([WEB]);
  });

  test('a table that cannot be read is a refusal', () => {
    kernel.dumpRefusal = { code: 'NO_PRIVILEGE', detail: 'CAP_NET_ADMIN is needed' };
    expect(reconciler().start(table(web(one)))).toMatchObject({ ok: false, code: 'NO_PRIVILEGE' });
  });
});

describe('while it runs', () => {
  test('a burst of wishes in one turn is one plan', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    for (const wish of [web(), web(two), web(one, two)]) subject.setDesired(table(wish));
    expect(deadlineMs).toBe(nowMs);
    advance();
    expect(kernel.operations.slice(2)).toEqual(['add 10.0.0.2:80 to tcp 10.50.0.1:80']);
    expect(kernel.dumps).toBe(1);
    expect(kernel.reads).toEqual([WEB, WEB]);
  });

  test('drift is found at the re-read, repaired, counted, and logged with what was found', () => {
    const subject = reconciler();
    subject.start(table(web(one, two)));
    expect(deadlineMs).toBe(nowMs + LOOK_INTERVAL_MS);
    lines = [];
    kernel.table = table(web({ ...one, weight: 9 }), service('10.50.0.9', 80));
    advance();
    expect(kernel.table.get(WEB)?.destinations).toEqual([two, one]);
    expect(lines).toEqual([
      [
        'warn',
        'add 10.0.0.2:80 to tcp 10.50.0.1:80: changed by somebody else, found: not in the kernel',
      ],
      [
        'warn',
        'change 10.0.0.1:80 of tcp 10.50.0.1:80: changed by somebody else, found: weight 9 -> 1',
      ],
    ]);
    expect(subject.snapshot()).toMatchObject({ driftRepairs: 2, errors: 0 });
  });

  test('a flushed table is whole again after the re-read', () => {
    const subject = reconciler();
    subject.start(table(web(one, two)));
    kernel.table = new Map();
    advance();
    expect(normal(kernel.table)).toEqual(normal(table(web(one, two))));
    expect(subject.snapshot().driftRepairs).toBe(3);
  });

  test('a wish that meets a foreign service leaves it alone and says so once', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    kernel.table = new Map([...kernel.table, ...table(service('10.50.0.2', 80))]);
    subject.setDesired(table(web(two), service('10.50.0.2', 80, [one])));
    advance();
    advance();
    expect(kernel.table).toEqual(table(web(two), service('10.50.0.2', 80)));
    expect(subject.snapshot()).toMatchObject({ foreignServices: ['tcp 10.50.0.2:80'], errors: 0 });
    expect(lines.filter(([, text]) => text.startsWith('IPVS already has'))).toHaveLength(1);
    expect(ownedOnDisk()).toEqual([WEB]);
  });

  test('a service that somebody makes at the last moment stays theirs', () => {
    const subject = reconciler();
    subject.start(new Map());
    kernel.beforeApply = () => {
      if (kernel.table.size === 0) kernel.table = table(web());
    };
    subject.setDesired(table(web(one)));
    advance();
    expect(kernel.table).toEqual(table(web()));
    expect(ownedOnDisk()).toEqual([]);
  });
});

describe('a server that leaves', () => {
  const drainPolicyOf = () => ({ timeoutMs: 10_000, freesTemplates: true });

  test('keeps its connections at weight 0, is shown, and goes with the last one', () => {
    const subject = reconciler({ drainPolicyOf });
    subject.start(table(web(one, two)));
    kernel.connections.set('10.0.0.2:80', { activeConnections: 2 });
    subject.setDesired(table(web(one)));
    advance();
    expect(kernel.operations.slice(3)).toEqual(['change 10.0.0.2:80 of tcp 10.50.0.1:80']);
    expect(lines.at(-1)?.[1]).toContain('removed, draining 0 connections');
    advance();
    expect(subject.snapshot()).toMatchObject({
      draining: [{ server: '10.0.0.2:80', cause: 'removed', connections: 2 }],
      errors: 0,
      driftRepairs: 0,
    });
    kernel.connections.clear();
    advance();
    expect(kernel.table).toEqual(table(web(one)));
    expect(subject.snapshot()).toMatchObject({ draining: [], driftRepairs: 0 });
  });

  test('goes at the end of drain_timeout, and so does its service', () => {
    const subject = reconciler({ drainPolicyOf });
    subject.start(table(web(one)));
    kernel.connections.set('10.0.0.1:80', { activeConnections: 2 });
    subject.setDesired(new Map());
    const beganMs = nowMs;
    while (kernel.table.size > 0) advance();
    expect(nowMs - beganMs).toBe(10_000);
    expect(ownedOnDisk()).toEqual([]);
    expect(kernel.operations.slice(2)).toEqual([
      'change 10.0.0.1:80 of tcp 10.50.0.1:80',
      'remove service tcp 10.50.0.1:80',
    ]);
  });

  test('and whose weight somebody raises is put back to 0', () => {
    const subject = reconciler({ drainPolicyOf });
    subject.start(table(web(one, two)));
    kernel.connections.set('10.0.0.2:80', { activeConnections: 2 });
    subject.setDesired(table(web(one)));
    advance();
    kernel.table = table(web(one, two));
    advance();
    expect(kernel.table).toEqual(table(web(one, { ...two, weight: 0 })));
    expect(subject.snapshot().driftRepairs).toBe(1);
  });

  test('is cut by the orderly stop', () => {
    const subject = reconciler({ drainPolicyOf });
    subject.start(table(web(one, two)));
    kernel.connections.set('10.0.0.2:80', { activeConnections: 2 });
    subject.setDesired(table(web(one)));
    advance();
    expect(subject.removeOwned()).toMatchObject({ ok: true });
    expect(kernel.table.size).toBe(0);
  });
});

describe('looking at the table', () => {
  test('costs one list while nothing changes, and the next look comes in time', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    const operations = kernel.operations.length;
    for (let look = 0; look < 10; look += 1) advance();
    expect(kernel.operations.length).toBe(operations);
    expect(kernel.dumps).toBe(1);
    expect(deadlineMs).toBe(nowMs + LOOK_INTERVAL_MS);
    subject.close();
  });

  const many = Array.from({ length: 50 }, (_, index) => service('10.50.0.1', 1000 + index, [one]));
  const wanted = table(...many);
  const nth = (index: number): ServiceName => [...wanted.keys()][index] ?? '';

  /** Turns until the next pause. */
  function look(): void {
    do advance();
    while ((deadlineMs ?? 0) <= nowMs);
  }

  /** All is known, also how the text of it looks; from now on every read takes 10 ms. */
  function watched(rest: Partial<ReconcilerOptions> = {}): Reconciler {
    const subject = reconciler(rest);
    subject.start(wanted);
    look();
    kernel.reads.length = 0;
    kernel.onRead = () => {
      nowMs += 10;
    };
    return subject;
  }

  test('goes round the servers whose text is as before, within a budget of time', () => {
    watched();
    look();
    expect(kernel.reads.length).toBe(1);
    expect(deadlineMs).toBe(nowMs + LOOK_INTERVAL_MS);
    for (let count = 1; count < 50; count += 1) look();
    expect(new Set(kernel.reads).size).toBe(50);
  });

  test.each<[string, (one: Service) => Service | undefined, number]>([
    ['a service', () => undefined, 2],
    ['a server', (each) => ({ ...each, destinations: [] }), 1],
    ['a weight', (each) => ({ ...each, destinations: [{ ...one, weight: 9 }] }), 1],
    ['a method', (each) => ({ ...each, destinations: [{ ...one, forwardingMethod: 'masq' }] }), 1],
    ['a stranger', (each) => ({ ...each, destinations: [one, two] }), 1],
    ['flags', (each) => ({ ...each, flags: 8 }), 1],
    ['persistence', (each) => ({ ...each, flags: 1, timeoutS: 60 }), 1],
  ])(
    'sees %s that was changed by hand at the next look, wherever it is',
    (_, change, operations) => {
      const subject = watched();
      const name = nth(37);
      const changed = change(wanted.get(name) ?? service('10.50.0.1', 1));
      const others = [...wanted].filter(([each]) => each !== name);
      kernel.table = new Map([
        ...others,
        ...(changed === undefined ? [] : [[name, changed] as const]),
      ]);
      look();
      expect(normal(kernel.table)).toEqual(normal(wanted));
      expect(subject.snapshot()).toMatchObject({ driftRepairs: operations, errors: 0 });
      expect(kernel.reads.length).toBeLessThan(6);
    },
  );

  test('puts a cleared table back from its end, as the kernel looks for it', () => {
    const listed = [
      service('10.50.0.9', 80, [two, one]),
      service('10.50.0.1', 80, [one]),
      service('10.50.0.5', 80, [one, two]),
    ];
    own(...table(...listed).keys());
    kernel = new FakeIpvs(table(...listed));
    reconciler().start(table(...[...listed].reverse()));
    look();
    kernel.table = new Map();
    look();
    expect(kernel.operations).toEqual([
      'add service tcp 10.50.0.5:80',
      'add service tcp 10.50.0.1:80',
      'add service tcp 10.50.0.9:80',
      'add 10.0.0.2:80 to tcp 10.50.0.5:80',
      'add 10.0.0.1:80 to tcp 10.50.0.5:80',
      'add 10.0.0.1:80 to tcp 10.50.0.1:80',
      'add 10.0.0.1:80 to tcp 10.50.0.9:80',
      'add 10.0.0.2:80 to tcp 10.50.0.9:80',
    ]);
  });

  test('sees what the text does not show in the round', () => {
    const subject = watched();
    kernel.table = new Map([
      ...wanted,
      [nth(20), { ...service('10.50.0.1', 1020), destinations: [{ ...one, upperThreshold: 5 }] }],
    ]);
    for (let count = 0; count < 50; count += 1) look();
    expect(kernel.table.get(nth(20))?.destinations).toEqual([one]);
    expect(subject.snapshot()).toMatchObject({ driftRepairs: 1, errors: 0 });
  });

  test('does not take connections for changes', () => {
    watched();
    kernel.connections.set('10.0.0.1:80', { activeConnections: 4_000_000_000 });
    look();
    expect(kernel.reads.length).toBe(1);
  });

  test('sees a table that somebody cleared and made again, in slices of time', () => {
    const subject = watched();
    kernel.table = new Map(
      [...wanted].map(([name, each]) => [name, { ...each, scheduler: 'wlc' }]),
    );
    let turns = 0;
    let longestMs = 0;
    do {
      const beganMs = deadlineMs ?? 0;
      advance();
      turns += 1;
      longestMs = Math.max(longestMs, nowMs - beganMs);
    } while (deadlineMs === nowMs);
    expect(turns).toBeGreaterThan(20);
    // A slice, and the read that it was not over for.
    expect(longestMs).toBeLessThanOrEqual(SLICE_MS + 10 + ROUND_MS);
    expect(kernel.table).toEqual(wanted);
    expect(subject.snapshot()).toMatchObject({ driftRepairs: 50, errors: 0 });
  });

  test('is not put off by wishes', () => {
    const subject = watched();
    kernel.table = new Map([...wanted].slice(1));
    for (let wish = 0; wish < 10; wish += 1) {
      subject.setDesired(new Map(wanted));
      look();
      nowMs += 100;
    }
    expect(normal(kernel.table)).toEqual(normal(wanted));
  });

  test('pauses some times what it cost, and never longer than 5 s', () => {
    watched();
    kernel.onListing = () => {
      nowMs += 40;
    };
    const beganMs = deadlineMs ?? 0;
    look();
    expect(deadlineMs).toBe(nowMs + LOOK_SHARE * (nowMs - beganMs));
    kernel.onListing = () => {
      nowMs += 1000;
    };
    look();
    expect(deadlineMs).toBe(nowMs + LOOK_INTERVAL_MAX_MS);
  });

  test('looks again in time after one that had to read everything', () => {
    watched();
    kernel.onRead = () => {
      nowMs += 100;
    };
    kernel.table = new Map(
      Array.from(kernel.table, ([name, each]) => [name, { ...each, destinations: [two, one] }]),
    );
    look();
    expect(kernel.reads.length).toBeGreaterThan(40);
    kernel.onRead = () => {};
    expect((deadlineMs ?? 0) - nowMs).toBeLessThanOrEqual(LOOK_SHARE * 200);
  });

  test('goes on without the text where there is none, and says so once', () => {
    watched();
    kernel.listingRefusal = { code: 'ENOENT', detail: 'Cannot read /proc/net/ip_vs' };
    kernel.table = new Map([...kernel.table, ...table(service('10.50.0.1', 1049, [two]))]);
    for (let count = 0; count < 51; count += 1) look();
    expect(normal(kernel.table)).toEqual(normal(wanted));
    expect(lines.filter(([, text]) => text.includes('/proc/net/ip_vs'))).toHaveLength(1);
  });

  test('a wish that meets drift is repaired with it in the same turn', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    kernel.table = new Map();
    subject.setDesired(table(web(one, two)));
    advance();
    expect(kernel.table).toEqual(table(web(one, two)));
    expect(subject.snapshot().consecutiveErrors).toBe(0);
  });
});

describe('a plan that is long', () => {
  const servers = Array.from({ length: 2000 }, (_, index) =>
    server(`10.1.${index >> 8}.${index & 255}`, 80),
  );

  /** Every batch takes 30 ms. */
  function slow(): Reconciler {
    const subject = reconciler();
    subject.start(table(web(one)));
    kernel.beforeApply = () => {
      nowMs += 30;
    };
    return subject;
  }

  test('is carried out in slices, between which others have their turn', () => {
    const subject = slow();
    subject.setDesired(table(web(...servers)));
    let turns = 0;
    do {
      const beganMs = nowMs;
      advance();
      turns += 1;
      expect(nowMs - beganMs).toBeLessThanOrEqual(30);
      expect(live(kernel.table.get(WEB))).toBeGreaterThan(0);
    } while (deadlineMs === nowMs);
    expect(turns).toBe(10);
    expect(kernel.table.get(WEB)?.destinations).toHaveLength(2000);
    expect(subject.snapshot()).toMatchObject({ errors: 0, driftRepairs: 0 });
  });

  test('is made in slices as well, before the first of it and after the last', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    /** Every look at the servers of a service takes a millisecond. */
    const costly = Array.from({ length: 60 }, (_, index): Service => {
      const { destinations: _servers, ...settings } = service('10.50.1.1', 1 + index);
      const own = servers.slice(0, 100);
      return Object.defineProperty({ ...settings, destinations: own }, 'destinations', {
        get: () => {
          nowMs += 1;
          return own;
        },
      });
    });
    subject.setDesired(table(...costly));
    let [turns, planning, longestMs] = [0, 0, 0];
    do {
      const beganMs = nowMs;
      advance();
      turns += 1;
      if (kernel.operations.length === 2) planning += 1;
      longestMs = Math.max(longestMs, nowMs - beganMs);
    } while (deadlineMs === nowMs);
    expect(kernel.table.size).toBe(60);
    expect(planning).toBeGreaterThan(3);
    expect(turns).toBeGreaterThan(2 * planning);
    // Of 10 services that are compared at once each is looked at a few times.
    expect(longestMs).toBeLessThan(SLICE_MS + 10 * 5);
  });

  test('is replaced by a wish that comes meanwhile, and what it did is no drift', () => {
    const subject = slow();
    subject.setDesired(table(web(...servers)));
    advance();
    subject.setDesired(table(web(two)));
    advance();
    expect(kernel.table.get(WEB)?.destinations).toContainEqual(two);
    while (deadlineMs === nowMs) advance();
    expect(kernel.table).toEqual(table(web(two)));
    expect(subject.snapshot()).toMatchObject({ errors: 0, driftRepairs: 0 });
  });

  test('leaves what somebody changes beside it to the next look', () => {
    const other = service('10.50.0.2', 80, [one], { scheduler: 'wlc' });
    const subject = reconciler();
    subject.start(table(web(one), other));
    kernel.beforeApply = () => {
      kernel.beforeApply = () => {};
      kernel.table = new Map([...kernel.table, ...table({ ...other, scheduler: 'sh' })]);
    };
    subject.setDesired(table(web(two), other, service('10.50.0.3', 80)));
    advance();
    advance();
    expect(kernel.table.get('tcp 10.50.0.2:80')).toEqual(other);
    expect(subject.snapshot()).toMatchObject({ errors: 0, driftRepairs: 1 });
  });

  test('that repairs is said with the number of what is not said one by one', () => {
    const subject = reconciler();
    subject.start(table(web(...servers)));
    lines = [];
    kernel.table = new Map();
    do advance();
    while (deadlineMs === nowMs);
    expect(lines).toHaveLength(202);
    expect(lines.at(-1)).toEqual(['warn', 'put back what somebody else changed']);
    expect(subject.snapshot()).toMatchObject({ driftRepairs: 2001, errors: 0 });
  });
});

test('a thousand wishes converge, and no service falls below its floor on the way', () => {
  fc.assert(
    fc.property(fc.array(arbitraryTable, { minLength: 4, maxLength: 4 }), (wishes) => {
      kernel = new FakeIpvs();
      rmSync(ownershipPath, { force: true });
      const subject = reconciler();
      subject.start(new Map());
      for (const wish of wishes) {
        const floor = floorOf(kernel.table, wish);
        kernel.afterOperation = () => expect(isAbove(kernel.table, floor)).toBe(true);
        subject.setDesired(wish);
        advance();
        expect(normal(kernel.table)).toEqual(normal(wish));
        expect(subject.snapshot().consecutiveErrors).toBe(0);
      }
      subject.close();
    }),
    { numRuns: 250 },
  );
}, 60_000);

const live = (each: Service | undefined): number =>
  (each?.destinations ?? []).filter(({ weight }) => weight > 0).length;

/** Servers with a weight that each service has before and after. */
function floorOf(before: Table, after: Table): ReadonlyMap<string, number> {
  return new Map(
    [...before].map(([name, service]) => [name, Math.min(live(service), live(after.get(name)))]),
  );
}

function isAbove(now: Table, floor: ReadonlyMap<string, number>): boolean {
  return [...floor].every(([name, least]) => live(now.get(name)) >= least);
}

/** In one order, for comparing. */
function normal(each: Table): unknown {
  const text = (value: object): string => JSON.stringify(value);
  return [...each.values()]
    .map((service) => ({ ...service, destinations: [...service.destinations].sort(byText) }))
    .sort(byText)
    .map(text);
}

function byText(a: object, b: object): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

describe('when the kernel refuses', () => {
  test('the rest is done, and the refused is tried again with a growing pause', () => {
    kernel.refuse = { text: 'add service tcp 10.50.0.2:80', code: 'ENOENT' };
    const subject = reconciler();
    const wanted = table(web(one), service('10.50.0.2', 80, [two]));
    expect(subject.start(wanted)).toMatchObject({ ok: true, first: { ok: false, code: 'ENOENT' } });
    expect(kernel.table).toEqual(table(web(one)));
    expect(kernel.operations).not.toContain('add 10.0.0.2:80 to tcp 10.50.0.2:80');
    expect(ownedOnDisk()).toEqual([WEB]);
    const attemptsMs = [nowMs];
    kernel.beforeApply = () => attemptsMs.push(nowMs);
    while (nowMs < 9000) advance();
    expect([...new Set(attemptsMs)]).toEqual([1000, 2000, 4000, 8000]);
    expect(subject.snapshot()).toMatchObject({ errors: 4, consecutiveErrors: 4 });
    const cannot = lines.filter(([level, text]) => level === 'warn' && text.startsWith('cannot'));
    expect(cannot).toHaveLength(1);
    expect(lines.filter(([level]) => level === 'error')).toHaveLength(1);
    kernel.refuse = undefined;
    while (nowMs < 16_000) advance();
    expect(kernel.table).toEqual(wanted);
    expect(subject.snapshot()).toMatchObject({ errors: 4, consecutiveErrors: 0 });
    expect(deadlineMs).toBe(nowMs + LOOK_INTERVAL_MS);
  });

  test('what somebody changes elsewhere is put back meanwhile, in the same service too', () => {
    kernel.refuse = { text: 'add 10.0.0.2:80', code: 'EINVAL' };
    const subject = reconciler();
    const wanted = table(web(one, two), service('10.50.0.2', 80, [one]));
    subject.start(wanted);
    while (nowMs < 20_000) advance();
    const { errors } = subject.snapshot();
    const beganMs = nowMs;
    kernel.table = table(web(), service('10.50.0.3', 80));
    while (!kernel.table.has('tcp 10.50.0.2:80')) advance();
    expect(nowMs - beganMs).toBeLessThanOrEqual(LOOK_INTERVAL_MS);
    const [first] = kernel.table.get(WEB)?.destinations ?? [];
    expect(first).toEqual(one);
    expect(subject.snapshot()).toMatchObject({ errors, driftRepairs: 3 });
  });

  test('another wish is tried at once, and so is everything when it is asked for', () => {
    kernel.refuse = { text: 'add 10.0.0.2:80', code: 'EINVAL' };
    const subject = reconciler();
    subject.start(table(web(one, two)));
    while (nowMs < 5000) advance();
    kernel.refuse = undefined;
    subject.setDesired(table(web(one, two)));
    advance();
    expect(kernel.table).toEqual(table(web(one)));
    const heavier = { ...two, weight: 5 };
    subject.setDesired(table(web(one, heavier)));
    advance();
    expect(kernel.table).toEqual(table(web(one, heavier)));
    kernel.refuse = { text: 'remove 10.0.0.2:80', code: 'EBUSY' };
    subject.setDesired(table(web(one)));
    advance();
    kernel.refuse = undefined;
    expect(subject.applyWish()).toMatchObject({ ok: true });
    expect(kernel.table).toEqual(table(web(one)));
    expect(subject.snapshot().consecutiveErrors).toBe(0);
  });

  test('a wish is answered with what the kernel still refuses', () => {
    kernel.refuse = { text: 'add 10.0.0.2:80', code: 'EINVAL' };
    const subject = reconciler();
    subject.start(table(web(one, two)));
    expect(subject.applyWish()).toMatchObject({ ok: false, code: 'EINVAL' });
  });

  test('what is acknowledged and not done is an error', () => {
    kernel.isDeaf = true;
    const subject = reconciler();
    expect(subject.start(table(web(one)))).toMatchObject({ first: { code: 'NOT_APPLIED' } });
  });

  test('without ownership on disk no service is created, and servers still change', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    rmSync(ownershipPath);
    mkdirSync(join(ownershipPath, 'in the way'), { recursive: true });
    subject.setDesired(table(web(two), service('10.50.0.2', 80)));
    advance();
    expect(kernel.table).toEqual(table(web(two)));
    expect(subject.snapshot().lastError?.code).toBe('OWNERSHIP_UNWRITABLE');
  });

  test('the pause doubles from one second to thirty', () => {
    expect([1, 2, 3, 4, 5, 6, 100].map(backoffMs)).toEqual([
      1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
    ]);
  });
});

describe('the orderly stop', () => {
  test('removes what is ours and nothing else', () => {
    kernel = new FakeIpvs(table(service('10.50.0.3', 80)));
    const subject = reconciler();
    subject.start(table(web(one)));
    expect(subject.removeOwned()).toMatchObject({ ok: true });
    expect(kernel.table).toEqual(table(service('10.50.0.3', 80)));
    expect(ownedOnDisk()).toEqual([]);
    expect(deadlineMs).toBeUndefined();
  });

  test('says when something of ours is left, and keeps it as ours', () => {
    const subject = reconciler();
    subject.start(table(web(one)));
    kernel.refuse = { text: 'remove service', code: 'EBUSY' };
    expect(subject.removeOwned()).toMatchObject({ ok: false, code: 'EBUSY' });
    expect(ownedOnDisk()).toEqual([WEB]);
    expect(deadlineMs).toBeUndefined();
  });
});

test('a preview says what would be done, drains included, and does nothing', () => {
  const ours = reconciler();
  ours.start(table(web(one, two)));
  const done = kernel.operations.length;
  const drainPolicyOf = () => ({ timeoutMs: 5000, freesTemplates: false });
  const { operations, drains } = ours.preview(table(web(one)), { drainPolicyOf });
  expect(operations.map(({ kind, reason }) => `${kind} ${reason}`)).toEqual([
    'lowerWeight weight 1 -> 0',
  ]);
  expect(drains).toMatchObject([{ server: '10.0.0.2:80', deadlineMs: 6000 }]);
  expect(ours.preview(table(web(one)), {}).operations.map(({ kind }) => kind)).toEqual([
    'deleteServer',
  ]);
  expect(kernel.operations).toHaveLength(done);
  expect(ours.snapshot().draining).toEqual([]);
});

test('a wish can be done at once', () => {
  const ours = reconciler();
  ours.start(table(web(one)));
  ours.setDesired(table(web(one, two)));
  expect(ours.applyWish()).toMatchObject({ ok: true, applied: [{ kind: 'addServer' }] });
  ours.close();
  expect(ours.applyWish()).toEqual({ ok: true, applied: [] });
});
