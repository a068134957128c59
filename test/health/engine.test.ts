import { describe, expect, it } from 'vitest';
import { HISTORY_LENGTH } from '../../src/health/checker.ts';
import { PROBES_MAX, STARTS_PER_TURN } from '../../src/health/engine.ts';
import { SLOT_MS } from '../../src/health/schedule.ts';
import { fail, inconclusive, pass } from '../fake/probes.ts';
import { checkedServers, ip, nameOf, realServer, service, sslGet, tcpCheck } from './configs.ts';
import { Stage } from './stage.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

describe('at the start', () => {
  it('a server is up before any check, and an alpha one down', async () => {
    const stage = new Stage();
    stage.engine.start([
      ...checkedServers([A], { warmupMs: 5000 }),
      service([realServer(B, [tcpCheck({ connectAddress: ip(B), alpha: true })])]),
    ]);
    expect(stage.isUp(A)).toBe(true);
    expect(stage.isUp(B)).toBe(false);
    expect(stage.changes).toEqual([]);
    await stage.engine.close();
  });

  it('a server without checkers is up for good and never asked', async () => {
    const stage = new Stage();
    await stage.start([service([realServer(A, [])])]);
    await stage.time.advance(100_000);
    expect(stage.isUp(A)).toBe(true);
    expect(stage.servers.started).toEqual([]);
    expect(stage.time.armedTimers).toBe(0);
  });

  it('the first failure takes a server out at once', async () => {
    const stage = new Stage();
    stage.tell(A, fail('CONNECT_REFUSED'));
    await stage.start(checkedServers([A], { retry: 3 }));
    expect(stage.changes).toEqual([
      {
        serverName: nameOf(A),
        isUp: false,
        sinceMs: 0,
        reason: 'CONNECT_REFUSED',
        detail: 'it was CONNECT_REFUSED',
      },
    ]);
  });

  it('an alpha server comes in with its first success', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    await stage.start(checkedServers([A], { alpha: true }));
    expect(stage.changes).toEqual([]);
    stage.tell(A, pass);
    await stage.time.advance(10_000);
    expect(stage.changes).toMatchObject([{ isUp: true, reason: 'CHECK_PASSED' }]);
  });

  it('tells once that every check has passed or failed, after the change that the last one made', async () => {
    const stage = new Stage();
    stage.tell(A, pass);
    stage.tell(B, inconclusive);
    await stage.start(checkedServers([A, B], { alpha: true }));
    expect(stage.told).toEqual(['UP']);
    stage.tell(B, pass);
    await stage.time.advance(60_000);
    expect(stage.told).toEqual(['UP', 'UP', 'all checked']);
    stage.tell(A, fail());
    await stage.time.advance(60_000);
    expect(stage.told).toEqual(['UP', 'UP', 'all checked', 'DOWN']);
  });

  it('tells at once that all are checked where nothing is', async () => {
    const stage = new Stage();
    await stage.start([service([realServer(A, [])])]);
    expect(stage.told).toEqual(['all checked']);
  });

  it('first checks lie within the warm-up, where chance puts them', async () => {
    const draws = [0.1, 0.9];
    const stage = new Stage(() => draws.shift() ?? 0);
    await stage.start(checkedServers([A, B], { warmupMs: 10_000 }));
    await stage.time.advance(30_000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([1000, 11_000, 21_000]);
    expect(stage.servers.timesOf(`${B}:80`)).toEqual([9000, 19_000, 29_000]);
  });

  it('a name that is not watched is a broken promise', () => {
    expect(() => new Stage().isUp(A)).toThrow('Not a watched server');
  });
});

