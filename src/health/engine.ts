/**
 * Watches every real server: runs its checks when they are due, judges the results, and says when a
 * server goes up or down.
 *
 *   queue -> (due, below the cap) -> run -> result -> judge -> checker changed? -> server changed? -> onChange
 *
 * A server is up while all its checkers are and none says maint; one without checkers is always up.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { CheckerConfig, VirtualServerConfig } from '../config/model.ts';
import { serviceName } from '../config/names.ts';
import { ChangeLog } from './change-log.ts';
import { Checker, type CheckerHealth, type ExpiryWarning } from './checker.ts';
import type { Outside } from './outside.ts';
import type { ProbeResult, Run } from './probe.ts';
import {
  type CheckerFate,
  checkerKey,
  matchCheckers,
  planServers,
  type ServerPlan,
} from './roster.ts';
import { type Probes, probes, startRun } from './runner.ts';
import { DueQueue, firstCheckDelayMs } from './schedule.ts';
import { SelfDelay } from './self-delay.ts';
import { eventLoopTimers, type Timer, type Timers } from './timers.ts';
import { checkEndMs, initialState, intervalOf, judge, PASSED } from './verdict.ts';
import { type Cause, type ServerChange, WatchedServer } from './watched-server.ts';

/** Probes under way at once: bounds descriptors. More wait, in the order they came due. */
export const PROBES_MAX = 4096;

/** Probes started before the event loop gets its turn: bounds our own lag when many are due at once. */
export const STARTS_PER_TURN = 64;

/** Checks come due at multiples of this: several begin, and are answered, in one turn of the event loop. */
export const SLOT_MS = 4;

/** The reason of a change that a reload made, not a check. */
export const CHECKS_CHANGED = 'CHECKS_CHANGED';

/** Inconclusive checks of one checker in a row after which a warning is logged. */
const INCONCLUSIVE_WARN = 5;

/** At most one such warning within this, ms: our trouble usually meets all checkers at once. */
const INCONCLUSIVE_WARN_EVERY_MS = 60_000;

export interface ServerHealth {
  readonly name: string;
  readonly isUp: boolean;
  /** `ha_suspend`: not checked while the address of its service is not on this host. */
  readonly isSuspended?: boolean;
  /** Wall clock of the last change, or of the start; ms since 1970. */
  readonly sinceMs: number;
  /** As its checks want it; absent: as the file has it. */
  readonly weight?: number;
  readonly checkers: readonly CheckerHealth[];
}

export interface HealthEngineOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Scripts, files and sessions; without it MISC_CHECK, FILE_CHECK and BFD_CHECK stay undecided. */
  readonly outside?: Outside;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * A server went up or down, or has another weight while it is up; `isUp` answers the new way already. Not
   * called for the state at start.
   */
  readonly onChange: (change: ServerChange) => void;
  /** Every checker has passed or failed once; called once, after the `onChange` of the last of them. */
  readonly onAllChecked?: () => void;
  /** Told once of each certificate, for every server that shows it. */
  readonly onExpiry?: (warning: ExpiryWarning) => void;
  /** The event loop's timers unless a test brings its own. */
  readonly timers?: Timers;
  /** The real probes unless a test brings its own. */
  readonly probes?: Probes;
}

/** Whether servers are up, by name. */
type Verdicts = ReadonlyMap<string, boolean>;

export class HealthEngine {
  readonly #options: HealthEngineOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #probes: Probes;
  readonly #changeLog: ChangeLog;
  readonly #selfDelay = new SelfDelay();
  readonly #queue = new DueQueue<Checker>();
  readonly #runs = new Set<Run>();
  readonly #servers = new Map<string, WatchedServer>();
  /** The servers of each service that is watched, in the order of the configuration. */
  #rosters: ReadonlyMap<VirtualServerConfig, readonly WatchedServer[]> = new Map();
  /** By checkerKey. */
  readonly #checkers = new Map<string, Checker>();
  /** The servers that go by a checker's verdict. */
  readonly #users = new Map<Checker, Set<WatchedServer>>();
  /** Checkers that have not passed or failed yet; undefined once that was told to be over. */
  #unchecked: Set<Checker> | undefined = new Set();
  /** The one timer of the queue, and what it waits for. */
  #timer: { readonly handle: Timer; readonly dueMs: number } | undefined;
  #inherited: Verdicts = new Map();
  #suspended: ReadonlySet<string> = new Set();
  #isYielding = false;
  #warnedMs = Number.NEGATIVE_INFINITY;
  #state: 'new' | 'watching' | 'closed' = 'new';

