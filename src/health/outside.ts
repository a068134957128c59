/**
 * What checks need of the supervisor, which alone may run programs as other users and reads files: the
 * health process does neither.
 */
import type { ScriptResult } from '../base/script-result.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';

/** The last look at a track_file. */
export interface FileReading {
  /** False: it cannot be read, or holds no number. */
  readonly isUp: boolean;
  readonly value: number;
  /** `/run/weight holds 3`. */
  readonly reason: string;
  /** Of the track_file block itself. */
  readonly weight: number;
  readonly isReversed: boolean;
}

/** How a BFD session stands. */
export interface BfdReading {
  /** `unknown`: our own trouble, or a session that has had no time to come up yet. */
  readonly state: 'up' | 'down' | 'unknown';
  /** `neighbor 10.0.0.7 is up`. */
  readonly reason: string;
}

export interface Outside {
  /** `script_failure ignore`: a script that cannot be run has passed, as with keepalived. */
  readonly ignoresScriptFailure: boolean;
  /**
   * Runs a script in a process group of its own; from its start it has `timeoutMs`. Resolves with its end, at
   * the latest when the time is over: then the group is killed. Undefined when `signal` came first: the
   * group is killed too, or not started.
   */
  runScript(
    command: ScriptCommand,
    timeoutMs: number,
    signal: AbortSignal,
  ): Promise<ScriptResult | undefined>;
  /** Undefined while nobody has looked yet. */
  fileReading(name: string): FileReading | undefined;
  /** Undefined while nothing was told of this bfd_instance. */
  bfdReading(name: string): BfdReading | undefined;
}

/** For an engine without a supervisor: no script has started, no file was looked at, no session is known. */
export const NOTHING_OUTSIDE: Outside = {
  ignoresScriptFailure: false,
  runScript: () => Promise.resolve(undefined),
  fileReading: () => undefined,
  bfdReading: () => undefined,
};
