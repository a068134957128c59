/**
 * The VRRP state machine: RFC 9568 6.4 with keepalived's behaviour where it goes beyond. A function of
 * its arguments: no clock, no socket, no log. Each state's rules are in a file of its own; what is done
 * on the way from one to another is in transition.ts.
 */
import {
  backupApplied,
  backupChecked,
  backupHears,
  backupTimer,
  rescheduleBackup,
  takeOver,
} from './backup-state.ts';
import { causesChanged, faultApplied, faultReconfigured, faultTimer } from './fault-state.ts';
import { groupStanding } from './group-standing.ts';
import type {
  Action,
  Context,
  Event,
  HandoverEnd,
  RouterConfig,
  State,
  Step,
  TimerName,
  Timers,
  TransitionReason,
} from './machine.ts';
import {
  announceForGroup,
  masterApplied,
  masterHears,
  masterLost,
  masterTimer,
  reconfigureMaster,
} from './master-state.ts';
import { owedAfterReload, owing } from './owed-addresses.ts';
import { PRIORITY_OWNER } from './packet.ts';
import {
  finishHandover,
  released,
  releaseMastership,
  requestHandover,
  resumeMastership,
} from './release.ts';
import { hearForeignMaster } from './rivals.ts';
import { failIfFaulty, joinElection, transition, withoutTimer } from './transition.ts';

export type { Action, Event, RouterConfig, State, VrrpState } from './machine.ts';

/** Before `started`. */
export function initialState(config: RouterConfig): State {
  const { priority } = config;
  return {
    name: 'INIT',
    timers: {},
    priority,
    isLinkUp: false,
    faults: [],
    hasHandedOver: false,
  };
}

/**
 * What `event`, at `nowMs` (monotonic), does to the router: its next state, and the actions to perform
 * strictly in order. Timers that changed follow at the end. Throws for what cannot happen.
 */
export function step(config: RouterConfig, state: State, event: Event, nowMs: number): Step {
  const next = handle({ config, nowMs }, state, event);
  // A timer that fired is gone on both sides; only what else changed is told.
  const hasFired = event.kind === 'timerFired' && state.timers[event.timer] === event.deadlineMs;
  const before = hasFired ? withoutTimer(state.timers, event.timer) : state.timers;
  return {
    state: next.state,
    actions: [
      ...next.actions,
      ...timerChanges(before, next.state.timers),
      ...handoverEnd(state, next.state),
      ...standingChange(config, state, next.state, event.kind === 'configChanged'),
    ],
  };
}

function handle(context: Context, state: State, event: Event): Step {
  switch (event.kind) {
    case 'started':
      return start(context, state, event);
    case 'serversChecked': {
      if (state.name === 'BACKUP') return backupChecked(context, state);
      const { awaitsChecks: _over, ...ready } = state;
      return unmoved(ready);
    }
    case 'stopped':
      return stop(context, state);
    case 'advertReceived':
      if (state.name === 'BACKUP') return backupHears(context, state, event);
      return state.name === 'MASTER' ? masterHears(context, state, event) : unmoved(state);
    case 'timerFired':
      return fire(context, state, event.timer, event.deadlineMs);
    case 'linkChanged':
      return changeLink(context, state, event.isUp);
    case 'trackingChanged':
      return changeTracking(context, state, event);
    case 'groupForced':
      return followGroup(context, state, event);
    case 'handoverRequested':
      return requestHandover(context, state);
    case 'foreignMasterHeard':
      return state.name === 'MASTER' ? hearForeignMaster(context, state, event) : unmoved(state);
    case 'addressesApplied':
      if (state.name === 'BACKUP') return backupApplied(context, state, event);
      if (state.name === 'MASTER') return masterApplied(context, state, event);
      return state.name === 'FAULT' ? faultApplied(context, state, event) : unmoved(state);
    case 'addressRemoved':
      return state.name === 'MASTER' ? masterLost(context, state, event.address) : unmoved(state);
    case 'configChanged':
      return changeConfig(context, state, event.previous);
  }
}

