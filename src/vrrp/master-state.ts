/** MASTER (RFC 9568 6.4.3; RFC 5798 6.4.3, steps 600-775), holding on or letting go. */
import { compareAddresses, type IpAddress, isSameAddress } from '../base/address.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import { heldAddresses, planAddresses } from './addresses.ts';
import { REMOVAL_RETRY_MS } from './backup-state.ts';
import { extraAddresses, extraTimer } from './extra-announcement.ts';
import type {
  Action,
  Context,
  Event,
  MasterState,
  RouterConfig,
  Step,
  TimerName,
  Timers,
} from './machine.ts';
import { owing } from './owed-addresses.ts';
import { PRIORITY_OWNER, PRIORITY_RESIGN } from './packet.ts';
import { releaseDue, releasingHears } from './release.ts';
import { forgetRivals, meetRival } from './rivals.ts';
import { masterDownIntervalMs } from './timing.ts';
import { transition, withoutTimer } from './transition.ts';

/** A kernel that would not take an address is asked again this soon; an address goes back no oftener. */
export const ADDRESS_RETRY_MS = 50;
/** That often; then we are no use as master: FAULT, and the next router takes over after its skew. */
export const ADDRESS_RETRIES_MAX = 3;
/** A queue of lower-priority adverts after a stall is answered by one announcement, not by as many. */
export const ASSERTION_GAP_MS = 100;

/** Adverts of another owner after ours before we believe that it will not yield: its master-down time. */
const ROGUE_OWNER_ADVERTS = 3;

type AdvertReceived = Extract<Event, { kind: 'advertReceived' }>;

/** An advert of another router, already admitted. */
export function masterHears(context: Context, state: MasterState, event: AdvertReceived): Step {
  if (state.isReleasing) return releasingHears(context, state, event);
  const { config, nowMs } = context;
  if (config.ownerIgnoresAdverts && config.priority === PRIORITY_OWNER) {
    return { state, actions: [] };
  }
  if (event.priority === 0) {
    const assertion: Action = { kind: 'sendAdvert', priority: state.priority };
    const advert = nowMs + config.advertIntervalMs;
    return {
      state: { ...state, timers: { ...state.timers, advert } },
      actions: [{ kind: 'count', name: 'priorityZeroReceived' }, assertion],
    };
  }
  const isEqual = event.priority === state.priority;
  const isBetter = isEqual
    ? compareAddresses(event.source, config.primaryAddress) > 0
    : event.priority > state.priority;
  if (isBetter) return yieldTo(context, state, event);
  const isRogueOwner = event.priority === PRIORITY_OWNER;
  return isRogueOwner
    ? meetRogueOwner(context, state, event)
    : assertMastership(context, state, event);
}

function yieldTo(context: Context, state: MasterState, event: AdvertReceived): Step {
  const { config } = context;
  const isEqual = event.priority === state.priority;
  const yielded = transition(
    context,
    state,
    {
      to: 'BACKUP',
      wait: 'MASTER_SILENT',
      masterAdvertIntervalMs:
        config.version === 3 ? event.advertIntervalMs : config.advertIntervalMs,
      master: { address: event.source, priority: event.priority },
    },
    isEqual ? 'EQUAL_PRIORITY_HIGHER_ADDRESS' : 'HIGHER_PRIORITY_ADVERT',
  );
  const last: readonly Action[] = config.higherPrioSendAdvert
    ? [{ kind: 'sendAdvert', priority: state.priority }]
    : [];
  const counted: Action = { kind: 'count', name: 'higherPriorityReceived' };
  return { state: yielded.state, actions: [counted, ...last, ...yielded.actions] };
}

/**
 * Two routers are configured as owner of the addresses (RFC 9568 erratum 8298), and ours is the higher
 * address: the other should have yielded to our advert. When it will not, keepalived advertises 254
 * instead, so that one of the two wins.
 */
function meetRogueOwner(context: Context, state: MasterState, event: AdvertReceived): Step {
  const rogueOwnerAdverts = state.rogueOwnerAdverts + 1;
  const asserted = assertMastership(context, { ...state, rogueOwnerAdverts }, event);
  if (rogueOwnerAdverts < ROGUE_OWNER_ADVERTS || asserted.state.name !== 'MASTER') return asserted;
  const lowered = { ...asserted.state, priority: PRIORITY_OWNER - 1 };
  return {
    state: lowered,
    actions: [...asserted.actions, { kind: 'count', name: 'rogueOwners' }],
  };
}

