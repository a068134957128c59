/** What scenarios are made of: steps that hold or do not, and the checks several scenarios share. */
import { OBSERVATION_DEADLINE_MS } from './bounds.ts';
import type { Client } from './client.ts';
import { poll } from './command.ts';
import { formatTable, isSameTable, type TableLine, wantedTable } from './ipvs-table.ts';
import { DIRECTOR_NAMES, type DirectorName, nodeMac, PAGES } from './lab.ts';
import { type ClientExperience, isAlternating } from './outage.ts';
import type { RunningLab } from './running-lab.ts';

/** One thing that was looked at. `ms` where it is about a time. */
export interface Step {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
  readonly ms?: number;
}

export interface Measurement {
  /** Fault (or start of the returning master) to the new master's announcement; absent: no takeover. */
  readonly takeoverMs?: number;
  readonly experience: ClientExperience;
}

export type Scenario = (lab: RunningLab, steps: Steps) => Promise<Measurement>;

/** A step did not hold, and the rest of the scenario would only repeat that. The step is recorded. */
export class StepNotHeld extends Error {
  readonly code = 'STEP_NOT_HELD';
}

export class Steps {
  readonly #onStep: (step: Step) => void;
  readonly #taken: Step[] = [];

  constructor(onStep: (step: Step) => void) {
    this.#onStep = onStep;
  }

  get taken(): readonly Step[] {
    return this.#taken;
  }

  record(step: Step): void {
    const rounded = step.ms === undefined ? step : { ...step, ms: Math.round(step.ms) };
    this.#taken.push(rounded);
    this.#onStep(rounded);
  }

  /** Records a step; when it does not hold, the scenario ends here. */
  require(step: Step): void {
    this.record(step);
    if (!step.ok) throw new StepNotHeld(`${step.name}: ${step.detail}`);
  }
}

const DIRECTORS_BY_PAIR: Readonly<Record<DirectorName, DirectorName>> = {
  director1: 'director2',
  director2: 'director1',
};

export function otherDirector(director: DirectorName): DirectorName {
  return DIRECTORS_BY_PAIR[director];
}

/** Enough to see each page four times. */
const PAGES_TO_FETCH = 8;

/** Half a second: after a change, this many more requests show that nothing is lost any more. */
export const REQUESTS_AFTER_THE_CHANGE = 25;

/** `3,412 ms`. */
export function formatMs(ms: number): string {
  return `${Math.round(ms).toLocaleString('en-US')} ms`;
}

export function formatBound(ms: number): string {
  return `at most ${formatMs(ms)}`;
}

/** Where every scenario starts: both directors run, director1 is master, tables are whole. */
export async function settle(lab: RunningLab, steps: Steps): Promise<void> {
  for (const director of DIRECTOR_NAMES) {
    if (lab.isOff(director)) await lab.bootDirector(director);
    if (!lab.isRunning(director)) lab.startDirector(director);
  }
  await requireMaster(lab, steps, 'director1');
  await requireTables(lab, steps, wantedTable());
  await requireAlternatingPages(lab, steps);
}

/** The VIP is on this director and on no other that is on. */
export async function requireMaster(
  lab: RunningLab,
  steps: Steps,
  master: DirectorName,
): Promise<void> {
  const other = otherDirector(master);
  const isMaster = async (): Promise<true | undefined> => {
    if (!(await lab.holdsVip(master))) return undefined;
    return lab.isOff(other) || !(await lab.holdsVip(other)) ? true : undefined;
  };
  const held = await poll(isMaster, {
    deadlineMs: OBSERVATION_DEADLINE_MS,
    signal: lab.signal,
  });
  const holders: string[] = [];
  for (const director of DIRECTOR_NAMES) {
    if (!lab.isOff(director) && (await lab.holdsVip(director))) holders.push(director);
  }
  const where = holders.length === 0 ? 'nobody' : holders.join(' and ');
  steps.require({ name: `${master} is the one master`, ok: held.ok, detail: `VIP on ${where}` });
}

/** `ipvsadm -Ln` of every director that runs shows exactly this table, or does so in time. */
export async function requireTables(
  lab: RunningLab,
  steps: Steps,
  wanted: readonly TableLine[],
): Promise<void> {
  for (const director of DIRECTOR_NAMES) {
    if (!lab.isRunning(director)) continue;
    const seen = await waitForTable(lab, director, wanted, OBSERVATION_DEADLINE_MS);
    steps.require({
      name: `table of ${director}`,
      ok: seen.atMs !== undefined,
      detail: describeTable(seen.table, wanted),
    });
  }
}

/** What `ipvsadm -Ln` shows now, or why it is not what is wanted. */
export function describeTable(table: readonly TableLine[], wanted: readonly TableLine[]): string {
  if (isSameTable(table, wanted)) return formatTable(table);
  return `found ${formatTable(table)}; wanted ${formatTable(wanted)}`;
}

