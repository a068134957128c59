/**
 * Who is checked, and what a reload keeps. Pure: the engine does what comes out of here.
 */

import type { CheckerConfig, VirtualServerConfig } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';

export interface ServerPlan {
  readonly name: string;
  /** The name of its virtual_server. */
  readonly service: string;
  /** As the file has it. */
  readonly weight: number;
  readonly checkers: readonly CheckerConfig[];
}

/** Every real server of every service, by name; of two with one name the first counts. */
export function planServers(
  virtualServers: readonly VirtualServerConfig[],
): ReadonlyMap<string, ServerPlan> {
  const plans = new Map<string, ServerPlan>();
  for (const service of virtualServers) {
    for (const server of [...service.realServers, ...(service.backupPool ?? [])]) {
      const name = serverName(service, server);
      if (plans.has(name)) continue;
      const { weight, checkers } = server;
      plans.set(name, { name, service: serviceName(service), weight, checkers });
    }
  }
  return plans;
}

/**
 * What becomes of a checker of the new configuration, on a server that was there before:
 *   keep      the same, wherever it now stands in the file: state, schedule and running probe stay
 *   retime    the same question with other timing: state and history stay, the next check is rescheduled
 *   restart   another question: history starts anew, but the verdict on `previous` stands until the first
 *             check says otherwise. A server that was out does not get traffic because its check changed
 *   add       new on this server
 */
export type CheckerFate<Previous> =
  | { readonly kind: 'keep' | 'retime' | 'restart'; readonly previous: Previous }
  | { readonly kind: 'add' };

/**
 * The fate of each of `wanted`, in its order. Every previous checker is used at most once; the closest
 * kinship is settled first, so that moving checkers about in the file changes nothing.
 */
export function matchCheckers<Previous extends { readonly config: CheckerConfig }>(
  previous: readonly Previous[],
  wanted: readonly CheckerConfig[],
): readonly CheckerFate<Previous>[] {
  const free = new Set(previous);
  const fates = wanted.map((): CheckerFate<Previous> => ({ kind: 'add' }));
  const kinships = [
    { kind: 'keep', isKin: isSameConfig },
    { kind: 'retime', isKin: isSameQuestion },
    { kind: 'restart', isKin: isSameKind },
  ] as const;
  for (const { kind, isKin } of kinships) {
    for (const [index, config] of wanted.entries()) {
      if (fates[index]?.kind !== 'add') continue;
      for (const candidate of free) {
        if (!isKin(candidate.config, config)) continue;
        free.delete(candidate);
        fates[index] = { kind, previous: candidate };
        break;
      }
    }
  }
  return fates;
}

/** The same for checkers that ask the same at the same times, wherever they stand. */
export function checkerKey(config: CheckerConfig): string {
  return JSON.stringify({ ...config, span: 0 });
}

function isSameConfig(a: CheckerConfig, b: CheckerConfig): boolean {
  return checkerKey(a) === checkerKey(b);
}

function isSameQuestion(a: CheckerConfig, b: CheckerConfig): boolean {
  return JSON.stringify({ ...a, ...UNTIMED }) === JSON.stringify({ ...b, ...UNTIMED });
}

function isSameKind(a: CheckerConfig, b: CheckerConfig): boolean {
  return a.kind === b.kind;
}

/** Blanks out where a checker stands and how it is timed; what remains is the question it asks. */
const UNTIMED = {
  span: 0,
  connectTimeoutMs: 0,
  delayLoopMs: 0,
  retry: 0,
  delayBeforeRetryMs: 0,
  timeoutMs: 0,
  rise: 0,
  fall: 0,
  fastIntervalMs: 0,
  downIntervalMs: 0,
  totalTimeoutMs: 0,
  warmupMs: 0,
  alpha: false,
};