/** One of our timers fired, at the deadline it was armed with. */
export function masterTimer(
  context: Context,
  state: MasterState,
  timer: TimerName,
  deadlineMs: number,
): Step {
  const { config } = context;
  const { garp } = config;
  switch (timer) {
    case 'advert':
      return advertDue(context, state, deadlineMs);
    case 'garpDelay':
      return { state, actions: [announce(config, 'delayed', garp.masterRepeat)] };
    case 'garpRefresh': {
      const garpRefresh = nextDeadline(context, deadlineMs, garp.masterRefreshMs);
      const actions = [announce(config, 'refresh', garp.masterRefreshRepeat)];
      return { state: { ...state, timers: { ...state.timers, garpRefresh } }, actions };
    }
    case 'garpExtra': {
      const addresses = extraAddresses(config);
      const kept = withoutTimer(state.timers, 'garpExtra');
      const timers = { ...kept, ...extraTimer(config, context.nowMs) };
      return {
        state: { ...state, timers },
        actions: [{ kind: 'announce', burst: 'extra', addresses, repeat: 1 }],
      };
    }
    case 'lowerPrioGarp':
      return reassertion(context, state);
    case 'addressRetry':
      return putAddresses(state, config, heldAddresses(config), 'master');
    case 'removalRetry':
      return { state, actions: [{ kind: 'removeAddresses', addresses: state.owed ?? [] }] };
    case 'release':
      return releaseDue(context, state);
    case 'rivalsSilent':
      return forgetRivals(context, state);
    case 'masterDown':
      throw new Error('The timer masterDown cannot be armed in MASTER');
  }
}

/** The kernel's answer to an addition: a master without its addresses is a black hole. */
export function masterApplied(
  context: Context,
  state: MasterState,
  event: Extract<Event, { kind: 'addressesApplied' }>,
): Step {
  if (event.wanted === 'absent') return removalApplied(context, state, event.ok);
  if (event.ok) {
    const timers = withoutTimer(state.timers, 'addressRetry');
    return { state: { ...state, addressFailures: 0, timers }, actions: [] };
  }
  const counted: Action = { kind: 'count', name: 'addressFailures' };
  const addressFailures = state.addressFailures + 1;
  if (addressFailures > ADDRESS_RETRIES_MAX && !state.isReleasing) {
    const target = { to: 'FAULT', areAddressesRefused: true } as const;
    const fault = transition(context, state, target, 'ADDRESSES_REFUSED');
    return { state: fault.state, actions: [counted, ...fault.actions] };
  }
  const addressRetry = context.nowMs + ADDRESS_RETRY_MS;
  const timers = state.isReleasing ? state.timers : { ...state.timers, addressRetry };
  return { state: { ...state, addressFailures, timers }, actions: [counted] };
}

/** What a reload removed is gone, or is still owed; letting go of mastership tries it again as well. */
function removalApplied({ nowMs }: Context, state: MasterState, isDone: boolean): Step {
  if (isDone) {
    const timers = withoutTimer(state.timers, 'removalRetry');
    return { state: owing({ ...state, timers }, []), actions: [] };
  }
  const counted: Action = { kind: 'count', name: 'addressFailures' };
  if (state.owed === undefined || state.isReleasing) return { state, actions: [counted] };
  const timers = { ...state.timers, removalRetry: nowMs + REMOVAL_RETRY_MS };
  return { state: { ...state, timers }, actions: [counted] };
}

/** Somebody took an address of ours away: it goes back at once, but no oftener than every 50 ms. */
export function masterLost({ config, nowMs }: Context, state: MasterState, lost: IpAddress): Step {
  const addresses = heldAddresses(config).filter(({ address }) => isSameAddress(address, lost));
  const isRetrying = state.timers.addressRetry !== undefined;
  if (addresses.length === 0 || isRetrying || state.successor !== undefined) {
    return { state, actions: [] };
  }
  const counted: Action = { kind: 'count', name: 'addressesTakenAway' };
  const allowedAtMs = (state.restoredAtMs ?? Number.NEGATIVE_INFINITY) + ADDRESS_RETRY_MS;
  if (nowMs < allowedAtMs) {
    const timers = { ...state.timers, addressRetry: allowedAtMs };
    return { state: { ...state, timers }, actions: [counted] };
  }
  const restored = putAddresses({ ...state, restoredAtMs: nowMs }, config, addresses, 'restored');
  return { state: restored.state, actions: [counted, ...restored.actions] };
}

