/**
 * MISC_CHECK: a script of the user's; exit status 0 is a pass. With misc_dynamic 2 to 255 is a pass too, with
 * weight 0 to 253. A script that cannot be run has failed, where keepalived drops the check and the server
 * counts as up; `script_failure ignore` is keepalived's way.
 */
import {
  describeOutcome,
  hasPassed,
  type ScriptOutcome,
  type ScriptResult,
} from '../base/script-result.ts';
import type { MiscCheckConfig } from '../config/model-lvs.ts';
import type { Advice, OutsideIo, Probe, ProbeVerdict } from './probe.ts';

/** misc_dynamic: this exit status is weight 0. */
const WEIGHT_BASE = 2;
/** Characters of what a script said on stderr that a detail shows. */
const SHOWN_CHARACTERS = 120;

/** Has the supervisor run the script, within the time of misc_timeout. */
export const probeScript: Probe<MiscCheckConfig, OutsideIo> = (
  target,
  { signal, clock, outside },
) => {
  const startedMs = clock.monotonicMs();
  return outside.runScript(target.command, target.timeoutMs, signal).then((result) => ({
    ...judgeResult(target, result, outside.ignoresScriptFailure),
    durationMs: clock.monotonicMs() - startedMs,
  }));
};

function judgeResult(
  target: MiscCheckConfig,
  result: ScriptResult | undefined,
  ignoresFailure: boolean,
): ProbeVerdict {
  const { path } = target.command;
  if (result === undefined) {
    const detail = `${path} waited too long for its turn: too many scripts run at once`;
    return { kind: 'inconclusive', reason: 'NOT_STARTED', detail };
  }
  const { outcome, stderr } = result;
  const said = stderr === '' ? '' : `: ${stderr.slice(0, SHOWN_CHARACTERS)}`;
  const detail = `${path}: ${describeOutcome(outcome)}${said}`;
  if (outcome.kind === 'exited') {
    const advice = adviceOf(target, outcome.code);
    if (advice !== undefined) return { kind: 'pass', detail, advice };
  }
  // What did not pass by its exit status may yet pass by script_failure.
  if (hasPassed(outcome, ignoresFailure)) return { kind: 'pass', detail };
  return { kind: 'fail', reason: REASONS[outcome.kind], detail };
}

const REASONS: Readonly<Record<ScriptOutcome['kind'], string>> = {
  exited: 'SCRIPT_FAILED',
  signalled: 'SCRIPT_KILLED',
  timedOut: 'TIMEOUT',
  cannotRun: 'CANNOT_RUN',
};

/** 0 is the weight in the file. Undefined where the exit status says nothing of weights. */
function adviceOf({ isDynamic }: MiscCheckConfig, code: number): Advice | undefined {
  if (!isDynamic) return undefined;
  if (code === 0) return { weight: { kind: 'add', points: 0 } };
  if (code < WEIGHT_BASE) return undefined;
  return { weight: { kind: 'set', weight: code - WEIGHT_BASE } };
}
