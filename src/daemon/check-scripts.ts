/**
 * Runs the scripts of MISC_CHECK for the health process, in the supervisor. The time of a script counts from
 * its start; when it is over the health process is told at once, however long the script takes to die.
 */
import type { ScriptResult } from '../base/script-result.ts';
import type { ScriptCommand } from '../config/model-vrrp.ts';
import type { ScriptRules } from './script-launch.ts';
import type { ScriptRun, ScriptRunner } from './script-runner.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

/** Check scripts under way at once; more wait in order. Their own, so that they do not keep vrrp_scripts. */
export const CHECK_RUNS_MAX = 64;

export interface CheckScriptPorts {
  readonly runner: ScriptRunner;
  readonly setTimer: SetTimer;
  readonly rules: () => ScriptRules;
  readonly onEnd: (id: number, result: ScriptResult) => void;
}

export class CheckScripts {
  readonly #ports: CheckScriptPorts;
  readonly #runs = new Map<number, ScriptRun>();

  constructor(ports: CheckScriptPorts) {
    this.#ports = ports;
  }

  /** `onEnd` is called once, unless `kill` comes first. */
  run(id: number, command: ScriptCommand, timeoutMs: number): void {
    const { runner, setTimer, rules } = this.#ports;
    let cancel: CancelTimer = () => {};
    const run = runner.run(command, {
      rules: rules(),
      isCheck: true,
      onStart: () => {
        cancel = setTimer(timeoutMs, () => {
          this.#end(id, {
            outcome: { kind: 'timedOut', afterMs: timeoutMs },
            tookMs: timeoutMs,
            stderr: '',
          });
          run.kill();
        });
      },
    });
    this.#runs.set(id, run);
    void run.result.then((result) => {
      cancel();
      this.#end(id, result);
    });
  }

  /** Nobody waits for it any more. */
  kill(id: number): void {
    const run = this.#runs.get(id);
    this.#runs.delete(id);
    run?.kill();
  }

  /** The health process is gone, or the daemon stops. */
  killAll(): void {
    for (const id of [...this.#runs.keys()]) this.kill(id);
  }

  #end(id: number, result: ScriptResult): void {
    if (this.#runs.delete(id)) this.#ports.onEnd(id, result);
  }
}
