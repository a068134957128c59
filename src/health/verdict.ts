/**
 * From single results to up or down, and when to look again: keepalived's rules, in one place.
 *
 *   state            result         becomes                       next check
 *   up               pass           up                            at the next interval
 *   up               fail           up while `retry` lasts,       delay_before_retry after the failure
 *                                   then DOWN                     at the next interval
 *   up, never run    fail           DOWN at once: start-up        at the next interval
 *                                   counts as the last retry
 *   down             pass           UP: one success restores      at the next interval
 *   down             fail           down                          at the next interval
 *   any              inconclusive   unchanged                     soon, backing off
 *
 * lvsd's own keywords on top; without them the table above is all:
 *   rise N           N passes in a row bring a checker up
 *   fall N           N failures in a row, each after its retries, take it down; the first check ever does so
 *                    alone, as nothing is known of the server
 *   fast_interval    the interval while one of these is being counted
 *   down_interval    the interval while down
 *   total_timeout    bound of an attempt and its retries: those that would end later are not made
 *
 * Intervals are a grid laid from the moment a check was due, so neither the length of a check nor a late
 * start shifts it (keepalived counts from the end of a check, and drifts). A grid point that passed
 * while the check ran is left out, not made up for.
 */
import type { CheckTiming } from '../config/model-lvs.ts';
import type { ProbeResult } from './probe.ts';

/** First wait after an inconclusive check, ms; doubles with each in a row. */
export const INCONCLUSIVE_RETRY_MS = 500;

/** Longest such wait, ms; the interval bounds it too. */
export const INCONCLUSIVE_RETRY_MAX_MS = 30_000;

/** Floor of every interval, ms: a configuration of 0 must not become a busy loop. */
export const INTERVAL_MIN_MS = 1;

/** What judgement needs of a checker's configuration. */
export type JudgeConfig = Omit<CheckTiming, 'warmupMs' | 'alpha'>;

export interface CheckerState {
  readonly isUp: boolean;
  /** A check has passed or failed since this state was made. */
  readonly hasRun: boolean;
  /** Further attempts already made since the last pass. */
  readonly retriesUsed: number;
  /** Failures since the last pass. */
  readonly consecutiveFailures: number;
  /** Checks in a row that spoke against `isUp`, each with its retries: what rise and fall count. */
  readonly against: number;
  /** With total_timeout, when the first attempt of the check under way began: monotonic ms. */
  readonly firstAttemptMs?: number;
  /** Inconclusive checks since the last one that said something. */
  readonly consecutiveInconclusive: number;
  /** When the check under way, or the next one, is due: monotonic ms. */
  readonly dueMs: number;
}

/** A checker changed its mind. */
export interface CheckerChange {
  readonly isUp: boolean;
  readonly reason: string;
  readonly detail: string;
}

export interface Judgement {
  readonly state: CheckerState;
  readonly change?: CheckerChange;
  /** Wait from `nowMs` to `state.dueMs`; never negative. */
  readonly nextCheckInMs: number;
}

/** The reason of a change to up. */
export const PASSED = 'CHECK_PASSED';

/** A checker that has not run yet. Not alpha: up until the first failure; alpha: down until a success. */
export function initialState(isUp: boolean, dueMs: number): CheckerState {
  return {
    isUp,
    hasRun: false,
    retriesUsed: 0,
    consecutiveFailures: 0,
    against: 0,
    consecutiveInconclusive: 0,
    dueMs,
  };
}

/**
 * The state of a check that begins at `nowMs`: total_timeout counts from there, for how long the check waited
 * for its turn is not the server's time.
 */
export function begun(state: CheckerState, nowMs: number): CheckerState {
  return state.firstAttemptMs === undefined ? { ...state, firstAttemptMs: nowMs } : state;
}

/** The state after `result`, which became known at `nowMs`. */
export function judge(
  config: JudgeConfig,
  state: CheckerState,
  result: ProbeResult,
  nowMs: number,
): Judgement {
  switch (result.kind) {
    case 'pass':
      return judgePass(config, state, result.detail, nowMs);
    case 'fail':
      return judgeFailure(config, state, result, nowMs);
    case 'inconclusive':
      return judgeInconclusive(config, state, nowMs);
    default:
      return result satisfies never;
  }
}

