/**
 * What the client felt, from the record of its requests. P.
 *
 * **Outage**: over every run of consecutive failed requests (in order of their start), the time from
 * the start of the last success before the run to the start of the first success after it, less one
 * request interval; the longest of these. 0 when nothing failed. A run that begins or ends the record
 * is measured from, or to, its own first, or last, failed request, so an outage that never ended
 * counts for as long as it was watched. Starts follow the schedule and not the answers (open loop), so
 * a slow answer neither hides nor stretches an outage. Resolution: one request interval.
 */
export interface RequestRecord {
  /** Start and end on CLOCK_MONOTONIC, ms. */
  readonly startMs: number;
  readonly endMs: number;
  readonly ok: boolean;
  /** Body without its line end, when ok. */
  readonly page?: string;
  /** Why it failed: ECONNREFUSED, TIMEOUT, `STATUS 503`. */
  readonly error?: string;
}

export interface ClientExperience {
  readonly requests: number;
  readonly failedRequests: number;
  readonly outageMs: number;
  /** Failed requests by reason, most frequent first: `ECONNREFUSED 12, TIMEOUT 3`; `none`. */
  readonly failures: string;
}

export function summarize(records: readonly RequestRecord[], intervalMs: number): ClientExperience {
  const inOrder = records.toSorted((a, b) => a.startMs - b.startMs);
  const failed = inOrder.filter((record) => !record.ok);
  return {
    requests: inOrder.length,
    failedRequests: failed.length,
    outageMs: longestOutage(inOrder, intervalMs),
    failures: countFailures(failed),
  };
}

function longestOutage(inOrder: readonly RequestRecord[], intervalMs: number): number {
  let longest = 0;
  let lastSuccess: number | undefined;
  let firstFailure: number | undefined;
  let lastFailure = 0;
  for (const record of inOrder) {
    if (!record.ok) {
      firstFailure ??= record.startMs;
      lastFailure = record.startMs;
      continue;
    }
    if (firstFailure !== undefined) {
      const from = lastSuccess ?? firstFailure - intervalMs;
      longest = Math.max(longest, record.startMs - from - intervalMs);
    }
    firstFailure = undefined;
    lastSuccess = record.startMs;
  }
  if (firstFailure !== undefined) {
    const from = lastSuccess ?? firstFailure - intervalMs;
    longest = Math.max(longest, lastFailure - from);
  }
  return Math.round(longest);
}

function countFailures(failed: readonly RequestRecord[]): string {
  const counts = new Map<string, number>();
  for (const { error = 'UNKNOWN' } of failed) counts.set(error, (counts.get(error) ?? 0) + 1);
  if (counts.size === 0) return 'none';
  const byCount = [...counts].sort((a, b) => b[1] - a[1]);
  return byCount.map(([reason, count]) => `${reason} ${count}`).join(', ');
}

/** True when no two consecutive pages are the same and every wanted page was seen. */
export function isAlternating(pages: readonly string[], wanted: readonly string[]): boolean {
  const differs = pages.every((page, index) => index === 0 || page !== pages[index - 1]);
  return differs && wanted.every((page) => pages.includes(page));
}
