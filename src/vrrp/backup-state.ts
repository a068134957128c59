/** BACKUP (RFC 9568 6.4.2; RFC 5798 6.4.2, steps 300-475; keepalived's preempt_delay). */
import type { BackupState, Context, Event, RouterConfig, Step, TimerName } from './machine.ts';
import { owing, unwantedAddresses } from './owed-addresses.ts';
import { initialWaitMs, masterDownIntervalMs, skewTimeMs } from './timing.ts';
import { transition, withoutTimer } from './transition.ts';

/** A kernel that would not let go of an address is asked again this often. */
export const REMOVAL_RETRY_MS = 1000;

type AdvertReceived = Extract<Event, { kind: 'advertReceived' }>;

/** An advert of another router, already admitted. */
export function backupHears(context: Context, state: BackupState, event: AdvertReceived): Step {
  const { config, nowMs } = context;
  if (event.priority === 0) return masterResigned(context, state);
  const master = { address: event.source, priority: event.priority };
  const delayed = runPreemptDelay(context, state, event.priority);
  const wantsIt = config.preempt && !state.hasHandedOver && event.priority < state.priority;
  const isDelayed = delayed.preemptAtMs !== undefined && nowMs < delayed.preemptAtMs;
  const isHeld = wantsIt && !isDelayed && state.awaitsChecks === true;
  if (wantsIt && !isDelayed && !isHeld) {
    // RFC 5798 (470): discarded, so its master-down timer runs out while it is still talking.
    return {
      state: { ...delayed, master, isPreempting: true },
      actions: [{ kind: 'count', name: 'lowerPriorityReceived' }],
    };
  }
  const masterAdvertIntervalMs =
    config.version === 3 ? event.advertIntervalMs : config.advertIntervalMs;
  const downMs = downIntervalMs(config, state.priority, masterAdvertIntervalMs);
  const { heldFromMs = state.timers.masterDown, doubtsSilence: _over, ...unheld } = delayed;
  return {
    state: {
      ...unheld,
      ...(isHeld && heldFromMs !== undefined ? { heldFromMs } : {}),
      master,
      masterAdvertIntervalMs,
      wait: 'MASTER_SILENT',
      waitFromMs: nowMs,
      isPreempting: false,
      wantsMaster: false,
      timers: { ...state.timers, masterDown: nowMs + downMs },
    },
    actions: isHeld ? [{ kind: 'count', name: 'preemptionHeld' }] : [],
  };
}

/** What would have been preempted meanwhile is preempted when it would have been, or now. */
export function backupChecked({ nowMs }: Context, state: BackupState): Step {
  const { heldFromMs, awaitsChecks: _over, ...ready } = state;
  if (heldFromMs === undefined) return { state: ready, actions: [] };
  const masterDown = Math.max(nowMs, heldFromMs);
  const timers = { ...ready.timers, masterDown };
  return { state: { ...ready, timers, isPreempting: true }, actions: [] };
}

/** One of our timers fired, at the deadline it was armed with. */
export function backupTimer(
  context: Context,
  state: BackupState,
  timer: TimerName,
  deadlineMs: number,
): Step {
  if (timer === 'masterDown') {
    if (isDoubtful(context, state, deadlineMs)) return doubtSilence(context, state);
    return context.config.syncGroup === undefined
      ? takeOver(context, state)
      : waitForGroup(context, state);
  }
  if (timer === 'addressRetry') {
    const addresses = unwantedAddresses(context.config, state);
    return { state, actions: [{ kind: 'removeAddresses', addresses }] };
  }
  throw new Error(`The timer ${timer} cannot be armed in BACKUP`);
}

/**
 * Whether the silence may be ours: this timer fires an advert interval late or more, so this machine stood still
 * (a virtual machine that was paused or moved), and what was sent meanwhile may have gone to nobody. Once: only
 * an advert makes a silence doubtful again.
 */
function isDoubtful({ nowMs }: Context, state: BackupState, deadlineMs: number): boolean {
  const { master, wait, isPreempting, doubtsSilence, masterAdvertIntervalMs } = state;
  if (master === undefined || wait !== 'MASTER_SILENT' || isPreempting) return false;
  return doubtsSilence !== true && nowMs - deadlineMs >= masterAdvertIntervalMs;
}

