/**
 * Two timelines of one table, lvsd's beside keepalived's, after the same things were done to the servers at
 * the same moments: ours may be earlier, never wrong. Pure.
 */

/** delay_loop of the file, ms. */
export const INTERVAL_MS = 800;

/** Pause between two looks at the table, ms. */
export const SAMPLE_MS = 150;

/** `tcp 10.81.0.1:80` -> `10.81.0.11:80` -> weight. */
export type TableState = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Sample {
  /** Since the first thing was done. */
  readonly atMs: number;
  readonly table: TableState;
}

export interface Flip {
  readonly atMs: number;
  /** `10.81.0.11:80 stops listening`. */
  readonly what: string;
  /** Several servers at once: the order in which they are noticed is nobody's. */
  readonly isMany: boolean;
  /** Both are told of it at once, and wait for no check. */
  readonly isTold: boolean;
}

export interface Timeline {
  /** What the table was like before anything was done. */
  readonly initial: TableState;
  readonly flips: readonly Flip[];
  readonly samples: readonly Sample[];
}

export interface Tolerance {
  /** How much later than keepalived we may be: a look at the table and a check interval. */
  readonly lateMs: number;
  /** The same of what both are told of: no check interval. */
  readonly toldLateMs: number;
}

/** The samples of one flip without repeats: the state that it met first. */
type Passage = readonly Sample[];

const SERVER = /^ +-> (\S+) +(?:Route|Tunnel|Masq) +(\d+) /;
const SERVICE = /^(TCP|UDP|SCTP) +(\S+) /;

/** `ipvsadm -Ln`, without its connections. */
export function readTable(listing: string): TableState {
  const table: Record<string, Record<string, number>> = {};
  let servers: Record<string, number> = {};
  for (const line of listing.split('\n')) {
    const [, protocol, address] = SERVICE.exec(line) ?? [];
    if (protocol !== undefined && address !== undefined) {
      servers = {};
      table[`${protocol.toLowerCase()} ${address}`] = servers;
    }
    const [, server, weight] = SERVER.exec(line) ?? [];
    if (server !== undefined) servers[server] = Number(weight);
  }
  return table;
}

/** The same of some services only, each by its address and port; `flips` is of these already. */
export function narrowed(timeline: Timeline, services: readonly string[]): Timeline {
  const wanted = new Set(services);
  const narrow = (table: TableState): TableState =>
    Object.fromEntries(
      Object.entries(table).filter(([name]) => wanted.has(name.replace(/^\w+ /, ''))),
    );
  return {
    initial: narrow(timeline.initial),
    flips: timeline.flips,
    samples: timeline.samples.map(({ atMs, table }) => ({ atMs, table: narrow(table) })),
  };
}

/** How much later than theirs our table came to its end after each flip that changed both, ms. */
export function latenesses(ours: Timeline, theirs: Timeline): readonly number[] {
  return ours.flips.flatMap((_flip, index) => {
    const [us, them] = [passage(ours, index), passage(theirs, index)];
    if (us.length === 1 || them.length === 1) return [];
    return [(us.at(-1)?.atMs ?? 0) - (them.at(-1)?.atMs ?? 0)];
  });
}

/** The median, the upper one of two; not a number of none. */
export function middleOf(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
}

/** What is wrong with ours, one text each with both timelines; empty when nothing is. */
export function compareTimelines(
  ours: Timeline,
  theirs: Timeline,
  tolerance: Tolerance,
): readonly string[] {
  const wrong: string[] = [];
  if (textOf(ours.initial) !== textOf(theirs.initial)) {
    const before: Flip = { atMs: 0, what: 'the start', isMany: false, isTold: false };
    const at = (table: TableState): Passage => [{ atMs: 0, table }];
    wrong.push(complain('starts otherwise', before, at(ours.initial), at(theirs.initial)));
  }
  ours.flips.forEach((flip, index) => {
    const us = passage(ours, index);
    const them = passage(theirs, index);
    const why = judge(flip, us, them, tolerance);
    if (why !== undefined) wrong.push(complain(why, flip, us, them));
  });
  return wrong;
}