function start(context: Context, state: State, event: Extract<Event, { kind: 'started' }>): Step {
  if (state.name !== 'INIT') throw new Error(`Started in ${state.name}, expected INIT`);
  const { isLinkUp, awaitsChecks } = event;
  const started = { ...state, isLinkUp, ...(awaitsChecks ? { awaitsChecks } : {}) };
  const faulty = failIfFaulty(context, started);
  if (faulty !== undefined) return faulty;
  return event.resumeAsMaster
    ? transition(context, started, { to: 'MASTER' }, 'RESUMED_AS_MASTER')
    : joinElection(context, started, 'STARTED');
}

function stop(context: Context, state: State): Step {
  if (state.name === 'MASTER') return releaseMastership(context, state, 'STOP');
  if (state.name === 'INIT') return released(unmoved(state));
  return released(transition(context, state, { to: 'INIT' }, 'STOPPED'));
}

/** A timer is believed only with the deadline it was last armed with, and not before it. */
function fire(context: Context, state: State, timer: TimerName, deadlineMs: number): Step {
  if (state.timers[timer] !== deadlineMs || context.nowMs < deadlineMs) {
    return { state, actions: [{ kind: 'count', name: 'staleTimers' }] };
  }
  const timers = withoutTimer(state.timers, timer);
  switch (state.name) {
    case 'BACKUP':
      return backupTimer(context, { ...state, timers }, timer, deadlineMs);
    case 'MASTER':
      return masterTimer(context, { ...state, timers }, timer, deadlineMs);
    case 'FAULT':
      return faultTimer(context, { ...state, timers }, timer);
    case 'INIT':
      throw new Error(`The timer ${timer} cannot be armed in INIT`);
  }
}

function changeLink(context: Context, state: State, isLinkUp: boolean): Step {
  const changed = { ...state, isLinkUp };
  if (state.name === 'MASTER' && state.releaseGoal === 'STOP' && !isLinkUp) {
    return released(transition(context, changed, { to: 'INIT' }, 'LINK_DOWN'));
  }
  return weighCauses(context, changed, state, 'LINK_UP');
}

/** A master says its new priority with its next advert; a backup's skew changes at once. */
function changeTracking(
  context: Context,
  state: State,
  { priority, faults }: Extract<Event, { kind: 'trackingChanged' }>,
): Step {
  const isChanged = context.config.priority !== PRIORITY_OWNER && priority !== state.priority;
  const changed: State = isChanged
    ? { ...state, priority, faults, hasHandedOver: false }
    : { ...state, faults };
  const next = weighCauses(context, changed, state, 'TRACKER_RECOVERED');
  if (!isChanged || next.state.name !== state.name) return next;
  if (next.state.name !== 'BACKUP' && next.state.name !== 'MASTER') return next;
  const reason = `priority ${state.priority} -> ${priority}`;
  const notice = { kind: 'notice', state: `${next.state.name}_PRIORITY`, reason } as const;
  const moved =
    next.state.name === 'BACKUP'
      ? rescheduleBackup(context, next.state, context.config)
      : next.state;
  return { state: moved, actions: [...next.actions, notice] };
}

/** The sync group decided (sync-group.ts). */
function followGroup(
  context: Context,
  state: State,
  { order, by }: Extract<Event, { kind: 'groupForced' }>,
): Step {
  switch (order) {
    case 'MASTER':
      if (state.name === 'MASTER' && state.awaitsGroup) return resumeMastership(context, state);
      return state.name === 'BACKUP' && state.wantsMaster
        ? takeOver(context, state)
        : unmoved(state);
    case 'BACKUP':
      if (state.name === 'MASTER' && state.awaitsGroup) return finishHandover(context, state);
      return state.name === 'MASTER' && !state.isReleasing
        ? releaseMastership(context, state, 'GROUP')
        : unmoved(state);
    case 'FAULT':
      return weighCauses(context, { ...state, groupFault: by }, state, 'GROUP_RECOVERED');
    case 'READY': {
      const { groupFault: _gone, ...ready } = state;
      return weighCauses(context, ready, state, 'GROUP_RECOVERED');
    }
    case 'ANNOUNCE':
      return state.name === 'MASTER' ? announceForGroup(context, state) : unmoved(state);
  }
}