/** A changed configuration, without losing mastership: others learn it from an advert at once. */
export function reconfigureMaster(
  { config, nowMs }: Context,
  state: MasterState,
  previous: RouterConfig,
): Step {
  const { garp } = config;
  const { removed, added } = planAddresses(heldAddresses(previous), heldAddresses(config));
  const { owed = [] } = state;
  const gone = [...removed, ...owed.filter((one) => !removed.includes(one))];
  const removal: readonly Action[] =
    gone.length > 0 ? [{ kind: 'removeAddresses', addresses: gone }] : [];
  if (state.isReleasing) return { state, actions: removal };
  const actions: Action[] = [{ kind: 'sendAdvert', priority: state.priority }, ...removal];
  if (added.length > 0) {
    const repeat = garp.masterRepeat;
    actions.push({ kind: 'addAddresses', addresses: added });
    actions.push({ kind: 'announce', burst: 'added', addresses: added, repeat });
  }
  const hasRefreshChanged = garp.masterRefreshMs !== previous.garp.masterRefreshMs;
  const kept = hasRefreshChanged ? withoutTimer(state.timers, 'garpRefresh') : state.timers;
  const refresh =
    hasRefreshChanged && garp.masterRefreshMs > 0
      ? { garpRefresh: nowMs + garp.masterRefreshMs }
      : {};
  const timers = {
    ...changeExtra(kept, previous, { config, nowMs }),
    ...refresh,
    advert: nowMs + config.advertIntervalMs,
  };
  return { state: { ...state, timers }, actions };
}

/** RFC 9568 6.4.3, last branch, and keepalived's re-announcement: the loser may have moved the clients. */
function assertMastership(context: Context, state: MasterState, event: AdvertReceived): Step {
  const { config, nowMs } = context;
  const { source: address, priority, advertIntervalMs } = event;
  const met = meetRival(context, state, { address, priority, advertIntervalMs });
  const actions: Action[] = [{ kind: 'count', name: 'lowerPriorityReceived' }];
  if (!config.lowerPrioNoAdvert) actions.push({ kind: 'sendAdvert', priority: state.priority });
  actions.push(...met.actions);
  if (met.state.name !== 'MASTER') return { state: met.state, actions };
  const reasserted = announceAssertion(context, met.state);
  if (nowMs >= nextAssertionMs(state)) {
    actions.push({
      kind: 'notice',
      state: 'MASTER_RX_LOWER_PRI',
      reason: `${address.text} advertises priority ${priority}`,
    });
    if (config.syncGroup !== undefined) {
      actions.push({ kind: 'tellGroup', tells: 'LOWER_PRIORITY_HEARD' });
    }
  }
  return { state: reasserted.state, actions: [...actions, ...reasserted.actions] };
}

/** Another member of our sync group met a lower-priority master: the clients of all may have moved. */
export function announceForGroup(context: Context, state: MasterState): Step {
  return state.isReleasing ? { state, actions: [] } : announceAssertion(context, state);
}

function announceAssertion({ config, nowMs }: Context, state: MasterState): Step {
  const { lowerPrioDelayMs, lowerPrioRepeat } = config.garp;
  const allowedAtMs = nextAssertionMs(state);
  if (nowMs < allowedAtMs) {
    if (lowerPrioRepeat === 0) return { state, actions: [] };
    const lowerPrioGarp = Math.min(state.timers.lowerPrioGarp ?? allowedAtMs, allowedAtMs);
    return { state: { ...state, timers: { ...state.timers, lowerPrioGarp } }, actions: [] };
  }
  const asserted = { ...state, assertedAtMs: nowMs };
  if (lowerPrioRepeat === 0) return { state: asserted, actions: [] };
  const second = lowerPrioDelayMs > 0 ? { lowerPrioGarp: nowMs + lowerPrioDelayMs } : {};
  return {
    state: { ...asserted, timers: { ...second, ...state.timers } },
    actions: [announce(config, 'lowerPriority', lowerPrioRepeat)],
  };
}