function passage({ initial, flips, samples }: Timeline, index: number): Passage {
  const fromMs = flips[index]?.atMs ?? Number.POSITIVE_INFINITY;
  const endMs = flips[index + 1]?.atMs ?? Number.POSITIVE_INFINITY;
  const before = samples.findLast(({ atMs }) => atMs < fromMs)?.table ?? initial;
  const passed: Sample[] = [{ atMs: 0, table: before }];
  for (const { atMs, table } of samples) {
    if (atMs < fromMs || atMs >= endMs) continue;
    const last = passed.at(-1)?.table ?? initial;
    if (textOf(last) !== textOf(table)) passed.push({ atMs: atMs - fromMs, table });
  }
  return passed;
}

function judge(
  { isMany, isTold }: Flip,
  us: Passage,
  them: Passage,
  tolerance: Tolerance,
): string | undefined {
  const [ourEnd, theirEnd] = [us.at(-1), them.at(-1)];
  if (ourEnd === undefined || theirEnd === undefined) return 'nothing was seen';
  if (textOf(ourEnd.table) !== textOf(theirEnd.table)) return 'comes to another table';
  const [our, their] = [us, them].map((each) => each.map(({ table }) => textOf(table)));
  const isPassedThrough = isWithin(our ?? [], their ?? []) || isWithin(their ?? [], our ?? []);
  if (!isMany && !isPassedThrough) return 'goes through other tables';
  const stranger = us.find(({ table }) => !isBetween(table, us[0]?.table ?? {}, ourEnd.table));
  if (stranger !== undefined) return `has after ${round(stranger.atMs)} ms what is neither`;
  const lateMs = isTold ? tolerance.toldLateMs : tolerance.lateMs;
  if (ourEnd.atMs > theirEnd.atMs + lateMs) {
    return `is ${round(ourEnd.atMs - theirEnd.atMs)} ms later, ${lateMs} are allowed`;
  }
  return undefined;
}

/** Whether all of `few` are in `many`, in this order: who has more has only been seen in more of them. */
function isWithin(few: readonly string[], many: readonly string[]): boolean {
  let at = 0;
  for (const each of many) if (each === few[at]) at += 1;
  return at === few.length;
}

/** Whether every entry is as it was before or as it is in the end. */
function isBetween(table: TableState, before: TableState, after: TableState): boolean {
  const all = new Set([table, before, after].flatMap((each) => [...entries(each).keys()]));
  const [now, was, will] = [entries(table), entries(before), entries(after)];
  return [...all].every((name) => {
    const weight = now.get(name);
    return weight === was.get(name) || weight === will.get(name);
  });
}

/** `service server` -> weight. */
function entries(table: TableState): ReadonlyMap<string, number> {
  return new Map(
    Object.entries(table).flatMap(([service, servers]) =>
      Object.entries(servers).map(([server, weight]): [string, number] => [
        `${service} ${server}`,
        weight,
      ]),
    ),
  );
}

/** The same text for the same table, whatever its order; services without a server count. */
export function textOf(table: TableState): string {
  return Object.keys(table)
    .sort()
    .map((service) => {
      const servers = Object.entries(table[service] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
      return `${service} { ${servers.map(([server, weight]) => `${server} ${weight}`).join(', ')} }`;
    })
    .join('\n');
}

/** Both side by side, of each state only what the one before it had otherwise. */
function complain(why: string, flip: Flip, us: Passage, them: Passage): string {
  const [our, their] = [shown(us), shown(them)];
  const width = Math.max(...our.map((line) => line.length), 'lvsd'.length) + 3;
  const rows = Array.from({ length: Math.max(our.length, their.length) }, (_, index) => {
    return `    ${(our[index] ?? '').padEnd(width)}| ${their[index] ?? ''}`;
  });
  return [
    `At ${round(flip.atMs)} ms, ${flip.what}: lvsd ${why}`,
    `    ${'lvsd'.padEnd(width)}| keepalived`,
    ...rows,
  ].join('\n');
}

function shown(passed: Passage): readonly string[] {
  if (passed.length === 1)
    return ['(nothing changes)', ...textOf(passed[0]?.table ?? {}).split('\n')];
  return passed.slice(1).flatMap(({ atMs, table }, index) => {
    const [was, now] = [entries(passed[index]?.table ?? {}), entries(table)];
    const changed = [...new Set([...was.keys(), ...now.keys()])].filter(
      (name) => was.get(name) !== now.get(name),
    );
    return changed.map((name) => {
      const [from, to] = [was.get(name) ?? 'absent', now.get(name) ?? 'absent'];
      return `${String(round(atMs)).padStart(5)} ms  ${name}: ${from} -> ${to}`;
    });
  });
}

function round(ms: number): number {
  return Math.round(ms);
}
