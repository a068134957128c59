import { formatEndpoint } from '../../src/base/address.ts';
import type { ConnectingCheckerConfig } from '../../src/config/model.ts';
import { prepared } from '../../src/health/prepared.ts';
import type { ProbeIo, ProbeResult } from '../../src/health/probe.ts';
import { type Probes, probes } from '../../src/health/runner.ts';

export const pass: ProbeResult = { kind: 'pass', durationMs: 1, detail: 'fine' };

export function fail(reason = 'CONNECT_REFUSED'): ProbeResult {
  return { kind: 'fail', durationMs: 1, reason, detail: `it was ${reason}` };
}

export const inconclusive: ProbeResult = {
  kind: 'inconclusive',
  durationMs: 0,
  reason: 'EMFILE',
  detail: 'no descriptor left',
};

/** `hang` waits for the abort and then reports it, as a good probe does; `deaf` ignores even that. */
export type Behaviour = ProbeResult | 'hang' | 'deaf';

/** Servers as the engine meets them: each endpoint behaves as last told, and passes until then. */
export class FakeProbes {
  readonly probes: Probes;
  /** Every probe started: when and where. */
  readonly started: { readonly atMs: number; readonly target: string }[] = [];
  running = 0;
  runningMax = 0;
  readonly #behaviours = new Map<string, Behaviour>();

  constructor() {
    const probe = prepared((target: ConnectingCheckerConfig, io) => this.#probe(target, io));
    this.probes = {
      TCP_CHECK: probe,
      HTTP_GET: probe,
      SSL_GET: probe,
      SMTP_CHECK: probe,
      REDIS_CHECK: probe,
      AGENT_CHECK: probe,
      UDP_CHECK: probe,
      DNS_CHECK: probe,
      PING_CHECK: probe,
      DSR_CHECK: probe,
      MISC_CHECK: probes.MISC_CHECK,
      FILE_CHECK: probes.FILE_CHECK,
      BFD_CHECK: probes.BFD_CHECK,
    };
  }

  set(target: string, behaviour: Behaviour): void {
    this.#behaviours.set(target, behaviour);
  }

  /** When `target` was asked, monotonic ms. */
  timesOf(target: string): number[] {
    return this.started.filter((entry) => entry.target === target).map((entry) => entry.atMs);
  }

  async #probe(config: ConnectingCheckerConfig, io: ProbeIo): Promise<ProbeResult> {
    const target = formatEndpoint(config.connectAddress, config.connectPort);
    this.started.push({ atMs: io.clock.monotonicMs(), target });
    this.running += 1;
    this.runningMax = Math.max(this.runningMax, this.running);
    const result = await this.#behave(this.#behaviours.get(target) ?? pass, io);
    this.running -= 1;
    return result;
  }

  #behave(behaviour: Behaviour, io: ProbeIo): Promise<ProbeResult> {
    if (behaviour === 'deaf') return new Promise(() => {});
    if (behaviour !== 'hang') return Promise.resolve(behaviour);
    return new Promise((resolve) => {
      io.signal.addEventListener('abort', () => resolve(fail('CONNECT_TIMEOUT')));
    });
  }
}
