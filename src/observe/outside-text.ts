/** What `lvsd status` says of trackers, scripts and FIFOs, and of what holds an instance back. */
import type { InstanceSnapshot } from '../vrrp/snapshot.ts';
import type { NotifyStatus, TrackerStatus } from './outside.ts';
import type { DaemonStatus } from './status.ts';

/** What an instance shows only when there is something to show. */
type Remarks = InstanceSnapshot & {
  readonly faults?: readonly string[];
  readonly contributions?: readonly {
    readonly source: string;
    readonly amount: number;
    readonly reason: string;
  }[];
  readonly splitBrain?: { readonly peer: string; readonly priority?: number };
  readonly handedOver?: boolean;
  readonly awaitsChecks?: boolean;
};

/** Lines below the table of instances: faults, the sum of a priority, split brain, a handover. */
export function renderRemarks(instances: readonly Remarks[]): readonly string[] {
  return instances.flatMap((instance) => {
    const { name, faults = [], contributions = [], splitBrain } = instance;
    const moving = contributions.filter(({ amount }) => amount !== 0);
    const parts = moving.map(({ source, amount }) => `${signed(amount)} ${source}`);
    const reasons = contributions.map(({ source, reason }) => [source, reason] as const);
    const why = new Map(reasons);
    const causes = faults.map((cause) => withReason(cause, why.get(cause)));
    return [
      ...(causes.length === 0 ? [] : [`${name} is held in FAULT by ${causes.join(', ')}`]),
      ...(parts.length === 0
        ? []
        : [
            `${name} priority ${instance.effectivePriority} = ${instance.priority} ${parts.join(' ')}`,
          ]),
      ...(splitBrain === undefined
        ? []
        : [
            `${name} SPLIT BRAIN: ${splitBrain.peer} (${splitBrain.priority ?? '?'}) is master too`,
          ]),
      ...(instance.handedOver ? [`${name} was handed over and does not take it back`] : []),
      ...(instance.awaitsChecks
        ? [`${name} preempts nobody before its servers have been checked`]
        : []),
    ];
  });
}

function withReason(cause: string, reason: string | undefined): string {
  return reason === undefined ? cause : `${cause} (${reason})`;
}

function signed(amount: number): string {
  return amount < 0 ? `- ${-amount}` : `+ ${amount}`;
}

/** Rows of the table of trackers, its header first; none without trackers. */
export function trackerRows(trackers: readonly TrackerStatus[]): readonly (readonly string[])[] {
  if (trackers.length === 0) return [];
  const rows = trackers.map((tracker) => [
    `${tracker.kind} ${tracker.name}`,
    tracker.isUp ? 'up' : 'DOWN',
    tracker.value === undefined ? '-' : String(tracker.value),
    `${tracker.weight}${tracker.isReversed ? ' reverse' : ''}`,
    describeReason(tracker),
  ]);
  return [['TRACKER', 'STATE', 'VALUE', 'WEIGHT', 'BECAUSE'], ...rows];
}

function describeReason({ reason, lastRun }: TrackerStatus): string {
  const said = lastRun?.stderr.split('\n', 1)[0] ?? '';
  return said === '' ? reason : `${reason}: ${said}`;
}

/** Only what is wrong: scripts that failed or wait, FIFOs that nobody reads. */
export function renderNotifyTrouble({ scripts, fifos }: DaemonStatus['notify']): readonly string[] {
  return [
    ...scripts.flatMap(describeScripts),
    ...fifos.flatMap(({ path, problem, waiting, lost, script }) => [
      ...(problem === undefined ? [] : [`FIFO ${problem}`]),
      ...(waiting + lost === 0
        ? []
        : [`FIFO ${path}: nobody reads, ${waiting} lines wait, ${lost} lost`]),
      ...(script === undefined || script.restarts === 0
        ? []
        : [
            `FIFO script ${script.path} ended ${script.restarts} times (${script.lastOutcome ?? '?'})`,
          ]),
    ]),
  ];
}

function describeScripts({ object, waiting, dropped, results }: NotifyStatus): readonly string[] {
  const last = results.at(-1);
  const failed = last !== undefined && last.outcome !== 'exit status 0';
  return [
    ...(failed ? [`${object}: ${last.script} for ${last.state}: ${last.outcome}`] : []),
    ...(waiting + dropped === 0
      ? []
      : [`${object}: ${waiting} notify scripts wait, ${dropped} were left out`]),
  ];
}
