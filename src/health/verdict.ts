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
 * Intervals are a grid laid from the moment a check was due, so neither the length of a check nor a late
 * start shifts it (keepalived counts from the end of a check, and drifts). A grid point that passed
 * while the check ran is left out, not made up for.
 */
import type { CheckerBase } from '../config/model.ts';
import type { ProbeResult } from './probe.ts';

/** First wait after an inconclusive check, ms; doubles with each in a row. */
export const INCONCLUSIVE_RETRY_MS = 500;

/** Longest such wait, ms; the interval bounds it too. */
export const INCONCLUSIVE_RETRY_MAX_MS = 30_000;

/** Floor of every interval, ms: a configuration of 0 must not become a busy loop. */
export const INTERVAL_MIN_MS = 1;

/** What judgement needs of a checker's configuration. */
export type JudgeConfig = Pick<CheckerBase, 'delayLoopMs' | 'retry' | 'delayBeforeRetryMs'>;

export interface CheckerState {
  readonly isUp: boolean;
  /** A check has passed or failed since this state was made. */
  readonly hasRun: boolean;
  /** Further attempts already made since the last pass. */
  readonly retriesUsed: number;
  /** Failures since the last pass. */
  readonly consecutiveFailures: number;
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
    consecutiveInconclusive: 0,
    dueMs,
  };
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
  const next: CheckerState = {
    isUp: true,
    hasRun: true,
    retriesUsed: 0,
    consecutiveFailures: 0,
    consecutiveInconclusive: 0,
    dueMs: nextInterval(config, state, nowMs),
  };
  const judgement = { state: next, nextCheckInMs: next.dueMs - nowMs };
  return state.isUp ? judgement : { ...judgement, change: { isUp: true, reason: PASSED, detail } };
}

function judgeFailure(
  config: JudgeConfig,
  state: CheckerState,
  result: { readonly reason: string; readonly detail: string },
  nowMs: number,
): Judgement {
  const isRetried = state.isUp && state.hasRun && state.retriesUsed < config.retry;
  const next: CheckerState = {
    isUp: isRetried,
    hasRun: true,
    retriesUsed: isRetried ? state.retriesUsed + 1 : 0,
    consecutiveFailures: state.consecutiveFailures + 1,
    consecutiveInconclusive: 0,
    dueMs: isRetried ? nowMs + config.delayBeforeRetryMs : nextInterval(config, state, nowMs),
  };
  const judgement = { state: next, nextCheckInMs: next.dueMs - nowMs };
  if (next.isUp === state.isUp) return judgement;
  return { ...judgement, change: { isUp: false, reason: result.reason, detail: result.detail } };
}

function judgeInconclusive(config: JudgeConfig, state: CheckerState, nowMs: number): Judgement {
  const backOffMs = INCONCLUSIVE_RETRY_MS * 2 ** state.consecutiveInconclusive;
  const nextCheckInMs = Math.min(backOffMs, INCONCLUSIVE_RETRY_MAX_MS, config.delayLoopMs);
  const next: CheckerState = {
    ...state,
    consecutiveInconclusive: state.consecutiveInconclusive + 1,
    dueMs: nowMs + nextCheckInMs,
  };
  return { state: next, nextCheckInMs };
}

/** The first grid point after now. */
function nextInterval(config: JudgeConfig, state: CheckerState, nowMs: number): number {
  const intervalMs = Math.max(INTERVAL_MIN_MS, config.delayLoopMs);
  const passed = Math.max(0, Math.floor((nowMs - state.dueMs) / intervalMs));
  return Math.max(nowMs, state.dueMs + (passed + 1) * intervalMs);
}
