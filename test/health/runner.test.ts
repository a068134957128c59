import { afterEach, describe, expect, it } from 'vitest';
import type { Probe, ProbeResult } from '../../src/health/probe.ts';
import { type Probes, probes, startRun } from '../../src/health/runner.ts';
import { SelfDelay, STALL_BOUND_MS } from '../../src/health/self-delay.ts';
import { fail, pass } from '../fake/probes.ts';
import { FakeTime } from '../fake/time.ts';
import { httpGet, tcpCheck } from './configs.ts';
import { checkOnce, SHORT_MS } from './probing.ts';
import { type FaultyServer, listen, replyWith } from './servers.ts';

const servers: FaultyServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function runOf(probe: Probe<unknown>, time: FakeTime) {
  const faked: Probes = { ...probes, TCP_CHECK: probe };
  const ports = { probes: faked, clock: time, timers: time, selfDelay: new SelfDelay() };
  return startRun(tcpCheck({ connectTimeoutMs: 1000 }), ports);
}

describe('a run', () => {
  it('believes a reply that was there when its deadline came', async () => {
    const time = new FakeTime();
    const answer: { give?: (result: ProbeResult) => void } = {};
    const run = runOf(
      (_target, { signal }) =>
        new Promise((resolve) => {
          answer.give = resolve;
          signal.addEventListener('abort', () => resolve(fail('TIMEOUT')));
        }),
      time,
    );
    time.arriveAt(1000, () => answer.give?.(pass));
    await time.advance(1000);
    expect(await run.result).toEqual(pass);
    expect(time.armedTimers).toBe(0);
  });

  it('fails when the probe itself breaks', async () => {
    const broken: Probe<unknown>[] = [
      () => Promise.reject(new Error('boom')),
      () => {
        throw new Error('boom');
      },
    ];
    for (const probe of broken) {
      const detail = 'the check itself broke: boom';
      expect(await runOf(probe, new FakeTime()).result).toMatchObject({
        kind: 'fail',
        reason: 'PROBE_BROKEN',
        detail,
      });
    }
  });

  it('aborts its probe once, at the deadline or the withdrawal', async () => {
    const time = new FakeTime();
    let aborts = 0;
    const probe: Probe<unknown> = (_target, { signal }) =>
      new Promise(() => signal.addEventListener('abort', () => (aborts += 1)));
    const run = runOf(probe, time);
    run.withdraw();
    run.withdraw();
    await time.advance(5000);
    expect(aborts).toBe(1);
    await run.result;
  });
});

describe('when this process stands still past a deadline', () => {
  it('a healthy server is never failed', async () => {
    const server = await listen(replyWith('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'));
    servers.push(server);
    for (const config of [
      tcpCheck({ connectPort: server.port, connectTimeoutMs: SHORT_MS }),
      httpGet({ connectPort: server.port, connectTimeoutMs: SHORT_MS }),
    ]) {
      const result = checkOnce(config);
      const cell = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(cell, 0, 0, SHORT_MS + 3 * STALL_BOUND_MS);
      expect((await result).kind).not.toBe('fail');
    }
  });
});
