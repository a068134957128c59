/** What a capture and a prober's record say, as numbers: pure, so that the arithmetic is tested. */

/** An advert as tcpdump printed it. */
export interface SeenAdvert {
  /** When the kernel received it, ms of the Unix epoch. */
  readonly atMs: number;
  readonly source: string;
  readonly priority: number;
}

/** One probe: sent once, and answered or not. */
export interface Probe {
  readonly sentMs: number;
  readonly isAnswered: boolean;
}

export interface Summary {
  readonly median: number;
  /** Nearest rank: the highest value where there are fewer than a hundred. */
  readonly p99: number;
}

const MS_PER_SECOND = 1000;
const ADVERT = /^(\d+)\.(\d{6,9}) IP6? (\S+) > \S+: VRRPv3, Advertisement, .*?\bprio (\d+)/;

/**
 * A line of `tcpdump -n -tt`; undefined for anything but an advert. Seconds and their fraction are read
 * apart: together they have more digits than a number keeps.
 */
export function readAdvert(line: string): SeenAdvert | undefined {
  const [, seconds, fraction, source, priority] = ADVERT.exec(line) ?? [];
  if (seconds === undefined || fraction === undefined || source === undefined) return undefined;
  const atMs = Number(seconds) * MS_PER_SECOND + Number(`0.${fraction}`) * MS_PER_SECOND;
  return { atMs, source, priority: Number(priority) };
}

/** What a takeover is measured from: the last advert that was worth waiting for, or the resignation. */
export type TakeoverFrom = 'lastAdvert' | 'resignation';

/**
 * From the victim's last advert (or its priority 0) to the successor's first, both after `fromMs`;
 * undefined where there was none.
 */
export function takeoverMs(
  adverts: readonly SeenAdvert[],
  who: { readonly victim: string; readonly successor: string },
  from: TakeoverFrom,
  actedMs: number,
): number | undefined {
  const taken = adverts.find(
    ({ source, atMs, priority }) => source === who.successor && atMs >= actedMs && priority > 0,
  );
  if (taken === undefined) return undefined;
  const before = adverts.filter(({ source, atMs }) => source === who.victim && atMs < taken.atMs);
  const start =
    from === 'lastAdvert'
      ? before.findLast(({ priority }) => priority > 0)
      : before.find(({ priority, atMs }) => priority === 0 && atMs >= actedMs);
  return start === undefined ? undefined : taken.atMs - start.atMs;
}

/**
 * The longest time a client was without answers: from the last answered probe to the next answered one,
 * less the one interval that there always is. A prober that was itself late lost nothing.
 */
export function longestOutageMs(probes: readonly Probe[], intervalMs: number): number {
  let longest = 0;
  let answeredMs: number | undefined;
  let hasLost = false;
  for (const { sentMs, isAnswered } of probes) {
    if (!isAnswered) {
      hasLost = true;
      continue;
    }
    if (hasLost && answeredMs !== undefined) {
      longest = Math.max(longest, sentMs - answeredMs - intervalMs);
    }
    answeredMs = sentMs;
    hasLost = false;
  }
  const last = probes.at(-1);
  if (hasLost && last !== undefined) {
    longest = Math.max(longest, last.sentMs - (answeredMs ?? last.sentMs));
  }
  return longest;
}

/** RFC 9568 6.1: what a backup of this priority waits after the last advert, or after priority 0. */
export function protocolMs(from: TakeoverFrom, priority: number, intervalMs: number): number {
  const skewMs = ((256 - priority) * intervalMs) / 256;
  return from === 'lastAdvert' ? 3 * intervalMs + skewMs : skewMs;
}

export function summarize(values: readonly number[]): Summary {
  return { median: rank(values, 0.5), p99: rank(values, 0.99) };
}

function rank(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.max(0, Math.ceil(share * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

/**
 * ours / peer; equal ones are 1, also where both are 0; undefined where that is no comparison:
 * nothing to divide by, or less than the protocol's time because the supervisor gave up earlier.
 */
export function ratioOf(ours: number, peer: number): number | undefined {
  if (ours === peer) return 1;
  return peer > 0 && ours >= 0 ? ours / peer : undefined;
}

export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
