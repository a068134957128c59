/** What status shows of trackers, scripts and FIFOs: plain data, made by the supervisor. */
import type { TrackerState } from '../vrrp/tracker-state.ts';

/** The last run of a script. */
export interface ScriptRunStatus {
  readonly outcome: string;
  readonly tookMs: number;
  /** When it ended, ms since 1970. */
  readonly atMs: number;
  /** The first KiB. */
  readonly stderr: string;
}

export interface TrackerStatus extends TrackerState {
  /** That of the tracker itself; an instance may give it another. */
  readonly weight: number;
  readonly isReversed: boolean;
  readonly lastRun?: ScriptRunStatus;
}

export interface NotifyResult extends ScriptRunStatus {
  readonly script: string;
  readonly state: string;
}

export interface NotifyStatus {
  /** `INSTANCE VI_1`. */
  readonly object: string;
  readonly waiting: number;
  /** Left out because too many waited. */
  readonly dropped: number;
  /** The latest last. */
  readonly results: readonly NotifyResult[];
}

export interface FifoStatus {
  readonly path: string;
  /** Why there is none; absent while it is open. */
  readonly problem?: string;
  readonly written: number;
  /** The pipe is full: nobody reads. */
  readonly waiting: number;
  readonly lost: number;
  readonly script?: {
    readonly path: string;
    readonly isRunning: boolean;
    readonly restarts: number;
    readonly lastOutcome?: string;
  };
}