describe('while watching', () => {
  it('a failing server is retried, taken out, and brought back by one success', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A], { retry: 2 }));
    stage.tell(A, fail('BAD_STATUS'));
    await stage.time.advance(11_000);
    expect(stage.changes).toEqual([]);
    await stage.time.advance(1000);
    expect(stage.changes).toMatchObject([{ isUp: false, reason: 'BAD_STATUS' }]);
    stage.tell(A, pass);
    await stage.time.advance(20_000);
    expect(stage.changes.map((change) => change.isUp)).toEqual([false, true]);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 10_000, 11_000, 12_000, 22_000, 32_000]);
  });

  it('each transition is one log line with both states, reason and detail', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    await stage.start(checkedServers([A]));
    await stage.time.advance(60_000);
    expect(stage.lines).toEqual([
      {
        level: 'info',
        message: 'server state change',
        fields: {
          server: nameOf(A),
          from: 'UP',
          to: 'DOWN',
          reason: 'CONNECT_REFUSED',
          detail: 'it was CONNECT_REFUSED',
        },
      },
    ]);
  });

  it('a server is up only while all its checkers are', async () => {
    const stage = new Stage();
    const checkers = [1, 2].map((port) => tcpCheck({ connectAddress: ip(A), connectPort: port }));
    await stage.start([service([realServer(A, checkers)])]);
    stage.servers.set(`${A}:1`, fail('FIRST'));
    stage.servers.set(`${A}:2`, fail('SECOND'));
    await stage.time.advance(30_000);
    stage.servers.set(`${A}:1`, pass);
    await stage.time.advance(30_000);
    expect(stage.isUp(A)).toBe(false);
    stage.servers.set(`${A}:2`, pass);
    await stage.time.advance(30_000);
    expect(stage.changes.map(({ isUp, reason }) => ({ isUp, reason }))).toEqual([
      { isUp: false, reason: 'FIRST' },
      { isUp: true, reason: 'CHECK_PASSED' },
    ]);
  });

  it('inconclusive checks move nothing, come soon, and are warned of once when they go on', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A, B]));
    stage.tell(A, inconclusive);
    stage.tell(B, inconclusive);
    await stage.time.advance(120_000);
    expect(stage.changes).toEqual([]);
    expect(stage.servers.timesOf(`${A}:80`).slice(1, 5)).toEqual([10_000, 10_500, 11_500, 13_500]);
    expect(stage.lines).toMatchObject([
      { level: 'warn', fields: { server: nameOf(A), reason: 'EMFILE', inARow: 5 } },
    ]);
  });

  it('a silent server fails at its deadline', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A], { connectTimeoutMs: 3000 }));
    await stage.time.advance(2999);
    expect(stage.changes).toEqual([]);
    await stage.time.advance(1);
    expect(stage.changes).toMatchObject([{ isUp: false, reason: 'CONNECT_TIMEOUT' }]);
  });

  it('a probe that ignores its deadline is a timeout all the same', async () => {
    const stage = new Stage();
    stage.tell(A, 'deaf');
    await stage.start(checkedServers([A], { connectTimeoutMs: 3000 }));
    await stage.time.advance(3100);
    expect(stage.changes).toMatchObject([
      { reason: 'TIMEOUT', detail: 'no result within 3000 ms' },
    ]);
  });

  it('the last results are kept with wall time, reason and detail', async () => {
    const stage = new Stage();
    await stage.start(
      checkedServers([A], { delayLoopMs: 1000, delayBeforeRetryMs: 1000, retry: 9 }),
    );
    await stage.time.advance(20_000);
    stage.tell(A, fail('BAD_STATUS'));
    await stage.time.advance(2000);
    const [server] = stage.engine.snapshot();
    const [checker] = server?.checkers ?? [];
    expect(server).toMatchObject({ name: nameOf(A), isUp: true, sinceMs: 1_700_000_000_000 });
    expect(checker).toMatchObject({
      kind: 'TCP_CHECK',
      target: `${A}:80`,
      isUp: true,
      consecutiveFailures: 2,
      checks: 23,
      failures: 2,
      inconclusive: 0,
      nextCheckInMs: 1000,
      lastResult: {
        kind: 'fail',
        reason: 'BAD_STATUS',
        detail: 'it was BAD_STATUS',
        atMs: 1_700_000_022_000,
      },
    });
    expect(checker?.history).toHaveLength(HISTORY_LENGTH);
  });
});

describe('our own lag', () => {
  it('makes a deadline that passed meanwhile inconclusive, and the server stays', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A], { connectTimeoutMs: 3000 }));
    stage.time.stall(8000);
    await stage.time.advance(0);
    expect(stage.changes).toEqual([]);
    const [checker] = stage.engine.snapshot()[0]?.checkers ?? [];
    expect(checker?.lastResult).toMatchObject({ kind: 'inconclusive', reason: 'SELF_DELAY' });
    // The repetition is on time, and tells.
    await stage.time.advance(3600);
    expect(stage.changes).toMatchObject([{ isUp: false, reason: 'CONNECT_TIMEOUT' }]);
  });

  it('covers a deadline right behind the stall, and none that had its time', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    stage.tell(B, 'hang');
    await stage.start([
      service([
        realServer(A, [tcpCheck({ connectAddress: ip(A), connectTimeoutMs: 8050 })]),
        realServer(B, [tcpCheck({ connectAddress: ip(B), connectTimeoutMs: 9000 })]),
        realServer('10.0.0.3', [tcpCheck({ connectAddress: ip('10.0.0.3'), delayLoopMs: 1000 })]),
      ]),
    ]);
    stage.time.stall(8000);
    await stage.time.advance(100);
    expect(stage.isUp(A)).toBe(true);
    await stage.time.advance(900);
    expect(stage.isUp(B)).toBe(false);
  });

  it('is no excuse for a refused connection', async () => {
    const stage = new Stage();
    stage.tell(A, fail('CONNECT_REFUSED'));
    await stage.start(checkedServers([B]));
    stage.time.stall(60_000);
    await stage.reload(checkedServers([A, B]));
    expect(stage.changes).toMatchObject([{ serverName: nameOf(A), reason: 'CONNECT_REFUSED' }]);
  });
});

