/** What the servers wrote down of a run, as numbers: pure, so that the arithmetic is tested. */

/** One connection, as target.c saw it. */
export interface Arrival {
  /** The address that was asked, as a number. */
  readonly address: number;
  readonly port: number;
  /** CLOCK_MONOTONIC, ms. */
  readonly atMs: number;
}

/** When checks came, beside when they should have. */
export interface Timing {
  readonly checks: number;
  /** From one check of a server to its next, on average. */
  readonly intervalMs: number;
  /** How far single intervals were from what the file says, in either direction. */
  readonly latenessMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Checks in the fullest hundredth of a second of a hundred, over their mean; 1 is perfectly even. */
  readonly burst: number;
}

const RECORD_BYTES = 16;
const NS_PER_MS = 1e6;
const BURST_MS = 10;

/** Reads what `dump` wrote. */
export function readArrivals(bytes: Buffer): readonly Arrival[] {
  return Array.from({ length: Math.floor(bytes.length / RECORD_BYTES) }, (_, index) => {
    const at = index * RECORD_BYTES;
    return {
      address: bytes.readUInt32LE(at),
      port: bytes.readUInt32LE(at + 4),
      atMs: Number(bytes.readBigUInt64LE(at + 8)) / NS_PER_MS,
    };
  });
}

/** `wantedMs`: the delay_loop of all of them. Arrivals are in the order of time. */
export function timingOf(arrivals: readonly Arrival[], wantedMs: number): Timing {
  const lastMs = new Map<number, number>();
  const intervals: number[] = [];
  for (const { address, port, atMs } of arrivals) {
    // Exact: 2^48 at the most.
    const server = address * 65_536 + port;
    const before = lastMs.get(server);
    if (before !== undefined) intervals.push(atMs - before);
    lastMs.set(server, atMs);
  }
  const lateness = intervals.map((ms) => Math.abs(ms - wantedMs)).sort((a, b) => a - b);
  return {
    checks: arrivals.length,
    intervalMs: intervals.reduce((sum, ms) => sum + ms, 0) / intervals.length,
    latenessMs: { p50: rank(lateness, 0.5), p99: rank(lateness, 0.99), max: rank(lateness, 1) },
    burst: burstOf(arrivals),
  };
}

function burstOf(arrivals: readonly Arrival[]): number {
  const first = arrivals[0]?.atMs ?? 0;
  const counts = new Map<number, number>();
  for (const { atMs } of arrivals) {
    const slot = Math.floor((atMs - first) / BURST_MS);
    counts.set(slot, (counts.get(slot) ?? 0) + 1);
  }
  const slots = Math.floor(((arrivals.at(-1)?.atMs ?? 0) - first) / BURST_MS) + 1;
  const full = Array.from({ length: slots }, (_, slot) => counts.get(slot) ?? 0);
  return (
    (rank(
      full.sort((a, b) => a - b),
      0.99,
    ) *
      slots) /
    arrivals.length
  );
}

/** Nearest rank of what is in order. */
export function rank(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}
