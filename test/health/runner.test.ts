import { afterEach, describe, expect, it } from 'vitest';
import type { HttpTarget } from '../../src/health/http-request.ts';
import { NOTHING_OUTSIDE } from '../../src/health/outside.ts';
import { prepared } from '../../src/health/prepared.ts';
import type { Probe, ProbeResult } from '../../src/health/probe.ts';
import { type Probes, probes, questionOf, startRun } from '../../src/health/runner.ts';
import { SelfDelay, STALL_BOUND_MS } from '../../src/health/self-delay.ts';
import { fail, pass } from '../fake/probes.ts';
import { FakeTime } from '../fake/time.ts';
import { httpGet, httpUrl, tcpCheck } from './configs.ts';
import { ask, checkOnce, SHORT_MS } from './probing.ts';
import { type FaultyServer, listen, replyWith } from './servers.ts';

const servers: FaultyServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

function runOf(probe: Probe<unknown>, time: FakeTime) {
  const faked: Probes = { ...probes, TCP_CHECK: prepared(probe) };
  const ports = { clock: time, timers: time };
  return ask(tcpCheck({ connectTimeoutMs: 1000 }), { probes: faked, ports });
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

  it('does not tell a result before it is there itself', async () => {
    const time = new FakeTime();
    const atOnce: Probes = {
      ...probes,
      TCP_CHECK: () => (_io, settle) => {
        settle(pass);
        return { abort: () => {} };
      },
    };
    const ports = {
      clock: time,
      timers: time,
      selfDelay: new SelfDelay(),
      outside: NOTHING_OUTSIDE,
    };
    const told: ProbeResult[] = [];
    const run = startRun(questionOf(tcpCheck(), atOnce), ports, (result) => told.push(result));
    expect(told).toEqual([]);
    await time.settle();
    expect(told).toEqual([pass]);
    run.withdraw();
    await time.advance(5000);
    expect(told).toEqual([pass]);
    expect(time.armedTimers).toBe(0);
  });

  it('fails when a probe breaks where it is made ready, or where it begins', async () => {
    const boom = (): never => {
      throw new Error('boom');
    };
    for (const probe of [boom, () => boom]) {
      const time = new FakeTime();
      const broken: Probes = { ...probes, TCP_CHECK: probe };
      const run = ask(tcpCheck(), { probes: broken, ports: { clock: time, timers: time } });
      const detail = 'the check itself broke: boom';
      expect(await run.result).toMatchObject({ kind: 'fail', reason: 'PROBE_BROKEN', detail });
      expect(time.armedTimers).toBe(0);
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

describe('a run of several urls', () => {
  const urls = ['/a', '/b', '/c'].map((path) => httpUrl({ path }));

  /** Every url is answered after `answerMs`; `/c` never. */
  function slowly(answerMs: number, changes: { readonly endMs?: number } = {}) {
    const time = new FakeTime();
    const asked: string[] = [];
    const probe: Probe<HttpTarget> = (target, { signal, clock }) =>
      new Promise((resolve) => {
        const path = target.urls.map((url) => url.path).join();
        asked.push(`${path} at ${clock.monotonicMs()}`);
        const durationMs = answerMs;
        const answer = { kind: 'pass', durationMs, detail: `GET ${path}: 200` } as const;
        if (path !== '/c') time.start(answerMs, () => resolve(answer));
        signal.addEventListener('abort', () => resolve(fail(String(signal.reason))));
      });
    const faked: Probes = { ...probes, HTTP_GET: prepared(probe) };
    const ports = { clock: time, timers: time };
    const start = (config: HttpTarget) => ask(config, { probes: faked, ports, ...changes });
    return { time, asked, start };
  }

  it('gives each of them the whole connect_timeout', async () => {
    const { time, asked, start } = slowly(900);
    const run = start(httpGet({ connectTimeoutMs: 1000, urls: urls.slice(0, 2) }));
    await time.advance(1800);
    const detail = '2 urls, last: GET /b: 200';
    expect(await run.result).toEqual({ kind: 'pass', durationMs: 1800, detail });
    expect(asked).toEqual(['/a at 0', '/b at 900']);
    expect(time.armedTimers).toBe(0);
  });

  it('ends with the first that is not answered within it', async () => {
    const { time, asked, start } = slowly(900);
    const run = start(httpGet({ connectTimeoutMs: 1000, urls: [...urls, ...urls] }));
    await time.advance(2800);
    expect(await run.result).toMatchObject({ kind: 'fail', reason: 'deadline' });
    expect(asked).toEqual(['/a at 0', '/b at 900', '/c at 1800']);
  });

  it('ends at total_timeout, in whichever url that falls', async () => {
    const { time, asked, start } = slowly(900, { endMs: 1000 });
    const run = start(httpGet({ connectTimeoutMs: 1000, urls }));
    await time.advance(1000);
    expect(await run.result).toMatchObject({ kind: 'fail', reason: 'deadline' });
    expect(asked).toEqual(['/a at 0', '/b at 900']);
  });

  it('asks no further url once it is withdrawn', async () => {
    const { time, asked, start } = slowly(900);
    const run = start(httpGet({ connectTimeoutMs: 1000, urls }));
    await time.advance(100);
    run.withdraw();
    await run.result;
    await time.advance(5000);
    expect(asked).toEqual(['/a at 0']);
    expect(time.armedTimers).toBe(0);
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