function judgePass(
  config: JudgeConfig,
  state: CheckerState,
  detail: string,
  nowMs: number,
): Judgement {
  const against = state.isUp ? 0 : state.against + 1;
  const isUp = state.isUp || against >= (config.rise ?? 1);
  const change = isUp === state.isUp ? undefined : { isUp, reason: PASSED, detail };
  const counted = { isUp, against: isUp ? 0 : against, consecutiveFailures: 0 };
  return conclude(config, state, counted, { nowMs, change });
}

function judgeFailure(
  config: JudgeConfig,
  state: CheckerState,
  { reason, detail }: { readonly reason: string; readonly detail: string },
  nowMs: number,
): Judgement {
  const consecutiveFailures = state.consecutiveFailures + 1;
  if (isRetried(config, state, nowMs)) {
    const { delayBeforeRetryMs } = config;
    const next: CheckerState = {
      ...state,
      retriesUsed: state.retriesUsed + 1,
      consecutiveFailures,
      consecutiveInconclusive: 0,
      firstAttemptMs: state.firstAttemptMs ?? state.dueMs,
      dueMs: nowMs + delayBeforeRetryMs,
    };
    return { state: next, nextCheckInMs: delayBeforeRetryMs };
  }
  const against = state.isUp ? state.against + 1 : 0;
  const isUp = state.isUp && state.hasRun && against < (config.fall ?? 1);
  const change = isUp === state.isUp ? undefined : { isUp, reason, detail };
  const counted = { isUp, against: isUp ? against : 0, consecutiveFailures };
  return conclude(config, state, counted, { nowMs, change });
}

/** A server that is up, and was before we looked, gets another try while there are some and there is time. */
function isRetried(config: JudgeConfig, state: CheckerState, nowMs: number): boolean {
  if (!state.isUp || !state.hasRun || state.retriesUsed >= config.retry) return false;
  const endMs = checkEndMs(config, state);
  return endMs === undefined || nowMs + config.delayBeforeRetryMs < endMs;
}

/** When the check under way is over with all its retries; undefined without total_timeout. Monotonic ms. */
export function checkEndMs(config: JudgeConfig, state: CheckerState): number | undefined {
  if (config.totalTimeoutMs === undefined) return undefined;
  return (state.firstAttemptMs ?? state.dueMs) + config.totalTimeoutMs;
}

type Counted = Pick<CheckerState, 'isUp' | 'against' | 'consecutiveFailures'>;

/** A check is over, retries and all. */
function conclude(
  config: JudgeConfig,
  state: CheckerState,
  counted: Counted,
  { nowMs, change }: { readonly nowMs: number; readonly change: CheckerChange | undefined },
): Judgement {
  const dueMs = nextInterval(intervalOf(config, counted), state, nowMs);
  const { isUp, against, consecutiveFailures } = counted;
  const judged: CheckerState = {
    isUp,
    hasRun: true,
    retriesUsed: 0,
    consecutiveFailures,
    against,
    consecutiveInconclusive: 0,
    dueMs,
  };
  const nextCheckInMs = dueMs - nowMs;
  return change === undefined
    ? { state: judged, nextCheckInMs }
    : { state: judged, nextCheckInMs, change };
}

/** Time between two checks of a checker in this state, ms. */
export function intervalOf(
  config: JudgeConfig,
  { isUp, against }: Pick<CheckerState, 'isUp' | 'against'>,
): number {
  if (against > 0 && config.fastIntervalMs !== undefined) return config.fastIntervalMs;
  return isUp ? config.delayLoopMs : (config.downIntervalMs ?? config.delayLoopMs);
}

function judgeInconclusive(config: JudgeConfig, state: CheckerState, nowMs: number): Judgement {
  const backOffMs = INCONCLUSIVE_RETRY_MS * 2 ** state.consecutiveInconclusive;
  const nextCheckInMs = Math.min(backOffMs, INCONCLUSIVE_RETRY_MAX_MS, config.delayLoopMs);
  // What our own trouble took is not the server's time.
  const { firstAttemptMs: _, ...rest } = state;
  const next: CheckerState = {
    ...rest,
    consecutiveInconclusive: state.consecutiveInconclusive + 1,
    dueMs: nowMs + nextCheckInMs,
  };
  return { state: next, nextCheckInMs };
}

/** The first grid point after now. */
function nextInterval(wantedMs: number, state: CheckerState, nowMs: number): number {
  const intervalMs = Math.max(INTERVAL_MIN_MS, wantedMs);
  const passed = Math.max(0, Math.floor((nowMs - state.dueMs) / intervalMs));
  return Math.max(nowMs, state.dueMs + (passed + 1) * intervalMs);
}
