/**
 * Watches every real server: runs its checks when they are due, judges the results, and says when a
 * server goes up or down.
 *
 *   queue -> (due, below the cap) -> run -> result -> judge -> checker changed? -> server changed? -> onChange
 *
 * A server is up while all its checkers are; one without checkers is always up.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { CheckerConfig, VirtualServerConfig } from '../config/model.ts';
import { Checker, type CheckerHealth } from './checker.ts';
import type { ProbeResult } from './probe.ts';
import { type CheckerFate, matchCheckers, planServers, type ServerPlan } from './roster.ts';
import { type Probes, probes, type Run, startRun } from './runner.ts';
import { DueQueue, firstCheckDelayMs } from './schedule.ts';
import { SelfDelay } from './self-delay.ts';
import { eventLoopTimers, type Timer, type Timers } from './timers.ts';
import { type CheckerChange, initialState, judge } from './verdict.ts';

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

export interface ServerChange {
  readonly serverName: string;
  readonly isUp: boolean;
  /** CHECK_PASSED, CHECKS_CHANGED, or the reason of the failed check. */
  readonly reason: string;
  readonly detail: string;
}

export interface ServerHealth {
  readonly name: string;
  readonly isUp: boolean;
  /** `ha_suspend`: not checked while the address of its service is not on this host. */
  readonly isSuspended?: boolean;
  /** Wall clock of the last change, or of the start; ms since 1970. */
  readonly sinceMs: number;
  readonly checkers: readonly CheckerHealth[];
}

export interface HealthEngineOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** A server went up or down; `isUp` answers the new way already. Not called for the state at start. */
  readonly onChange: (change: ServerChange) => void;
  /** Every checker has passed or failed once; called once, after the `onChange` of the last of them. */
  readonly onAllChecked?: () => void;
  /** The event loop's timers unless a test brings its own. */
  readonly timers?: Timers;
  /** The real probes unless a test brings its own. */
  readonly probes?: Probes;
}

/** Whether servers are up, by name. */
type Verdicts = ReadonlyMap<string, boolean>;

interface Server {
  readonly name: string;
  checkers: readonly Checker[];
  isUp: boolean;
  sinceMs: number;
}

