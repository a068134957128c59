/** What a reconciliation did, line by line and bounded: who was changed, why, and what was refused. */
import type { Log } from '../base/log.ts';
import { serviceName } from '../config/names.ts';
import type { OperationOutcome } from './client.ts';
import { describeOperation, destinationName, type Operation } from './plan.ts';

/** Changes logged one by one in one reconciliation; the rest are a number. */
export const LOGGED_CHANGES_MAX = 200;

export interface OperationLogOptions {
  /** Whether it puts back what somebody else changed. */
  readonly isDrift: (operation: Operation) => boolean;
  /** Why it is done otherwise. */
  readonly reasonOf: (operation: Operation) => string;
  /** Whether a refusal was not said before. */
  readonly isNews: (what: string) => boolean;
  /** Outcomes of this reconciliation that were here before. */
  readonly before: number;
}

export function logOutcomes(
  log: Log,
  outcomes: readonly OperationOutcome[],
  { isDrift, reasonOf, isNews, before }: OperationLogOptions,
): void {
  for (const outcome of outcomes.slice(0, Math.max(LOGGED_CHANGES_MAX - before, 0))) {
    const { operation } = outcome;
    const service = serviceName(operation.service);
    const server = 'destination' in operation ? destinationName(operation.destination) : undefined;
    const fields = { operation: operation.kind, service, server };
    const text = describeOperation(operation);
    if (!outcome.ok) {
      const { code, detail } = outcome;
      const level = isNews(`${text} ${code}`) ? 'warn' : 'debug';
      log[level]({ ...fields, code }, `cannot ${text}: ${detail}`);
    } else if (isDrift(operation)) {
      const reason = `changed by somebody else, found: ${operation.reason}`;
      log.warn({ ...fields, reason }, `${text}: ${reason}`);
    } else {
      const reason = reasonOf(operation);
      log.info({ ...fields, reason }, `${text}: ${reason}`);
    }
  }
}

/** What was not logged one by one, at the end of a reconciliation. */
export function logRest(
  log: Log,
  { changes, repairs }: { readonly changes: number; readonly repairs: number },
): void {
  const unlogged = changes - LOGGED_CHANGES_MAX;
  if (unlogged <= 0) return;
  log.info({ changes: unlogged }, 'further changes not logged one by one');
  if (repairs > 0) log.warn({ repairs }, 'put back what somebody else changed');
}
