/** How the run of a script ended, as a value and in words. */

export type ScriptOutcome =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'signalled'; readonly signal: string }
  | { readonly kind: 'timedOut'; readonly afterMs: number }
  | { readonly kind: 'cannotRun'; readonly reason: string };

export interface ScriptResult {
  readonly outcome: ScriptOutcome;
  readonly tookMs: number;
  /** The first KiB. */
  readonly stderr: string;
}

/** `exit status 1`, `killed by SIGSEGV`, `no end within 3 s`, `cannot be run: …`. */
export function describeOutcome(outcome: ScriptOutcome): string {
  switch (outcome.kind) {
    case 'exited':
      return `exit status ${outcome.code}`;
    case 'signalled':
      return `killed by ${outcome.signal}`;
    case 'timedOut':
      return `no end within ${outcome.afterMs / 1000} s, killed`;
    case 'cannotRun':
      return `cannot be run: ${outcome.reason}`;
    default:
      return outcome satisfies never;
  }
}

/**
 * Whether a run counts as a success. keepalived takes a script that cannot be run for one that succeeded;
 * here only with `script_failure ignore`.
 */
export function hasPassed(outcome: ScriptOutcome, ignoresFailure: boolean): boolean {
  if (outcome.kind === 'cannotRun') return ignoresFailure;
  return outcome.kind === 'exited' && outcome.code === 0;
}
