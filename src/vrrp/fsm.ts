/**
 * The VRRP state machine: RFC 9568 6.4 with keepalived's behaviour where it goes beyond. A function of
 * its arguments: no clock, no socket, no log. Each state's rules are in a file of its own; what is done
 * on the way from one to another is in transition.ts.
 */
import { backupApplied, backupHears, backupTimer, rescheduleBackup } from './backup-state.ts';
import { faultApplied, faultLink, faultTimer, probeAddresses } from './fault-state.ts';
import type {
  Action,
  Context,
  Event,
  RouterConfig,
  State,
  Step,
  TimerName,
  Timers,
} from './machine.ts';
import {
  masterApplied,
  masterHears,
  masterLost,
  masterTimer,
  reconfigureMaster,
  released,
  releaseMastership,
} from './master-state.ts';
import { PRIORITY_OWNER } from './packet.ts';
import { joinElection, transition, withoutTimer } from './transition.ts';

export type { Action, Event, RouterConfig, State, VrrpState } from './machine.ts';

/** Before `started`. */
export function initialState(config: RouterConfig): State {
  return { name: 'INIT', timers: {}, priority: config.priority, isLinkUp: false };
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
    actions: [...next.actions, ...timerChanges(before, next.state.timers)],
  };
}

function handle(context: Context, state: State, event: Event): Step {
  switch (event.kind) {
    case 'started':
      return start(context, state, event);
    case 'stopped':
      return stop(context, state);
    case 'advertReceived':
      if (state.name === 'BACKUP') return backupHears(context, state, event);
      return state.name === 'MASTER' ? masterHears(context, state, event) : unmoved(state);
    case 'timerFired':
      return fire(context, state, event.timer, event.deadlineMs);
    case 'linkChanged':
      return changeLink(context, state, event.isUp);
    case 'priorityChanged':
      return changePriority(context, state, event.priority);
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
  const started = { ...state, isLinkUp: event.isLinkUp };
  if (!event.isLinkUp) {
    const target = { to: 'FAULT', isLinkUp: false, areAddressesRefused: false } as const;
    return transition(context, started, target, 'LINK_DOWN');
  }
  return event.resumeAsMaster
    ? transition(context, started, { to: 'MASTER' }, 'RESUMED_AS_MASTER')
    : joinElection(context, started, 'STARTED');
}

function stop(context: Context, state: State): Step {
  if (state.name === 'MASTER') return releaseMastership(context, state);
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
      return backupTimer(context, { ...state, timers }, timer);
    case 'MASTER':
      return masterTimer(context, { ...state, timers }, timer, deadlineMs);
    case 'FAULT':
      return faultTimer(context, { ...state, timers }, timer);
    case 'INIT':
      throw new Error(`The timer ${timer} cannot be armed in INIT`);
  }
}

function changeLink(context: Context, state: State, isUp: boolean): Step {
  if (state.name === 'FAULT') return faultLink(context, state, isUp);
  if (isUp || state.name === 'INIT') return unmoved({ ...state, isLinkUp: isUp });
  if (state.name === 'MASTER' && state.isReleasing) {
    return released(transition(context, state, { to: 'INIT' }, 'LINK_DOWN'));
  }
  const target = { to: 'FAULT', isLinkUp: false, areAddressesRefused: false } as const;
  return transition(context, state, target, 'LINK_DOWN');
}

/** A master says its new priority with its next advert; a backup's skew changes at once. */
function changePriority(context: Context, state: State, priority: number): Step {
  if (context.config.priority === PRIORITY_OWNER) return unmoved(state);
  const changed = { ...state, priority };
  if (changed.name !== 'BACKUP') return unmoved(changed);
  return unmoved(rescheduleBackup(context, changed, context.config));
}

function changeConfig(context: Context, state: State, previous: RouterConfig): Step {
  const { config } = context;
  const isPriorityKept = config.priority === previous.priority;
  const changed = { ...state, priority: isPriorityKept ? state.priority : config.priority };
  switch (changed.name) {
    case 'INIT':
      return unmoved(changed);
    case 'BACKUP':
      return unmoved(rescheduleBackup(context, changed, previous));
    case 'MASTER':
      return reconfigureMaster(context, changed, previous);
    case 'FAULT':
      return changed.areAddressesRefused && changed.isLinkUp
        ? probeAddresses(context, changed)
        : unmoved(changed);
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
