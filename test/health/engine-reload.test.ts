import { describe, expect, it } from 'vitest';
import { fail } from '../fake/probes.ts';
import { checkedServers, httpGet, ip, realServer, service, tcpCheck } from './configs.ts';
import { Stage } from './stage.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

describe('a reload', () => {
  it('keeps the state, schedule and running probe of what is the same', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A]));
    stage.tell(A, fail());
    await stage.time.advance(11_000);
    expect(stage.isUp(A)).toBe(false);
    stage.tell(A, 'hang');
    await stage.time.advance(10_000);
    await stage.reload(checkedServers([B, A]));
    expect(stage.isUp(A)).toBe(false);
    await stage.time.advance(60_000);
    expect(stage.servers.timesOf(`${A}:80`).slice(0, 5)).toEqual([
      0, 10_000, 11_000, 21_000, 31_000,
    ]);
    expect(stage.changes).toHaveLength(1);
  });

  it('drops what is gone, and its probe at once', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A, B]));
    expect(stage.servers.running).toBe(1);
    await stage.reload(checkedServers([B]));
    expect(stage.servers.running).toBe(0);
    expect(() => stage.isUp(A)).toThrow();
    await stage.time.advance(30_000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0]);
    expect(stage.changes).toEqual([]);
  });

  it('starts a new alpha server down and a new other one up', async () => {
    const stage = new Stage();
    await stage.start([]);
    stage.engine.reload([
      ...checkedServers([A], { alpha: true }),
      service([realServer(B, [tcpCheck({ connectAddress: ip(B) })])]),
    ]);
    expect([stage.isUp(A), stage.isUp(B)]).toEqual([false, true]);
    await stage.time.settle();
    expect([stage.isUp(A), stage.isUp(B)]).toEqual([true, true]);
  });

  it('with other timing keeps the verdict and takes the shorter interval from now', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A], { delayLoopMs: 60_000 }));
    await stage.time.advance(5000);
    await stage.reload(checkedServers([A], { delayLoopMs: 2000 }));
    await stage.time.advance(5000);
    expect(stage.servers.timesOf(`${A}:80`)).toEqual([0, 7000, 9000]);
    expect(stage.engine.snapshot()[0]?.checkers[0]?.checks).toBe(3);
  });

  it('that changes a check gives a dead server no traffic until the new check passes', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    await stage.start(checkedServers([A]));
    expect(stage.isUp(A)).toBe(false);
    const moved = tcpCheck({ connectAddress: ip(A), connectPort: 81, warmupMs: 0 });
    stage.engine.reload([service([realServer(A, [moved])])]);
    expect(stage.isUp(A)).toBe(false);
    await stage.time.settle();
    expect(stage.isUp(A)).toBe(true);
    expect(stage.engine.snapshot()[0]?.checkers[0]).toMatchObject({ checks: 1, failures: 0 });
  });

  it('that changes a check drops the answer of the old one', async () => {
    const stage = new Stage();
    stage.tell(A, 'hang');
    await stage.start(checkedServers([A], { connectTimeoutMs: 3000 }));
    const moved = tcpCheck({ connectAddress: ip(A), connectPort: 81 });
    await stage.reload([service([realServer(A, [moved])])]);
    await stage.time.advance(5000);
    expect(stage.changes).toEqual([]);
  });

  it('that adds a check to a server that is up does not take it out', async () => {
    const stage = new Stage();
    const first = tcpCheck({ connectAddress: ip(A) });
    await stage.start([service([realServer(A, [first])])]);
    const second = httpGet({ connectAddress: ip(A), connectPort: 81, alpha: true, warmupMs: 9 });
    stage.engine.reload([service([realServer(A, [first, second])])]);
    expect(stage.isUp(A)).toBe(true);
    await stage.time.settle();
    expect(stage.changes).toEqual([]);
  });

  it('that removes the failing check brings the server back', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    await stage.start(checkedServers([A]));
    await stage.reload([service([realServer(A, [])])]);
    expect(stage.changes.at(-1)).toMatchObject({ isUp: true, reason: 'CHECKS_CHANGED' });
  });
});