  constructor(options: HealthEngineOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#timers = options.timers ?? eventLoopTimers;
    this.#probes = options.probes ?? probes;
    this.#changeLog = new ChangeLog(options.log, this.#timers);
  }

  /**
   * Starts watching. From here on `isUp` answers: as `inherited` from a predecessor, by server; else up, or
   * down where a checker is alpha.
   */
  start(virtualServers: readonly VirtualServerConfig[], inherited: Verdicts = new Map()): void {
    if (this.#state !== 'new')
      throw new Error(`Cannot start a health engine that is ${this.#state}`);
    this.#state = 'watching';
    this.#inherited = inherited;
    this.#adopt(virtualServers);
    this.#inherited = new Map();
  }

  /**
   * Watches another set of servers. Kept ones keep their state and schedule (see roster.ts), removed ones
   * are dropped and their probes aborted at once, new ones start as at `start`. Services that are the very
   * objects that are watched are not looked into: of thousands, a reload changes few.
   */
  reload(virtualServers: readonly VirtualServerConfig[]): void {
    if (this.#state !== 'watching')
      throw new Error(`Cannot reload a health engine that is ${this.#state}`);
    this.#adopt(virtualServers);
  }

  /**
   * Checks those that `isMeant` at once: what they ask about has changed. One under way may have asked before
   * that, so another one follows it.
   */
  recheck(isMeant: (config: CheckerConfig) => boolean): void {
    if (this.#state !== 'watching') return;
    const nowMs = this.#clock.monotonicMs();
    for (const [checker, users] of this.#users) {
      if (this.#rest(users) || !isMeant(checker.config)) continue;
      if (checker.run === undefined) this.#checkAt(checker, nowMs);
      else checker.isOutdated = true;
    }
    this.#pump();
  }

  /**
   * From now on these servers, and no others, are not checked: `ha_suspend`. Their verdicts stand; a server
   * that is let go on is checked at once. Names that are not watched are remembered. A check that another
   * server shares goes on, and its results count for both.
   */
  suspend(names: ReadonlySet<string>): void {
    const before = this.#suspended;
    if (names.size === 0 && before.size === 0) return;
    const rested = new Set(this.#resting());
    this.#suspended = names;
    for (const name of this.#servers.keys()) {
      const isSuspended = names.has(name);
      if (isSuspended === before.has(name)) continue;
      this.#options.log.info({ server: name }, isSuspended ? 'checks suspended' : 'checks resumed');
    }
    const nowMs = this.#clock.monotonicMs();
    const resting = new Set(this.#resting());
    this.#pause([...resting].filter((checker) => !rested.has(checker)));
    for (const checker of rested) if (!resting.has(checker)) this.#checkAt(checker, nowMs);
    if (this.#state === 'watching') this.#tellAllChecked();
    this.#pump();
  }

  #checkAt(checker: Checker, dueMs: number): void {
    checker.state = { ...checker.state, dueMs };
    this.#queue.put(checker, dueMs);
  }

  /** Checkers whose every server is suspended. */
  #resting(): readonly Checker[] {
    if (this.#suspended.size === 0) return [];
    return [...this.#users].filter(([, users]) => this.#rest(users)).map(([checker]) => checker);
  }

  #rest(users: Iterable<WatchedServer>): boolean {
    for (const { name } of users) if (!this.#suspended.has(name)) return false;
    return true;
  }

  watches(serverName: string): boolean {
    return this.#servers.has(serverName);
  }

  /** Whether the server may have traffic. Throws for a name that is not watched. */
  isUp(serverName: string): boolean {
    const server = this.#servers.get(serverName);
    if (server === undefined) throw new Error(`Not a watched server: ${serverName}`);
    return server.isUp;
  }

  snapshot(): readonly ServerHealth[] {
    const nowMs = this.#clock.monotonicMs();
    const servers = [...this.#rosters.values()].flat();
    return servers.map(({ name, isUp, sinceMs, weight, checkers }) => ({
      name,
      isUp,
      ...(this.#suspended.has(name) ? { isSuspended: true } : {}),
      sinceMs,
      ...(weight === undefined ? {} : { weight }),
      checkers: checkers.map((checker) => checker.snapshot(nowMs)),
    }));
  }

  /** Aborts everything; resolves when the last socket is gone. Nothing is called back after this. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#changeLog.close();
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    const results = Array.from(this.#runs, (run) => run.result);
    for (const run of this.#runs) run.withdraw();
    await Promise.all(results);
  }

  #adopt(services: readonly VirtualServerConfig[]): void {
    const before = this.#rosters;
    // Of two services with one name the first counts: then none can be passed over.
    const areDistinct = areNamesDistinct(before.keys()) && areNamesDistinct(services);
    const stays = new Set(areDistinct ? services.filter((each) => before.has(each)) : []);
    const left = new Map<string, WatchedServer>();
    for (const [service, servers] of before) {
      if (!stays.has(service)) for (const server of servers) left.set(server.name, server);
    }
    const checkersLeft = this.#release(left.values());
    const rosters = new Map<VirtualServerConfig, readonly WatchedServer[]>();
    const adopted: WatchedServer[] = [];
    for (const service of services) {
      const kept = stays.has(service) ? before.get(service) : rosters.get(service);
      const servers = kept ?? this.#adoptService(service, left);
      rosters.set(service, servers);
      if (kept === undefined) adopted.push(...servers);
    }
    this.#rosters = rosters;
    this.#drop([...checkersLeft].filter((checker) => this.#users.get(checker)?.size === 0));
    this.#pause(this.#resting());
    const detail = 'what decided is not checked any more, or was replaced';
    for (const server of this.#concerned(adopted)) {
      this.#refresh(server, { reason: CHECKS_CHANGED, detail });
    }
    this.#tellAllChecked();
    this.#pump();
  }

  /** These servers are not watched any more. Returns what they were checked by. */
  #release(servers: Iterable<WatchedServer>): ReadonlySet<Checker> {
    const left = new Set<Checker>();
    for (const server of servers) {
      this.#servers.delete(server.name);
      for (const checker of server.checkers) {
        left.add(checker);
        this.#users.get(checker)?.delete(server);
      }
    }
    return left;
  }

  #adoptService(
    service: VirtualServerConfig,
    left: ReadonlyMap<string, WatchedServer>,
  ): readonly WatchedServer[] {
    const servers: WatchedServer[] = [];
    for (const plan of planServers([service]).values()) {
      if (this.#servers.has(plan.name)) continue;
      const server = this.#adoptServer(plan, left.get(plan.name));
      this.#servers.set(plan.name, server);
      for (const checker of server.checkers) {
        const users = this.#users.get(checker);
        if (users === undefined) this.#users.set(checker, new Set([server]));
        else users.add(server);
      }
      servers.push(server);
    }
    return servers;
  }

  /** These, and those that share a checker with them: joining it may have changed its verdict. */
  #concerned(servers: readonly WatchedServer[]): ReadonlySet<WatchedServer> {
    const sharers = servers.flatMap(({ checkers }) =>
      checkers.flatMap((checker) => [...(this.#users.get(checker) ?? [])]),
    );
    return new Set([...servers, ...sharers]);
  }

  #adoptServer(plan: ServerPlan, server: WatchedServer | undefined): WatchedServer {
    const inherited = this.#inherited.get(plan.name);
    const fates = matchCheckers(server?.checkers ?? [], plan.checkers);
    const checkers = plan.checkers.map((config, index) => {
      const key = checkerKey(config);
      const fate = fates[index] ?? { kind: 'add' };
      const known = this.#checkers.get(key);
      if (known !== undefined) this.#join(known, config, fate, inherited);
      const wasUp = inherited ?? (server?.isUp === true || !config.alpha);
      const checker = known ?? this.#checkerByFate(config, fate, wasUp);
      this.#checkers.set(key, checker);
      return checker;
    });
    if (server === undefined) return new WatchedServer(plan, checkers, this.#clock.realtimeMs());
    server.reconfigure(plan.weight, checkers);
    return server;
  }

  /**
   * Who asks the same goes by the same verdict. Before the first check the less trusting view counts; but a
   * server that a predecessor left in the table is not cut on account of another.
   */
  #join(
    checker: Checker,
    config: CheckerConfig,
    fate: CheckerFate<Checker>,
    inherited: boolean | undefined,
  ): void {
    checker.config = config;
    if (checker.state.hasRun) return;
    const wasDown = fate.kind === 'restart' && !fate.previous.state.isUp;
    if (wasDown) checker.state = { ...checker.state, isUp: false };
    else if (inherited === true) checker.state = { ...checker.state, isUp: true };
  }

  #checkerByFate(config: CheckerConfig, fate: CheckerFate<Checker>, isUp: boolean): Checker {
    switch (fate.kind) {
      case 'add':
        return this.#newChecker(config, isUp);
      case 'restart':
        return this.#newChecker(config, fate.previous.state.isUp);
      case 'keep':
      case 'retime':
        return this.#retimed(fate.previous, config);
      default:
        return fate satisfies never;
    }
  }

  #newChecker(config: CheckerConfig, isUp: boolean): Checker {
    const delayMs = firstCheckDelayMs(config.warmupMs, this.#options.random);
    return this.#queued(
      new Checker(config, initialState(isUp, this.#clock.monotonicMs() + delayMs)),
    );
  }

  /** A shorter interval counts from now, not from the end of the long one that was running. */
  #retimed(previous: Checker, config: CheckerConfig): Checker {
    const { state } = previous;
    const latestMs = this.#clock.monotonicMs() + intervalOf(config, state);
    const dueMs = Math.min(state.dueMs, latestMs);
    return this.#queued(previous.successor(config, { ...state, dueMs }));
  }

  #queued(checker: Checker): Checker {
    if (!checker.state.hasRun) this.#unchecked?.add(checker);
    this.#queue.put(checker, checker.state.dueMs);
    return checker;
  }

  /** Nobody goes by these any more. */
  #drop(checkers: readonly Checker[]): void {
    this.#pause(checkers);
    for (const checker of checkers) {
      this.#users.delete(checker);
      this.#checkers.delete(checkerKey(checker.config));
    }
  }

  #pause(checkers: readonly Checker[]): void {
    for (const checker of checkers) {
      this.#queue.remove(checker);
      this.#unchecked?.delete(checker);
      checker.run?.withdraw();
      checker.run = undefined;
    }
  }

  /** Starts what is due, as far as the cap allows, and arms the timer for the rest. */
  #pump(): void {
    if (this.#state !== 'watching' || this.#isYielding) return;
    const nowMs = this.#clock.monotonicMs();
    for (let started = 0; this.#runs.size < PROBES_MAX; started += 1) {
      if (started === STARTS_PER_TURN) {
        this.#yield();
        return;
      }
      const checker = this.#queue.takeDue(nowMs);
      if (checker === undefined) break;
      this.#begin(checker);
    }
    this.#arm(nowMs);
  }

  /** Lets sockets be read before more probes start. */
  #yield(): void {
    this.#isYielding = true;
    this.#timers.afterPoll(() => {
      this.#isYielding = false;
      this.#pump();
    });
  }

  /** One timer, for the earliest due time. At the cap there is none: the next free place pumps. */
  #arm(nowMs: number): void {
    const dueMs = this.#runs.size < PROBES_MAX ? this.#queue.nextDueMs() : undefined;
    const nextMs = dueMs === undefined ? undefined : Math.ceil(dueMs / SLOT_MS) * SLOT_MS;
    if (nextMs === this.#timer?.dueMs) return;
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    if (nextMs === undefined) return;
    const handle = this.#timers.start(Math.max(0, nextMs - nowMs), () => {
      this.#timer = undefined;
      this.#selfDelay.timerFired(Math.max(nextMs, nowMs), this.#clock.monotonicMs());
      // An early timer finds nothing due, and is armed for the rest.
      this.#pump();
    });
    this.#timer = { handle, dueMs: nextMs };
  }

