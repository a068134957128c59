/** Every scenario by name, in the order a drill without arguments runs them. */
import { drain } from './drain.ts';
import { drift } from './drift.ts';
import { handover } from './handover.ts';
import { masterKill } from './master-kill.ts';
import { masterTerm } from './master-term.ts';
import { preempt } from './preempt.ts';
import { reloadUnderLoad } from './reload-under-load.ts';
import { restartUnderLoad } from './restart-under-load.ts';
import { serverFailure } from './server-failure.ts';
import type { Scenario } from './steps.ts';

const SCENARIOS: ReadonlyMap<string, Scenario> = new Map([
  ['reload-under-load', reloadUnderLoad],
  ['drain', drain],
  ['drift', drift],
  ['restart-under-load', restartUnderLoad],
  ['server-failure', serverFailure],
  ['master-kill', masterKill],
  ['preempt', preempt],
  ['handover', handover],
  ['master-term', masterTerm],
]);

export const SCENARIO_NAMES: readonly string[] = [...SCENARIOS.keys()];

export function scenarioByName(name: string): Scenario | undefined {
  return SCENARIOS.get(name);
}
