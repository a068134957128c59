/**
 * Watches every real server: runs its checks when they are due, judges the results, and says when a
 * server goes up or down.
 *
 *   queue -> (due, below the cap) -> run -> result -> judge -> checker changed? -> server changed? -> onChange
 *
 * A server is up while all its checkers are and none says maint; one without checkers is always up.
 */
import type { Clock } from '../base/clock.ts';
import type { CheckerConfig, VirtualServerConfig } from '../config/model.ts';
import { ChangeLog } from './change-log.ts';
import { Checker } from './checker.ts';
import type { HealthEngineOptions, ServerHealth } from './engine-options.ts';
import { NOTHING_OUTSIDE } from './outside.ts';
import type { ProbeResult, Run } from './probe.ts';
import type { CheckerFate } from './roster.ts';
import { type Probes, probes, questionOf, type RunPorts, startRun } from './runner.ts';
import { checksPerMs, firstCheckDelayMs, SLOT_MS, SlotQueue, slotMsFor } from './schedule.ts';
import { SelfDelay } from './self-delay.ts';
import { eventLoopTimers, type Timer, type Timers } from './timers.ts';
import { begun, checkEndMs, initialState, intervalOf, judge, PASSED } from './verdict.ts';
import { type Verdicts, WatchList } from './watch-list.ts';
import type { Cause, WatchedServer } from './watched-server.ts';

export type { HealthEngineOptions, ServerHealth } from './engine-options.ts';

/** Probes under way at once: bounds descriptors. More wait, in the order they came due. */
export const PROBES_MAX = 4096;

/** Probes started before the event loop gets its turn: bounds our own lag when many are due at once. */
export const STARTS_PER_TURN = 64;

/** The reason of a change that a reload made, not a check. */
export const CHECKS_CHANGED = 'CHECKS_CHANGED';

/** Inconclusive checks of one checker in a row after which a warning is logged. */
const INCONCLUSIVE_WARN = 5;

/** At most one such warning within this, ms: our trouble usually meets all checkers at once. */
const INCONCLUSIVE_WARN_EVERY_MS = 60_000;

export class HealthEngine {
  readonly #options: HealthEngineOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #probes: Probes;
  readonly #ports: RunPorts;
  readonly #changeLog: ChangeLog;
  readonly #selfDelay = new SelfDelay();
  readonly #queue = new SlotQueue<Checker>(SLOT_MS);
  /** As the file wants them, each checker by itself. */
  #checksPerMs = 0;
  /** Runs that have not ended, withdrawn ones too. */
  #running = 0;
  readonly #watched: WatchList;
  /** Checkers that have not passed or failed yet; undefined once that was told to be over. */
  #unchecked: Set<Checker> | undefined = new Set();
  /** The one timer of the queue, and what it waits for. */
  #timer: { readonly handle: Timer; readonly dueMs: number } | undefined;
  #suspended: ReadonlySet<string> = new Set();
  #isYielding = false;
  #warnedMs = Number.NEGATIVE_INFINITY;
  #state: 'new' | 'watching' | 'closed' = 'new';
  /** The last run has ended; where somebody waits for that. */
  #onIdle: (() => void) | undefined;