  #begin(checker: Checker): void {
    const { outside } = this.#options;
    // From its real start: how long it waited for a free place is not the server's time.
    const { firstAttemptMs = this.#clock.monotonicMs() } = checker.state;
    checker.state = { ...checker.state, firstAttemptMs };
    const endMs = checkEndMs(checker.config, checker.state);
    const run = startRun(checker.config, {
      probes: this.#probes,
      clock: this.#clock,
      timers: this.#timers,
      selfDelay: this.#selfDelay,
      ...(outside === undefined ? {} : { outside }),
      ...(endMs === undefined ? {} : { endMs }),
    });
    checker.run = run;
    checker.isOutdated = false;
    this.#runs.add(run);
    void run.result.then((result) => {
      this.#runs.delete(run);
      // Withdrawn meanwhile: the checker is gone, or has another run.
      if (this.#state === 'watching' && checker.run === run) this.#conclude(checker, result);
      this.#pump();
    });
  }

  #conclude(checker: Checker, result: ProbeResult): void {
    checker.run = undefined;
    checker.record(result, this.#clock.realtimeMs());
    this.#warnOfExpiry(checker);
    const judgement = judge(checker.config, checker.state, result, this.#clock.monotonicMs());
    checker.state = judgement.state;
    if (checker.isOutdated) this.#checkAt(checker, this.#clock.monotonicMs());
    else this.#queue.put(checker, judgement.state.dueMs);
    if (judgement.state.consecutiveInconclusive === INCONCLUSIVE_WARN) {
      this.#warnInconclusive(checker, result);
    }
    if (checker.state.hasRun) this.#unchecked?.delete(checker);
    this.#refreshUsers(checker, judgement.change, result);
    this.#tellAllChecked();
  }

  #refreshUsers(checker: Checker, change: Cause | undefined, result: ProbeResult): void {
    const advised = result.kind === 'pass' && result.advice !== undefined;
    const cause = change ?? (advised ? { reason: PASSED, detail: result.detail } : undefined);
    if (cause === undefined) return;
    for (const server of this.#users.get(checker) ?? []) this.#refresh(server, cause);
  }

  #tellAllChecked(): void {
    if (this.#unchecked === undefined || this.#unchecked.size > 0) return;
    this.#unchecked = undefined;
    this.#options.onAllChecked?.();
  }

  /** Brings the server in line with its checkers; tells when that changes it. */
  #refresh(server: WatchedServer, cause: Cause): void {
    const { isUp: wasUp, weight: before = server.configuredWeight } = server;
    const { clock, onChange } = this.#options;
    const now = { monotonicMs: clock.monotonicMs(), realtimeMs: clock.realtimeMs() };
    const change = server.refresh(cause, now);
    if (change === undefined) return;
    const { isUp, reason, detail, weight = server.configuredWeight } = change;
    const known = { service: server.service, server: server.name, reason, detail };
    this.#changeLog.add(
      isUp === wasUp
        ? { ...known, what: 'weight', from: before, to: weight }
        : { ...known, what: 'state', from: isUp ? 'DOWN' : 'UP', to: isUp ? 'UP' : 'DOWN' },
    );
    onChange(change);
  }