/** A master that is there speaks within one interval; the better backup is still the sooner one. */
function doubtSilence({ config, nowMs }: Context, state: BackupState): Step {
  const { priority, masterAdvertIntervalMs: intervalMs } = state;
  const masterDown = nowMs + initialWaitMs(config.version, priority, intervalMs);
  return {
    state: { ...state, doubtsSilence: true, timers: { ...state.timers, masterDown } },
    actions: [{ kind: 'count', name: 'silenceDoubted' }],
  };
}

/** The wait is over, or the sync group that waited with us is ready. */
export function takeOver(context: Context, state: BackupState): Step {
  const reason = state.isPreempting ? 'LOWER_PRIORITY_MASTER' : state.wait;
  return transition(context, state, { to: 'MASTER' }, reason);
}

/**
 * keepalived (vrrp_sync_can_goto_master): a member of a sync group becomes master only together with the
 * others. It says that it is ready, and goes on listening.
 */
function waitForGroup({ config, nowMs }: Context, state: BackupState): Step {
  const masterDown = nowMs + downIntervalMs(config, state.priority, state.masterAdvertIntervalMs);
  return {
    state: { ...state, wantsMaster: true, timers: { ...state.timers, masterDown } },
    actions: [],
  };
}

/** The kernel's answer to a removal: an address we may not hold must go, however long it takes. */
export function backupApplied(
  { nowMs }: Context,
  state: BackupState,
  event: Extract<Event, { kind: 'addressesApplied' }>,
): Step {
  if (event.wanted === 'present') return { state, actions: [] };
  if (event.ok) {
    const timers = withoutTimer(state.timers, 'addressRetry');
    return { state: owing({ ...state, timers }, []), actions: [] };
  }
  return {
    state: { ...state, timers: { ...state.timers, addressRetry: nowMs + REMOVAL_RETRY_MS } },
    actions: [{ kind: 'count', name: 'addressFailures' }],
  };
}

/** Another priority or interval moves the deadline of the wait that is running, not its beginning. */
export function rescheduleBackup(
  { config, nowMs }: Context,
  state: BackupState,
  previous: RouterConfig,
): BackupState {
  const isAdopted = config.version === 3 && state.master !== undefined;
  const isReconfigured = config.advertIntervalMs !== previous.advertIntervalMs;
  const masterAdvertIntervalMs =
    isReconfigured && !isAdopted ? config.advertIntervalMs : state.masterAdvertIntervalMs;
  const rescheduled = { ...state, masterAdvertIntervalMs };
  if (state.wait !== 'MASTER_SILENT' || state.wantsMaster) return rescheduled;
  const downMs = downIntervalMs(config, state.priority, masterAdvertIntervalMs);
  const masterDown = Math.max(nowMs, state.waitFromMs + downMs);
  return { ...rescheduled, timers: { ...state.timers, masterDown } };
}

function downIntervalMs(config: RouterConfig, priority: number, intervalMs: number): number {
  const { version, downTimerAdverts } = config;
  return masterDownIntervalMs(version, priority, intervalMs, downTimerAdverts);
}

function masterResigned({ config, nowMs }: Context, state: BackupState): Step {
  const skewMs = skewTimeMs(config.version, state.priority, state.masterAdvertIntervalMs);
  return {
    state: {
      ...state,
      wait: 'MASTER_RESIGNED',
      waitFromMs: nowMs,
      isPreempting: false,
      timers: { ...state.timers, masterDown: nowMs + skewMs },
    },
    actions: [{ kind: 'count', name: 'priorityZeroReceived' }],
  };
}

/**
 * keepalived's preempt_delay: the clock starts at the first lower-priority advert and an advert at least
 * as good as ours stops it; every entry to BACKUP begins without one.
 */
function runPreemptDelay(
  { config, nowMs }: Context,
  state: BackupState,
  priority: number,
): BackupState {
  const { preemptAtMs, ...stopped } = state;
  if (!config.preempt || config.preemptDelayMs === 0 || priority >= state.priority) return stopped;
  return { ...stopped, preemptAtMs: preemptAtMs ?? nowMs + config.preemptDelayMs };
}
