/**
 * What follows from a notice: which scripts run, with which words, and which line the FIFOs get. As
 * keepalived's vrrp_notify.c, bit for bit:
 *
 *   state                      script of its own      notify NAME STATE PRIO    line of the FIFO
 *   MASTER BACKUP FAULT STOP   notify_master, …       yes, after it             yes
 *   DELETED                    notify_deleted         yes, after it             yes
 *   MASTER_RX_LOWER_PRI        notify_master_rx_…     no                        yes
 *   *_PRIORITY                 none                   no                        with notify_priority_changes
 *
 * An instance without notify_deleted that a reload removes is told as FAULT.
 */
import type { NotifyScripts, ScriptCommand } from '../config/model-vrrp.ts';
import type { Notice } from '../vrrp/notice.ts';

/** What an instance or a sync group says of its notices. */
export interface NotifySource {
  readonly notify?: NotifyScripts;
  readonly notifiesPriorityChanges?: boolean;
}

export interface PlannedRun {
  readonly command: ScriptCommand;
  /** After those of the command. */
  readonly args: readonly string[];
}

export interface NotifyPlan {
  /** In this order, each after the one before. */
  readonly runs: readonly PlannedRun[];
  /** With its end of line. */
  readonly line?: string;
}

export function planNotice(told: Notice, source: NotifySource): NotifyPlan {
  const { notify = {} } = source;
  const isFault = told.state === 'DELETED' && notify.deleted === undefined;
  const notice: Notice = isFault ? { ...told, state: 'FAULT' } : told;
  if (notice.state === 'MASTER_PRIORITY' || notice.state === 'BACKUP_PRIORITY') {
    return source.notifiesPriorityChanges === true
      ? { runs: [], line: fifoLine(notice) }
      : { runs: [] };
  }
  const own = ownScript(notify, notice.state);
  const runs: PlannedRun[] = own === undefined ? [] : [{ command: own, args: [] }];
  if (notify.any !== undefined && notice.state !== 'MASTER_RX_LOWER_PRI') {
    const { object, name, state, priority } = notice;
    runs.push({ command: notify.any, args: [object, name, state, String(priority)] });
  }
  return { runs, line: fifoLine(notice) };
}

/** `INSTANCE "VI_1" MASTER 100`, with its end of line. */
export function fifoLine({
  object,
  name,
  state,
  priority,
}: Pick<Notice, 'object' | 'name' | 'state' | 'priority'>): string {
  return `${object} "${name}" ${state} ${priority}\n`;
}

function ownScript(notify: NotifyScripts, state: Notice['state']): ScriptCommand | undefined {
  switch (state) {
    case 'MASTER':
      return notify.master;
    case 'BACKUP':
      return notify.backup;
    case 'FAULT':
      return notify.fault;
    case 'STOP':
      return notify.stop;
    case 'DELETED':
      return notify.deleted;
    case 'MASTER_RX_LOWER_PRI':
      return notify.masterRxLowerPri;
    case 'MASTER_PRIORITY':
    case 'BACKUP_PRIORITY':
      return undefined;
    default:
      return state satisfies never;
  }
}