export interface SeenTable {
  /** When the look that found the wanted table had ended; absent when none did. */
  readonly atMs?: number;
  readonly table: readonly TableLine[];
}

/** Looks until the table is as wanted. Resolution: one look, 30 ms and the run of ipvsadm. */
export async function waitForTable(
  lab: RunningLab,
  director: DirectorName,
  wanted: readonly TableLine[],
  deadlineMs: number,
): Promise<SeenTable> {
  let table: readonly TableLine[] = [];
  const outcome = await poll(
    async () => {
      table = await lab.table(director);
      return isSameTable(table, wanted) ? true : undefined;
    },
    { deadlineMs, signal: lab.signal },
  );
  return outcome.ok ? { atMs: outcome.atMs, table } : { table };
}

/** A table that both directors shall have, each by its own doing. */
export interface TableChange {
  /** With the name of the director behind it, the name of the step. */
  readonly change: string;
  readonly since: { readonly atMs: number; readonly what: string };
  readonly wanted: readonly TableLine[];
  readonly boundMs: number;
}

/** Both directors check by themselves. Returns when the active one, director1, had the wanted table. */
export async function requireTableChange(
  lab: RunningLab,
  steps: Steps,
  { change, since, wanted, boundMs }: TableChange,
): Promise<number> {
  const seen = await Promise.all(
    DIRECTOR_NAMES.map(async (director) => ({
      director,
      ...(await waitForTable(lab, director, wanted, 2 * boundMs)),
    })),
  );
  for (const { director, atMs, table } of seen) {
    const name = `${change} ${director}`;
    const described = describeTable(table, wanted);
    if (atMs === undefined) {
      steps.require({ name, ok: false, detail: described });
      continue;
    }
    const ms = atMs - since.atMs;
    const detail = `${formatMs(ms)} after ${since.what} (${formatBound(boundMs)}): ${described}`;
    steps.record({ name, ok: ms <= boundMs, detail, ms });
  }
  return seen[0]?.atMs ?? since.atMs;
}

/** Both pages, in turn, through the VIP: the servers answer the client themselves (DR). */
export async function requireAlternatingPages(lab: RunningLab, steps: Steps): Promise<void> {
  const pages = await lab.fetchPages(PAGES_TO_FETCH);
  const counts = Object.values(PAGES).map(
    (wanted) => `"${wanted}" ${pages.filter((page) => page === wanted).length}`,
  );
  const ok = pages.length === PAGES_TO_FETCH && isAlternating(pages, Object.values(PAGES));
  steps.require({
    name: 'both pages alternate',
    ok,
    detail: `${pages.length} of ${PAGES_TO_FETCH} answered: ${ok ? counts.join(', ') : pages.join(', ')}`,
  });
}

export interface Takeover {
  readonly from: string;
  readonly sinceMs: number;
  readonly boundMs: number;
}

/**
 * Waits for this director's gratuitous ARP on the client's wire and for the VIP on it, and nowhere else.
 * Returns the time from the fault to the first announcement.
 */
export async function requireTakeover(
  lab: RunningLab,
  steps: Steps,
  master: DirectorName,
  { from, sinceMs, boundMs }: Takeover,
): Promise<number> {
  const announced = await poll(() => lab.wire.announcementsSince(sinceMs, nodeMac(master))[0], {
    deadlineMs: OBSERVATION_DEADLINE_MS,
    signal: lab.signal,
  });
  if (!announced.ok) {
    const detail = `no gratuitous ARP of ${master} on the wire`;
    steps.require({ name: `VIP on ${master}`, ok: false, detail });
    throw new Error('unreachable: a required step that does not hold ends the scenario');
  }
  const takeoverMs = announced.value.atMs - sinceMs;
  steps.record({
    name: `VIP on ${master}`,
    ok: takeoverMs <= boundMs,
    detail: `announced by gratuitous ARP ${formatMs(takeoverMs)} after ${from} (${formatBound(boundMs)})`,
    ms: takeoverMs,
  });
  await requireMaster(lab, steps, master);
  return takeoverMs;
}

/** Ends the load and records what the client felt against what may be lost. */
export async function recordExperience(
  client: Client,
  steps: Steps,
  { lossBound }: { readonly lossBound: number },
): Promise<ClientExperience> {
  await client.requestsDone(REQUESTS_AFTER_THE_CHANGE);
  const experience = await client.stop();
  const { requests, failedRequests, outageMs, failures } = experience;
  const lost = `${failedRequests} of ${requests} requests lost (at most ${lossBound})`;
  steps.record({
    name: 'the client',
    ok: failedRequests <= lossBound,
    detail: `${lost}, outage ${formatMs(outageMs)}, failures: ${failures}`,
    ms: outageMs,
  });
  return experience;
}
