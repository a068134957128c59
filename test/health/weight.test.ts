import { describe, expect, it } from 'vitest';
import type { Advice } from '../../src/health/probe.ts';
import { effectiveWeight } from '../../src/health/weight.ts';
import type { Behaviour } from '../fake/probes.ts';
import { fail } from '../fake/probes.ts';
import { checkedServers, ip, realServer, service, tcpCheck } from './configs.ts';
import { Stage } from './stage.ts';

const A = '10.0.0.1';
const B = '10.0.0.2';

const set = (weight: number): Advice => ({ weight: { kind: 'set', weight } });
const add = (points: number): Advice => ({ weight: { kind: 'add', points } });
const scale = (percent: number): Advice => ({ weight: { kind: 'scale', percent } });

describe('the weight of a server', () => {
  it.each<[what: string, advice: readonly Advice[], weight: number | undefined]>([
    ["is the file's when nothing is said", [{}, { mode: 'ready' }], undefined],
    ['is what one checker sets', [set(3)], 3],
    ["is the file's when a checker adds nothing", [add(0)], 10],
    ['is more or less by what a checker adds', [add(-4)], 6],
    ["is a share of the file's, rounded", [scale(75)], 8],
    ['adds up what several checkers want', [set(7), add(5), scale(50)], 7],
    ['is never below 0', [add(-254)], 0],
    ['is never above what the kernel takes', [add(2 ** 31)], 2 ** 31 - 1],
    ['is 0 when one drains, whatever others want', [set(30), { mode: 'drain' }], 0],
  ])('%s', (_what, advice, weight) => {
    expect(effectiveWeight(10, advice)).toBe(weight);
  });
});

function passing(advice: Advice): Behaviour {
  return { kind: 'pass', durationMs: 1, detail: 'fine', advice };
}

describe('a pass that says more', () => {
  it('changes the weight once, and keeps it until another is said', async () => {
    const stage = new Stage();
    stage.tell(A, passing(set(3)));
    await stage.start(checkedServers([A]));
    await stage.time.advance(30_000);
    expect(stage.changes).toMatchObject([{ isUp: true, weight: 3, reason: 'WEIGHT_CHANGED' }]);
    stage.tell(A, passing({}));
    await stage.time.advance(10_000);
    stage.tell(A, passing(add(0)));
    await stage.time.advance(10_000);
    expect(stage.changes.map(({ weight }) => weight)).toEqual([3, 1]);
  });

  it('does not creep: failures in between change no weight (keepalived #2720)', async () => {
    const stage = new Stage();
    await stage.start(checkedServers([A], { retry: 1 }));
    for (let round = 0; round < 20; round += 1) {
      stage.tell(A, fail('TIMEOUT'));
      await stage.time.advance(10_000);
      stage.tell(A, passing(set(40)));
      await stage.time.advance(20_000);
    }
    const weights = stage.changes.filter(({ isUp }) => isUp).map(({ weight }) => weight);
    expect([...new Set(weights)]).toEqual([40]);
  });

  it('maint takes the server out though it passes, and ready brings it back', async () => {
    const stage = new Stage();
    stage.tell(A, passing({ mode: 'maint' }));
    await stage.start(checkedServers([A]));
    expect(stage.changes).toMatchObject([{ isUp: false, reason: 'AGENT_MAINT' }]);
    stage.tell(A, passing({ mode: 'ready' }));
    await stage.time.advance(10_000);
    expect(stage.changes[1]).toMatchObject({ isUp: true, reason: 'CHECK_PASSED' });
  });

  it('drains: the server stays up with weight 0', async () => {
    const stage = new Stage();
    stage.tell(A, passing({ mode: 'drain' }));
    await stage.start(checkedServers([A]));
    expect(stage.changes).toMatchObject([{ isUp: true, weight: 0 }]);
    expect(stage.engine.snapshot()[0]).toMatchObject({ isUp: true, weight: 0 });
  });

  it('is not applied while another checker has the server down', async () => {
    const stage = new Stage();
    stage.tell(A, fail());
    stage.tell(B, passing(set(5)));
    const checkers = [A, B].map((address) => tcpCheck({ connectAddress: ip(address) }));
    await stage.start([service([realServer(A, checkers)])]);
    await stage.time.advance(20_000);
    expect(stage.changes).toMatchObject([{ isUp: false }]);
    stage.tell(A, passing({}));
    await stage.time.advance(10_000);
    expect(stage.changes[1]).toMatchObject({ isUp: true, weight: 5 });
  });

  it('is applied anew to the weight that a reload brings', async () => {
    const stage = new Stage();
    stage.tell(A, passing(add(5)));
    const checkers = [tcpCheck({ connectAddress: ip(A) })];
    await stage.start([service([realServer(A, checkers)])]);
    await stage.reload([service([{ ...realServer(A, checkers), weight: 20 }])]);
    expect(stage.changes.map(({ weight }) => weight)).toEqual([6, 25]);
  });
});
