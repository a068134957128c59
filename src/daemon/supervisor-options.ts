/** What the supervisor is started with, and how its children are shown. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { KeptBlocks } from '../config/kept-blocks.ts';
import type { Config } from '../config/model.ts';
import type { LvsStopPolicy } from '../config/model-global.ts';
import type { ProcessStatus } from '../observe/status.ts';
import type { Problem } from './preflight.ts';
import type { Succession } from './succession.ts';

export interface SupervisorOptions {
  readonly configFile: string;
  readonly configId: string;
  /** Reloads as it was started: errors on which keepalived would start are warnings. */
  readonly compat?: boolean;
  /** Overrides the configuration's control_socket path. */
  readonly socketPath?: string;
  /** Take over IPVS services that are already there and are in the configuration. */
  readonly adopt: boolean;
  /** `-I`: as `lvs_stop_policy keep`. */
  readonly keepsServices?: boolean;
  /** What the program that was in this process before left: `lvsd restart`. */
  readonly succession?: Succession;
  readonly version: string;
  /** What was kept of the configuration as it was read. */
  readonly blocks: KeptBlocks;
  readonly clock: Clock;
  readonly log: Log;
}

/** Why the daemon did not start; nothing of it is left behind. */
export interface Refusal {
  readonly problems: readonly Problem[];
}

/**
 * A director that returns preempts nobody before its servers have been checked, so that it does not take the
 * traffic with a table that it only hopes is true; but not longer than this.
 */
export const CHECKS_AWAITED_MS = 30_000;

/** What becomes of our IPVS services at the stop. */
export function stopPolicyOf({ keepsServices }: SupervisorOptions, config: Config): LvsStopPolicy {
  return keepsServices === true ? 'keep' : (config.globalDefs.lvsStopPolicy ?? 'remove');
}

/** `guard` is absent when the configuration needs no such process. */
export function processStatus(
  guard: { readonly pid: number | undefined; readonly restarts: number } | undefined,
): ProcessStatus {
  if (guard === undefined) return { state: 'not-needed', restarts: 0 };
  const { pid, restarts } = guard;
  return pid === undefined
    ? { state: 'restarting', restarts }
    : { state: 'running', pid, restarts };
}
