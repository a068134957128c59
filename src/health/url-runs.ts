/**
 * A check of several urls: one probe after the other, each with the check's whole `connect_timeout`, as
 * keepalived gives it; `total_timeout` bounds them all. keepalived asks one url per delay_loop; asking all at
 * every check sees a failure and a recovery sooner.
 */
import type { HttpTarget } from './http-request.ts';
import type { ProbeResult, Run } from './probe.ts';

/** Asks in order; the first url that is not answered as wanted decides. `startOne` is given one url each time. */
export function startUrlRuns(target: HttpTarget, startOne: (one: HttpTarget) => Run): Run {
  let current: Run | undefined;
  let isWithdrawn = false;
  const askAll = async (): Promise<ProbeResult> => {
    let durationMs = 0;
    let last: ProbeResult = { kind: 'pass', durationMs, detail: 'no url' };
    for (const url of target.urls) {
      current = startOne({ ...target, urls: [url] });
      last = await current.result;
      durationMs += last.durationMs;
      if (last.kind !== 'pass' || isWithdrawn) return { ...last, durationMs };
    }
    return { ...last, durationMs, detail: `${target.urls.length} urls, last: ${last.detail}` };
  };
  return {
    result: askAll(),
    withdraw: () => {
      isWithdrawn = true;
      current?.withdraw();
    },
  };
}