function nextAssertionMs({ assertedAtMs }: MasterState): number {
  return (assertedAtMs ?? Number.NEGATIVE_INFINITY) + ASSERTION_GAP_MS;
}

/** The second burst, or one that had to wait for its turn; then the second is still to come. */
function reassertion({ config, nowMs }: Context, state: MasterState): Step {
  const { lowerPrioDelayMs, lowerPrioRepeat } = config.garp;
  const secondMs = (state.assertedAtMs ?? nowMs) + lowerPrioDelayMs;
  const second = secondMs > nowMs ? { lowerPrioGarp: secondMs } : {};
  return {
    state: { ...state, timers: { ...state.timers, ...second } },
    actions: [announce(config, 'lowerPriority', lowerPrioRepeat)],
  };
}

/**
 * While releasing, the resignation is said again with every interval: any one may have been lost, and with
 * fast adverts the release is many intervals long. Nobody is put off by it: a skew is shorter than that.
 */
function advertDue(context: Context, state: MasterState, deadlineMs: number): Step {
  if (state.isReleasing) {
    const advert = nextDeadline(context, deadlineMs, context.config.advertIntervalMs);
    return {
      state: { ...state, timers: { ...state.timers, advert } },
      actions: [{ kind: 'sendAdvert', priority: PRIORITY_RESIGN }],
    };
  }
  if (isOvertaken(context, deadlineMs)) {
    const target = {
      to: 'BACKUP',
      wait: 'MASTER_SILENT',
      masterAdvertIntervalMs: context.config.advertIntervalMs,
    } as const;
    const yielded = transition(context, state, target, 'TIMER_EXPIRED');
    return {
      state: yielded.state,
      actions: [{ kind: 'count', name: 'lateTimers' }, ...yielded.actions],
    };
  }
  const advert = nextDeadline(context, deadlineMs, context.config.advertIntervalMs);
  return {
    state: { ...state, timers: { ...state.timers, advert } },
    actions: [{ kind: 'sendAdvert', priority: state.priority }],
  };
}

/**
 * keepalived's timer_expired_backup, off unless written: our timer ran so late that a router of the priority
 * named there, the highest of the others, has taken over by now; counted from our last advert, one interval
 * before the deadline.
 */
function isOvertaken({ config, nowMs }: Context, deadlineMs: number): boolean {
  const { timerExpiredBackup: priority, version, advertIntervalMs, downTimerAdverts } = config;
  if (priority === undefined) return false;
  const silentMs = nowMs - (deadlineMs - advertIntervalMs);
  return silentMs > masterDownIntervalMs(version, priority, advertIntervalMs, downTimerAdverts);
}

/** The cadence is kept through small lateness and started anew after a stall of a whole period. */
function nextDeadline({ nowMs }: Context, deadlineMs: number, periodMs: number): number {
  const next = deadlineMs + periodMs;
  return next > nowMs ? next : nowMs + periodMs;
}

function putAddresses(
  state: MasterState,
  config: RouterConfig,
  addresses: readonly VirtualAddressConfig[],
  burst: 'master' | 'restored',
): Step {
  const repeat = config.garp.masterRepeat;
  return {
    state,
    actions: [
      { kind: 'addAddresses', addresses },
      { kind: 'announce', burst, addresses, repeat },
    ],
  };
}

function announce(
  config: RouterConfig,
  burst: 'delayed' | 'refresh' | 'lowerPriority',
  repeat: number,
): Action {
  return { kind: 'announce', burst, addresses: heldAddresses(config), repeat };
}

/** Armed anew only where a reload changed what it is for. */
function changeExtra(timers: Timers, previous: RouterConfig, { config, nowMs }: Context): Timers {
  const meaning = (one: RouterConfig): string =>
    JSON.stringify([one.garpExtraInterface, extraAddresses(one).map(({ device }) => device)]);
  if (meaning(previous) === meaning(config)) return timers;
  return { ...withoutTimer(timers, 'garpExtra'), ...extraTimer(config, nowMs) };
}