  constructor(options: HealthEngineOptions) {
    this.#options = options;
    const { clock, timers = eventLoopTimers, outside = NOTHING_OUTSIDE } = options;
    this.#clock = clock;
    this.#timers = timers;
    this.#probes = options.probes ?? probes;
    this.#ports = { clock, timers, selfDelay: this.#selfDelay, outside };
    this.#changeLog = new ChangeLog(options.log, this.#timers);
    this.#watched = new WatchList({
      clock: this.#clock,
      checkerFor: (config, fate, isUp) => this.#checkerByFate(config, fate, isUp),
    });
  }

  /**
   * Starts watching. From here on `isUp` answers: as `inherited` from a predecessor, by server; else up, or
   * down where a checker is alpha.
   */
  start(virtualServers: readonly VirtualServerConfig[], inherited: Verdicts = new Map()): void {
    if (this.#state !== 'new')
      throw new Error(`Cannot start a health engine that is ${this.#state}`);
    this.#state = 'watching';
    this.#adopt(virtualServers, inherited);
  }

  /**
   * Watches another set of servers. Kept ones keep their state and schedule (see roster.ts), removed ones
   * are dropped and their probes aborted at once, new ones start as at `start`. Services that are the very
   * objects that are watched are not looked into: of thousands, a reload changes few.
   */
  reload(virtualServers: readonly VirtualServerConfig[]): void {
    if (this.#state !== 'watching')
      throw new Error(`Cannot reload a health engine that is ${this.#state}`);
    this.#adopt(virtualServers, new Map());
  }

  /**
   * Checks those that `isMeant` at once: what they ask about has changed. One under way may have asked before
   * that, so another one follows it.
   */
  recheck(isMeant: (config: CheckerConfig) => boolean): void {
    if (this.#state !== 'watching') return;
    const nowMs = this.#clock.monotonicMs();
    for (const [checker, users] of this.#watched.users) {
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
    for (const name of this.#watched.names()) {
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
    return [...this.#watched.users]
      .filter(([, users]) => this.#rest(users))
      .map(([checker]) => checker);
  }

  #rest(users: Iterable<WatchedServer>): boolean {
    for (const { name } of users) if (!this.#suspended.has(name)) return false;
    return true;
  }

  watches(serverName: string): boolean {
    return this.#watched.server(serverName) !== undefined;
  }

  /** Whether the server may have traffic. Throws for a name that is not watched. */
  isUp(serverName: string): boolean {
    const server = this.#watched.server(serverName);
    if (server === undefined) throw new Error(`Not a watched server: ${serverName}`);
    return server.isUp;
  }

  snapshot(): readonly ServerHealth[] {
    const nowMs = this.#clock.monotonicMs();
    return this.#watched.inOrder().map(({ name, isUp, sinceMs, weight, checkers }) => ({
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
    if (this.#running === 0) return;
    const isIdle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    for (const checker of this.#watched.users.keys()) checker.run?.withdraw();
    await isIdle;
  }

  #adopt(services: readonly VirtualServerConfig[], inherited: Verdicts): void {
    this.#checksPerMs = checksPerMs(services);
    const { dropped, concerned } = this.#watched.adopt(services, inherited);
    this.#pause(dropped);
    this.#pause(this.#resting());
    const detail = 'what decided is not checked any more, or was replaced';
    for (const server of concerned) this.#refresh(server, { reason: CHECKS_CHANGED, detail });
    this.#tellAllChecked();
    this.#pump();
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
    this.#schedule(checker);
    return checker;
  }

  /** For when it is due, together with others. */
  #schedule(checker: Checker): void {
    const { config, state } = checker;
    const paceMs = state.retriesUsed > 0 ? config.delayBeforeRetryMs : intervalOf(config, state);
    const slotMs = slotMsFor(paceMs, this.#checksPerMs);
    this.#queue.put(checker, Math.ceil(state.dueMs / slotMs) * slotMs);
  }

  #pause(checkers: readonly Checker[]): void {
    for (const checker of checkers) {
      this.#queue.remove(checker);
      this.#unchecked?.delete(checker);
      checker.run?.withdraw();
      checker.run = undefined;
    }
  }

  /** Starts what is due now, or by `untilMs`, as far as the cap allows, and arms the timer for the rest. */
  #pump(untilMs = Number.NEGATIVE_INFINITY): void {
    if (this.#state !== 'watching' || this.#isYielding) return;
    const nowMs = Math.max(this.#clock.monotonicMs(), untilMs);
    for (let started = 0; this.#running < PROBES_MAX; started += 1) {
      if (started === STARTS_PER_TURN) {
        this.#yield();
        return;
      }
      const checker = this.#queue.takeDue(nowMs);
      if (checker === undefined) break;
      this.#begin(checker);
    }
    this.#arm();
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
  #arm(): void {
    const nextMs = this.#running < PROBES_MAX ? this.#queue.nextDueMs() : undefined;
    if (nextMs === this.#timer?.dueMs) return;
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    if (nextMs === undefined) return;
    const nowMs = this.#clock.monotonicMs();
    const handle = this.#timers.start(Math.max(0, nextMs - nowMs), () => {
      this.#timer = undefined;
      this.#selfDelay.timerFired(Math.max(nextMs, nowMs), this.#clock.monotonicMs());
      // Timers are a little early as often as not: to wait for the rest would be another turn of the event loop.
      this.#pump(nextMs);
    });
    this.#timer = { handle, dueMs: nextMs };
  }

  #begin(checker: Checker): void {
    if (checker.config.totalTimeoutMs !== undefined) {
      checker.state = begun(checker.state, this.#clock.monotonicMs());
    }
    const endMs = checkEndMs(checker.config, checker.state);
    checker.question ??= questionOf(checker.config, this.#probes);
    const onResult = (result: ProbeResult): void => this.#ended(checker, run, result);
    const run = startRun(checker.question, this.#ports, onResult, endMs);
    checker.run = run;
    checker.isOutdated = false;
    this.#running += 1;
  }

  #ended(checker: Checker, run: Run, result: ProbeResult): void {
    const wasFull = this.#running >= PROBES_MAX;
    this.#running -= 1;
    // Withdrawn meanwhile: the checker is gone, or has another run.
    if (this.#state === 'watching' && checker.run === run) this.#conclude(checker, result);
    if (this.#running === 0) this.#onIdle?.();
    if (wasFull) this.#pump();
    else if (this.#state === 'watching' && !this.#isYielding) this.#arm();
  }

  #conclude(checker: Checker, result: ProbeResult): void {
    checker.run = undefined;
    const realtimeMs = this.#clock.realtimeMs();
    checker.record(result, realtimeMs);
    this.#warnOfExpiry(checker, realtimeMs);
    const nowMs = this.#clock.monotonicMs();
    const judgement = judge(checker.config, checker.state, result, nowMs);
    checker.state = judgement.state;
    if (checker.isOutdated) this.#checkAt(checker, nowMs);
    else this.#schedule(checker);
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
    for (const server of this.#watched.usersOf(checker)) this.#refresh(server, cause);
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

  #warnOfExpiry(checker: Checker, realtimeMs: number): void {
    const endsMs = checker.takeExpiryWarning(realtimeMs);
    if (endsMs === undefined) return;
    const users = [...this.#watched.usersOf(checker)];
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

  #warnInconclusive(checker: Checker, result: ProbeResult): void {
    const nowMs = this.#clock.monotonicMs();
    if (result.kind === 'pass' || nowMs - this.#warnedMs < INCONCLUSIVE_WARN_EVERY_MS) return;
    this.#warnedMs = nowMs;
    const { reason, detail } = result;
    const { consecutiveInconclusive: inARow } = checker.state;
    const server = this.#watched.usersOf(checker).values().next().value?.name;
    const fields = { server, checker: checker.config.kind, inARow };
    this.#options.log.warn({ ...fields, reason, detail }, 'checks are inconclusive');
  }
}