describe('many checks', () => {
  const addresses = Array.from(
    { length: PROBES_MAX + 1000 },
    (_, index) => `10.1.${index >> 8}.${index & 255}`,
  );

  it('run at most PROBES_MAX at once, in the order they came due, and all get their turn', async () => {
    const stage = new Stage();
    for (const address of addresses) stage.tell(address, 'hang');
    await stage.start(checkedServers(addresses, { connectTimeoutMs: 3000 }));
    expect(stage.servers.runningMax).toBe(PROBES_MAX);
    await stage.time.advance(3000);
    expect(stage.servers.runningMax).toBe(PROBES_MAX);
    expect(stage.servers.started.map((entry) => entry.target)).toEqual(
      addresses.map((address) => `${address}:80`),
    );
    await stage.engine.close();
  });

  it('leave the event loop its turn', () => {
    const stage = new Stage();
    stage.engine.start(checkedServers(addresses));
    expect(stage.servers.started).toHaveLength(STARTS_PER_TURN);
  });

  it('need one timer', async () => {
    const stage = new Stage(Math.random);
    await stage.start(checkedServers(addresses, { warmupMs: 10_000 }));
    expect(stage.time.armedTimers).toBe(1);
  });
});

describe('close', () => {
  it('aborts every probe, stops every timer, and says nothing more', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A, B]));
    await stage.engine.close();
    expect(stage.servers.running).toBe(0);
    expect(stage.time.armedTimers).toBe(0);
    expect(stage.changes).toEqual([]);
  });

  it('does not wait for a probe that never settles', async () => {
    const stage = new Stage();
    stage.tell(A, 'deaf');
    await stage.start(checkedServers([A]));
    const closed = stage.engine.close();
    await stage.time.advance(10);
    await closed;
  });

  it('is final', async () => {
    const stage = new Stage();
    await stage.engine.close();
    expect(() => stage.engine.start([])).toThrow('closed');
  });
});

describe('recheck', () => {
  it('brings those that are meant forward, and no other', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A, B]));
    await stage.time.advance(3000);
    stage.engine.recheck(
      (config) => 'connectAddress' in config && config.connectAddress.text === A,
    );
    await stage.time.advance(12_000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 3000, 13_000]);
    expect(stage.servers.timesOf(`${B}:80`)).toEqual([0, 10_000]);
  });

  it('follows a check under way, which may have asked before what it asks about changed', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A]));
    stage.tell(A, pass);
    stage.engine.recheck(() => true);
    await stage.time.advance(9_000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 5_000]);
    expect(stage.isUp(A)).toBe(true);
  });
});

describe('servers whose file asks the same', () => {
  const check = tcpCheck({ connectAddress: ip(A), retry: 0 });
  const other = {
    ...service([realServer(A, [{ ...check, span: { ...check.span, line: 9 } }])]),
    port: 81,
  };
  const both = [service([realServer(A, [check])]), other];
  const names = [nameOf(A), `tcp 10.0.0.100:81/${A}:80`];

  it('share one probe, and each gets its verdict', async () => {
    const stage = new Stage();
    await stage.start(both);
    stage.tell(A, fail());
    await stage.time.advance(10_000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 10_000]);
    expect(stage.changes.map(({ serverName, isUp }) => [serverName, isUp])).toEqual(
      names.map((name) => [name, false]),
    );
  });

  it('are judged at once when they join, by what is known', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    await stage.start(both.slice(0, 1));
    await stage.reload(both);
    expect(names.map((name) => stage.engine.isUp(name))).toEqual([false, false]);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0]);
  });

  it('go on being checked when one of them goes', async () => {
    const stage = new Stage();
    await stage.start(both);
    await stage.reload(both.slice(1));
    stage.tell(A, fail());
    await stage.time.advance(10_000);
    expect(stage.changes.map(({ serverName }) => serverName)).toEqual(names.slice(1));
  });

  it('part when one of them asks at other times', async () => {
    const stage = new Stage();
    await stage.start(both);
    const slower = { ...check, delayLoopMs: 30_000 };
    await stage.reload([service([realServer(A, [slower])]), other]);
    await stage.time.advance(15_000);
    stage.tell(A, fail());
    await stage.time.advance(10_000);
    expect(names.map((name) => stage.engine.isUp(name))).toEqual([true, false]);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 10_000, 10_000, 20_000]);
  });
});

