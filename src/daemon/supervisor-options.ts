/** What the supervisor is started with, and how its children are shown. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { DaemonStatus } from '../observe/status.ts';

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
  readonly version: string;
  readonly clock: Clock;
  readonly log: Log;
}

/** `guard` is absent when the configuration needs no such process. */
export function processStatus(
  guard: { readonly pid: number | undefined; readonly restarts: number } | undefined,
): DaemonStatus['processes']['vrrp'] {
  if (guard === undefined) return { state: 'not-needed', restarts: 0 };
  const { pid, restarts } = guard;
  return pid === undefined
    ? { state: 'restarting', restarts }
    : { state: 'running', pid, restarts };
}