  #warnOfExpiry(checker: Checker): void {
    const endsMs = checker.takeExpiryWarning(this.#clock.realtimeMs());
    if (endsMs === undefined) return;
    const users = [...(this.#users.get(checker) ?? [])];
    const { kind } = checker.config;
    const ends = new Date(endsMs).toISOString();
    this.#options.log.warn(
      { server: users[0]?.name, checker: kind, ends },
      'certificate ends soon',
    );
    for (const { name } of users) {
      this.#options.onExpiry?.({ serverName: name, checker: kind, endsMs });
    }
  }

  #firstUser(checker: Checker): string | undefined {
    return this.#users.get(checker)?.values().next().value?.name;
  }

  #warnInconclusive(checker: Checker, result: ProbeResult): void {
    const nowMs = this.#clock.monotonicMs();
    if (result.kind === 'pass' || nowMs - this.#warnedMs < INCONCLUSIVE_WARN_EVERY_MS) return;
    this.#warnedMs = nowMs;
    const { reason, detail } = result;
    const { consecutiveInconclusive: inARow } = checker.state;
    const server = this.#firstUser(checker);
    const fields = { server, checker: checker.config.kind, inARow };
    this.#options.log.warn({ ...fields, reason, detail }, 'checks are inconclusive');
  }
}

function areNamesDistinct(services: Iterable<VirtualServerConfig>): boolean {
  const all = [...services];
  return new Set(all.map(serviceName)).size === all.length;
}