describe('the log of a rack that dies', () => {
  const addresses = Array.from({ length: 40 }, (_, index) => `10.0.1.${index}`);

  it('has a line at once and one for all that follow, for each service', async () => {
    let drawn = 0;
    const stage = new Stage(() => (drawn++ % addresses.length) / addresses.length);
    for (const address of addresses) stage.tell(address, fail('CONNECT_TIMEOUT'));
    await stage.start(checkedServers(addresses, { warmupMs: 4000 }));
    await stage.time.advance(30_000);
    expect(stage.changes).toHaveLength(40);
    expect(stage.lines.map(({ message }) => message)).toEqual([
      'server state change',
      'server changes',
    ]);
    expect(stage.lines[1]?.fields).toEqual({
      service: 'tcp 10.0.0.100:80',
      up: 0,
      down: 39,
      weights: 0,
      servers: expect.stringMatching(/^(?:tcp [^,]+, ){2}tcp \S+ and 36 more$/),
      reasons: 'CONNECT_TIMEOUT 39',
    });
  });

  it('is complete when the engine is closed', async () => {
    const stage = new Stage();
    for (const address of [A, B]) stage.tell(address, fail());
    await stage.start(checkedServers([A, B]));
    expect(stage.lines).toHaveLength(1);
    await stage.engine.close();
    expect(stage.lines.map(({ fields }) => fields.server)).toEqual([nameOf(A), nameOf(B)]);
  });
});

describe('a certificate that ends soon', () => {
  const DAY_MS = 86_400_000;
  const passing = (certificateEndsMs: number) => ({ ...pass, certificateEndsMs });
  const warnings = ({ lines }: Stage) =>
    lines.filter(({ message }) => message === 'certificate ends soon');

  it('is warned about once, and its successor again', async () => {
    const stage = new Stage();
    const certExpiryWarnDays = 10;
    const checker = sslGet({ connectAddress: ip(A), connectPort: 80, certExpiryWarnDays });
    const endMs = stage.time.realtimeMs() + 10 * DAY_MS + 15_000;
    stage.tell(A, passing(endMs));
    await stage.start([service([realServer(A, [checker])])]);
    expect(warnings(stage)).toEqual([]);
    await stage.time.advance(60_000);
    expect(warnings(stage)).toMatchObject([
      { level: 'warn', fields: { server: nameOf(A), ends: new Date(endMs).toISOString() } },
    ]);
    expect(stage.engine.snapshot()[0]?.checkers[0]?.certificateEndsMs).toBe(endMs);
    stage.tell(A, passing(endMs + 1));
    await stage.time.advance(60_000);
    expect(warnings(stage)).toHaveLength(2);
    const warning = { serverName: nameOf(A), checker: 'SSL_GET' };
    expect(stage.expiries).toEqual([
      { ...warning, endsMs: endMs },
      { ...warning, endsMs: endMs + 1 },
    ]);
  });

  it('is none of ours unless cert_expiry_warn says so', async () => {
    const stage = new Stage();
    stage.tell(A, passing(0));
    const checker = sslGet({ connectAddress: ip(A), connectPort: 80 });
    await stage.start([service([realServer(A, [checker])])]);
    expect(warnings(stage)).toEqual([]);
  });
});

describe('checks that are due between two slots', () => {
  it('begin together at the later one, also when others end in between', async () => {
    const delays = [0.2, 0.4, 0.9, 1.5].map((part) => (part * SLOT_MS) / 1000);
    const stage = new Stage(() => delays.shift() ?? 0);
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'];
    await stage.start(checkedServers(addresses, { warmupMs: 1000, delayLoopMs: 100 }));
    for (let atMs = 0; atMs < 3 * SLOT_MS; atMs += 1) await stage.time.advance(1);
    expect(stage.servers.started.map(({ atMs }) => atMs / SLOT_MS)).toEqual([1, 1, 1, 2]);
  });

  it('begin with the timer that is a little early for it, not with another one', async () => {
    const stage = new Stage(() => 0.3 * SLOT_MS, 0.6);
    await stage.start(checkedServers([A], { warmupMs: 1, delayLoopMs: 100 }));
    await stage.time.advance(2 * SLOT_MS);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([SLOT_MS - 0.6]);
  });
});
