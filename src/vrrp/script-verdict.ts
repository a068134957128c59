/**
 * Whether a vrrp_script counts as up, from the results of its runs: keepalived's rules (reference 2.3).
 * `fall` failures in a row make it down, `rise` successes up. At the start the first result decides
 * alone, unless `init_fail`: then it is down until `rise` successes.
 */

export interface ScriptThresholds {
  readonly rise: number;
  readonly fall: number;
  /** `init_fail`. */
  readonly startsFailed: boolean;
}

export interface ScriptVerdict {
  readonly isUp: boolean;
  /** False until the first result: what it says then is an assumption. */
  readonly isKnown: boolean;
  /** Results in a row against `isUp`. */
  readonly against: number;
}

export function initialVerdict({ startsFailed }: ScriptThresholds): ScriptVerdict {
  return { isUp: !startsFailed, isKnown: false, against: 0 };
}

/** The verdict after one run; a run that timed out or could not be started has failed. */
export function judgeRun(
  { rise, fall, startsFailed }: ScriptThresholds,
  before: ScriptVerdict,
  hasPassed: boolean,
): ScriptVerdict {
  const settled = { isUp: hasPassed, isKnown: true, against: 0 };
  if (hasPassed === before.isUp) return settled;
  if (!before.isKnown && !startsFailed) return settled;
  const against = before.against + 1;
  return against >= (hasPassed ? rise : fall)
    ? settled
    : { isUp: before.isUp, isKnown: true, against };
}
