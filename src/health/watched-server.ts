/** One server while it is watched: what its checkers make of it. Pure; times are arguments. */
import type { Checker } from './checker.ts';
import type { ServerPlan } from './roster.ts';
import type { CheckerChange } from './verdict.ts';
import { effectiveWeight } from './weight.ts';

/** The reason of a change of nothing but the weight. */
export const WEIGHT_CHANGED = 'WEIGHT_CHANGED';

/** The reason of a server that is out because a check that passed said so. */
export const AGENT_MAINT = 'AGENT_MAINT';

export type Cause = Pick<CheckerChange, 'reason' | 'detail'>;

export interface ServerChange {
  readonly serverName: string;
  readonly isUp: boolean;
  /** Monotonic ms since when it is up, or down; absent: since the start. */
  readonly sinceMs?: number;
  /** As its checks want it; absent: as the file has it. Of no meaning while it is down. */
  readonly weight?: number;
  /** CHECK_PASSED, WEIGHT_CHANGED, AGENT_MAINT, CHECKS_CHANGED, or the reason of the failed check. */
  readonly reason: string;
  readonly detail: string;
}

/** Both clocks of one moment. */
export interface Moment {
  readonly monotonicMs: number;
  readonly realtimeMs: number;
}

export class WatchedServer {
  readonly name: string;
  readonly service: string;
  checkers: readonly Checker[];
  #configuredWeight: number;
  #isUp: boolean;
  /** Undefined: as the file has it. */
  #weight: number | undefined;
  #sinceMs: number;
  #changedMs: number | undefined;

  constructor(plan: ServerPlan, checkers: readonly Checker[], realtimeMs: number) {
    this.name = plan.name;
    this.service = plan.service;
    this.#configuredWeight = plan.weight;
    this.checkers = checkers;
    this.#isUp = checkers.every((checker) => checker.state.isUp);
    this.#sinceMs = realtimeMs;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  get weight(): number | undefined {
    return this.#weight;
  }

  /** What it weighs where no check wants anything else. */
  get configuredWeight(): number {
    return this.#configuredWeight;
  }

  /** Wall clock of the last change to up or down, or of the start, ms since 1970. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** A reload gives it this weight and these checkers; `refresh` says what comes of it. */
  reconfigure(weight: number, checkers: readonly Checker[]): void {
    this.#configuredWeight = weight;
    this.checkers = checkers;
  }

  /** Brings it in line with its checkers; what changed by that, if anything. */
  refresh(cause: Cause, now: Moment): ServerChange | undefined {
    const areUp = this.checkers.every((checker) => checker.state.isUp);
    const advice = this.checkers.map((checker) => checker.advice);
    const isUp = areUp && !advice.some(({ mode }) => mode === 'maint');
    const weight = effectiveWeight(this.#configuredWeight, advice);
    const isSameWeight = weight === this.#weight;
    this.#weight = weight;
    if (isUp === this.#isUp) {
      // What a server that is down would weigh is told when it comes back.
      if (isSameWeight || !isUp) return undefined;
      return this.#change({ ...cause, reason: WEIGHT_CHANGED });
    }
    this.#isUp = isUp;
    this.#sinceMs = now.realtimeMs;
    this.#changedMs = now.monotonicMs;
    return this.#change(areUp && !isUp ? { ...cause, reason: AGENT_MAINT } : cause);
  }

  #change({ reason, detail }: Cause): ServerChange {
    return {
      serverName: this.name,
      isUp: this.#isUp,
      ...(this.#changedMs === undefined ? {} : { sinceMs: this.#changedMs }),
      ...(this.#weight === undefined ? {} : { weight: this.#weight }),
      reason,
      detail,
    };
  }
}
