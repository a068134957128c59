/** What the engine is started with, and what it says of a server. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { CheckerHealth, ExpiryWarning } from './checker.ts';
import type { Outside } from './outside.ts';
import type { Probes } from './runner.ts';
import type { Timers } from './timers.ts';
import type { ServerChange } from './watched-server.ts';

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
