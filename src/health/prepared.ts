/** Checkers that are asked with promises, as the runner wants them. */
import {
  brokenProbe,
  type OutsideIo,
  type PrepareProbe,
  type Probe,
  type ProbeResult,
} from './probe.ts';

/** Nothing is made ready; an AbortController for each time it is asked. */
export function prepared<Target>(probe: Probe<Target, OutsideIo>): PrepareProbe<Target> {
  return (target) => (io, settle, startedMs) => {
    const abort = new AbortController();
    ask(probe, target, { ...io, signal: abort.signal }).then(settle, (error: unknown) =>
      settle(brokenProbe(error, io.clock.monotonicMs() - startedMs)),
    );
    return abort;
  };
}

/** Async, so that even a probe that throws outright becomes a result. */
async function ask<Target>(
  probe: Probe<Target, OutsideIo>,
  target: Target,
  io: OutsideIo,
): Promise<ProbeResult> {
  return probe(target, io);
}