/** The causes of a fault changed: out of the election at the first, into it again after the last. */
function weighCauses(
  context: Context,
  changed: State,
  before: State,
  recovered: TransitionReason,
): Step {
  if (changed.name === 'INIT') return unmoved(changed);
  if (changed.name === 'FAULT') {
    return before.name === 'FAULT'
      ? causesChanged(context, changed, before, recovered)
      : unmoved(changed);
  }
  if (changed.name === 'MASTER' && changed.releaseGoal === 'STOP') return unmoved(changed);
  return failIfFaulty(context, changed) ?? unmoved(changed);
}

function changeConfig(context: Context, state: State, previous: RouterConfig): Step {
  const { config } = context;
  const isPriorityKept = config.priority === previous.priority;
  const { groupFault, ...rest } = owing(state, owedAfterReload(config, previous, state));
  const isSameGroup = config.syncGroup === previous.syncGroup && groupFault !== undefined;
  const changed: State = {
    ...rest,
    ...(isSameGroup ? { groupFault } : {}),
    priority: isPriorityKept ? state.priority : config.priority,
    hasHandedOver: false,
  };
  switch (changed.name) {
    case 'INIT':
      return unmoved(changed);
    case 'BACKUP':
      return (
        failIfFaulty(context, changed) ?? unmoved(rescheduleBackup(context, changed, previous))
      );
    case 'MASTER':
      if (changed.awaitsGroup && config.syncGroup !== previous.syncGroup) {
        return finishHandover(context, changed);
      }
      // dont_track_primary may have gone; a resignation that is running ends by itself.
      return (
        (changed.isReleasing ? undefined : failIfFaulty(context, changed)) ??
        reconfigureMaster(context, changed, previous)
      );
    case 'FAULT':
      return faultReconfigured(context, changed);
  }
}

function unmoved(state: State): Step {
  return { state, actions: [] };
}

function timerChanges(before: Timers, after: Timers): readonly Action[] {
  const names = Object.keys({ ...before, ...after }) as TimerName[];
  return names.flatMap((timer): readonly Action[] => {
    const deadlineMs = after[timer];
    if (deadlineMs === before[timer]) return [];
    return [
      deadlineMs === undefined
        ? { kind: 'clearTimer', timer }
        : { kind: 'setTimer', timer, deadlineMs },
    ];
  });
}

/** How a handover ended is told wherever it ended. */
function handoverEnd(before: State, after: State): readonly Action[] {
  const wasHandingOver = before.name === 'MASTER' && before.releaseGoal === 'HANDOVER';
  const goesOn = after.name === 'MASTER' && after.releaseGoal === 'HANDOVER';
  if (!wasHandingOver || goesOn) return [];
  const { successor } = before;
  const isBusy = after.name === 'MASTER' && after.isReleasing;
  // A member of a sync group goes on although it has a successor, when another has none.
  const isKept = after.name === 'MASTER' && !after.isReleasing;
  const end: HandoverEnd =
    successor === undefined || isKept
      ? { ok: false, code: isBusy ? 'BUSY' : 'NO_SUCCESSOR' }
      : { ok: true, successor: successor.address };
  return [{ kind: 'handedOver', end }];
}

/** After a reload it is told in any case: the group may be another one. */
function standingChange(
  config: RouterConfig,
  before: State,
  after: State,
  isReloaded: boolean,
): readonly Action[] {
  if (config.syncGroup === undefined) return [];
  const tells = groupStanding(config, after);
  const isNews = isReloaded || tells !== groupStanding(config, before);
  return isNews ? [{ kind: 'tellGroup', tells }] : [];
}