export class HealthEngine {
  readonly #options: HealthEngineOptions;
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #probes: Probes;
  readonly #selfDelay = new SelfDelay();
  readonly #queue = new DueQueue<Checker>();
  readonly #runs = new Set<Run>();
  /** Checkers that have not passed or failed yet; undefined once that was told to be over. */
  #unchecked: Set<Checker> | undefined = new Set();
  #servers: ReadonlyMap<string, Server> = new Map();
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
    this.#adopt(planServers(virtualServers));
    this.#inherited = new Map();
  }

  /**
   * Watches another set of servers. Kept ones keep their state and schedule (see roster.ts), removed ones
   * are dropped and their probes aborted at once, new ones start as at `start`.
   */
  reload(virtualServers: readonly VirtualServerConfig[]): void {
    if (this.#state !== 'watching')
      throw new Error(`Cannot reload a health engine that is ${this.#state}`);
    this.#adopt(planServers(virtualServers));
  }

  /**
   * From now on these servers, and no others, are not checked: `ha_suspend`. Their verdicts stand; a server
   * that is let go on is checked at once. Names that are not watched are remembered.
   */
  suspend(names: ReadonlySet<string>): void {
    const before = this.#suspended;
    this.#suspended = names;
    const nowMs = this.#clock.monotonicMs();
    for (const server of this.#servers.values()) {
      const isSuspended = names.has(server.name);
      if (isSuspended === before.has(server.name)) continue;
      const { name } = server;
      this.#options.log.info({ server: name }, isSuspended ? 'checks suspended' : 'checks resumed');
      if (isSuspended) this.#drop(server.checkers);
      else for (const checker of server.checkers) this.#checkAt(checker, nowMs);
    }
    if (this.#state === 'watching') this.#tellAllChecked();
    this.#pump();
  }

  #checkAt(checker: Checker, dueMs: number): void {
    checker.state = { ...checker.state, dueMs };
    this.#queue.put(checker, dueMs);
  }

  /** Whether the server may have traffic. Throws for a name that is not watched. */
  isUp(serverName: string): boolean {
    const server = this.#servers.get(serverName);
    if (server === undefined) throw new Error(`Not a watched server: ${serverName}`);
    return server.isUp;
  }

  snapshot(): readonly ServerHealth[] {
    const nowMs = this.#clock.monotonicMs();
    return Array.from(this.#servers.values(), ({ name, isUp, sinceMs, checkers }) => ({
      name,
      isUp,
      ...(this.#suspended.has(name) ? { isSuspended: true } : {}),
      sinceMs,
      checkers: checkers.map((checker) => checker.snapshot(nowMs)),
    }));
  }

  /** Aborts everything; resolves when the last socket is gone. Nothing is called back after this. */
  async close(): Promise<void> {
    this.#state = 'closed';
    this.#timer?.handle.cancel();
    this.#timer = undefined;
    const results = Array.from(this.#runs, (run) => run.result);
    for (const run of this.#runs) run.withdraw();
    await Promise.all(results);
  }

  #adopt(plans: ReadonlyMap<string, ServerPlan>): void {
    const before = this.#servers;
    const after = new Map<string, Server>();
    for (const plan of plans.values()) {
      const server = before.get(plan.name);
      if (server === undefined) {
        after.set(plan.name, this.#newServer(plan));
      } else {
        this.#changeCheckers(server, plan.checkers);
        after.set(plan.name, server);
      }
    }
    for (const server of before.values()) {
      if (!after.has(server.name)) this.#drop(server.checkers);
    }
    this.#servers = after;
    for (const server of after.values()) {
      if (this.#suspended.has(server.name)) this.#drop(server.checkers);
    }
    const detail = 'what decided is not checked any more, or was replaced';
    for (const server of after.values()) {
      this.#refresh(server, { reason: CHECKS_CHANGED, detail });
    }
    this.#tellAllChecked();
    this.#pump();
  }

  #newServer({ name, checkers: configs }: ServerPlan): Server {
    const verdict = this.#inherited.get(name);
    const checkers = configs.map((config) =>
      this.#newChecker(name, config, verdict ?? !config.alpha),
    );
    const isUp = checkers.every((checker) => checker.state.isUp);
    return { name, checkers, isUp, sinceMs: this.#clock.realtimeMs() };
  }

  #newChecker(serverName: string, config: CheckerConfig, isUp: boolean): Checker {
    const delayMs = firstCheckDelayMs(config.warmupMs, this.#options.random);
    const state = initialState(isUp, this.#clock.monotonicMs() + delayMs);
    const checker = new Checker(serverName, config, state);
    this.#unchecked?.add(checker);
    this.#queue.put(checker, state.dueMs);
    return checker;
  }

  #changeCheckers(server: Server, configs: readonly CheckerConfig[]): void {
    const fates = matchCheckers(server.checkers, configs);
    const checkers = configs.map((config, index) =>
      this.#checkerByFate(server, config, fates[index] ?? { kind: 'add' }),
    );
    const kept = new Set(checkers);
    this.#drop(server.checkers.filter((checker) => !kept.has(checker)));
    server.checkers = checkers;
  }

  #checkerByFate(server: Server, config: CheckerConfig, fate: CheckerFate<Checker>): Checker {
    switch (fate.kind) {
      case 'add':
        return this.#newChecker(server.name, config, server.isUp || !config.alpha);
      case 'restart':
        return this.#newChecker(server.name, config, fate.previous.state.isUp);
      case 'keep':
        fate.previous.config = config;
        return fate.previous;
      case 'retime':
        fate.previous.config = config;
        this.#bringForward(fate.previous);
        return fate.previous;
      default:
        return fate satisfies never;
    }
  }

  /** A shorter interval counts from now, not from the end of the long one that was running. */
  #bringForward(checker: Checker): void {
    if (checker.run !== undefined) return;
    const latestMs = this.#clock.monotonicMs() + checker.config.delayLoopMs;
    if (checker.state.dueMs <= latestMs) return;
    this.#checkAt(checker, latestMs);
  }

  #drop(checkers: readonly Checker[]): void {
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
    const nextMs = this.#runs.size < PROBES_MAX ? this.#queue.nextDueMs() : undefined;
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
    const run = startRun(checker.config, {
      probes: this.#probes,
      clock: this.#clock,
      timers: this.#timers,
      selfDelay: this.#selfDelay,
    });
    checker.run = run;
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
    const judgement = judge(checker.config, checker.state, result, this.#clock.monotonicMs());
    checker.state = judgement.state;
    this.#queue.put(checker, judgement.state.dueMs);
    if (judgement.state.consecutiveInconclusive === INCONCLUSIVE_WARN) {
      this.#warnInconclusive(checker, result);
    }
    const server = this.#servers.get(checker.serverName);
    if (judgement.change !== undefined && server !== undefined) {
      this.#refresh(server, judgement.change);
    }
    if (checker.state.hasRun) this.#unchecked?.delete(checker);
    this.#tellAllChecked();
  }

  #tellAllChecked(): void {
    if (this.#unchecked === undefined || this.#unchecked.size > 0) return;
    this.#unchecked = undefined;
    this.#options.onAllChecked?.();
  }

  /** Brings the server in line with its checkers; tells when that changes it. */
  #refresh(server: Server, cause: Pick<CheckerChange, 'reason' | 'detail'>): void {
    const isUp = server.checkers.every((checker) => checker.state.isUp);
    if (isUp === server.isUp) return;
    server.isUp = isUp;
    server.sinceMs = this.#clock.realtimeMs();
    const { reason, detail } = cause;
    const [from, to] = isUp ? ['DOWN', 'UP'] : ['UP', 'DOWN'];
    this.#options.log.info(
      { server: server.name, from, to, reason, detail },
      'server state change',
    );
    this.#options.onChange({ serverName: server.name, isUp, reason, detail });
  }

  #warnInconclusive(checker: Checker, result: ProbeResult): void {
    const nowMs = this.#clock.monotonicMs();
    if (result.kind === 'pass' || nowMs - this.#warnedMs < INCONCLUSIVE_WARN_EVERY_MS) return;
    this.#warnedMs = nowMs;
    const { reason, detail } = result;
    const { consecutiveInconclusive: inARow } = checker.state;
    const fields = { server: checker.serverName, checker: checker.config.kind, inARow };
    this.#options.log.warn({ ...fields, reason, detail }, 'checks are inconclusive');
  }
}
