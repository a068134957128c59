/** MASTER (RFC 9568 6.4.3; RFC 5798 6.4.3, steps 600-775), holding on or letting go. */
import { compareAddresses, type IpAddress, isSameAddress } from '../base/address.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import type {
  Action,
  Context,
  Event,
  MasterState,
  RouterConfig,
  Step,
  TimerName,
} from './machine.ts';
import { PRIORITY_RESIGN } from './packet.ts';
import { releaseBoundMs } from './timing.ts';
import { transition, withoutTimer } from './transition.ts';

/** A kernel that would not take an address is asked again this soon; an address goes back no oftener. */
export const ADDRESS_RETRY_MS = 50;
/** That often; then we are no use as master: FAULT, and the next router takes over after its skew. */
export const ADDRESS_RETRIES_MAX = 3;
/**
 * A successor sends its advert before its gratuitous ARP (keepalived: 0.35 to 1 ms before). Until clients
 * have heard the ARP their packets still come to us, so we serve this much longer.
 */
export const RELEASE_GRACE_MS = 20;
/** A queue of lower-priority adverts after a stall is answered by one announcement, not by as many. */
export const ASSERTION_GAP_MS = 100;

type AdvertReceived = Extract<Event, { kind: 'advertReceived' }>;

/** An advert of another router, already admitted. */
export function masterHears(context: Context, state: MasterState, event: AdvertReceived): Step {
  if (state.isReleasing) return releasingHears(context, state, event);
  const { config, nowMs } = context;
  const assertion: Action = { kind: 'sendAdvert', priority: state.priority };
  if (event.priority === 0) {
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
  if (isBetter) {
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
    const counted: Action = { kind: 'count', name: 'higherPriorityReceived' };
    return { state: yielded.state, actions: [counted, ...yielded.actions] };
  }
  return assertMastership(context, state, assertion);
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
    case 'lowerPrioGarp':
      return reassertion(context, state);
    case 'addressRetry':
      return putAddresses(state, config, config.virtualAddresses, 'master');
    case 'release': {
      const reason = state.successor === undefined ? 'RELEASE_TIMEOUT' : 'SUCCESSOR_HEARD';
      return released(transition(context, state, { to: 'INIT' }, reason));
    }
    case 'masterDown':
      throw new Error('The timer masterDown cannot be armed in MASTER');
  }
}

/**
 * The orderly stop, make before break: the others hear that we resign, but the addresses stay, answered
 * for, until a successor speaks or the bound is over.
 */
export function releaseMastership({ config, nowMs }: Context, state: MasterState): Step {
  if (state.isReleasing) return { state, actions: [] };
  const boundMs = releaseBoundMs(config.version, config.advertIntervalMs);
  const timers = { advert: nowMs + config.advertIntervalMs, release: nowMs + boundMs };
  return {
    state: { ...state, isReleasing: true, timers },
    actions: [{ kind: 'sendAdvert', priority: PRIORITY_RESIGN }],
  };
}

/** Ends a stop: the driver's signal that nothing follows. */
export function released({ state, actions }: Step): Step {
  return { state, actions: [...actions, { kind: 'released' }] };
}

/** The kernel's answer to an addition: a master without its addresses is a black hole. */
export function masterApplied(
  context: Context,
  state: MasterState,
  event: Extract<Event, { kind: 'addressesApplied' }>,
): Step {
  if (event.wanted === 'absent') return { state, actions: [] };
  if (event.ok) {
    const timers = withoutTimer(state.timers, 'addressRetry');
    return { state: { ...state, addressFailures: 0, timers }, actions: [] };
  }
  const counted: Action = { kind: 'count', name: 'addressFailures' };
  const addressFailures = state.addressFailures + 1;
  if (addressFailures > ADDRESS_RETRIES_MAX && !state.isReleasing) {
    const target = { to: 'FAULT', isLinkUp: true, areAddressesRefused: true } as const;
    const fault = transition(context, state, target, 'ADDRESSES_REFUSED');
    return { state: fault.state, actions: [counted, ...fault.actions] };
  }
  const addressRetry = context.nowMs + ADDRESS_RETRY_MS;
  const timers = state.isReleasing ? state.timers : { ...state.timers, addressRetry };
  return { state: { ...state, addressFailures, timers }, actions: [counted] };
}

/** Somebody took an address of ours away: it goes back at once, but no oftener than every 50 ms. */
export function masterLost({ config, nowMs }: Context, state: MasterState, lost: IpAddress): Step {
  const addresses = config.virtualAddresses.filter(({ address }) => isSameAddress(address, lost));
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
  const isKept = (one: VirtualAddressConfig, list: readonly VirtualAddressConfig[]): boolean =>
    list.some((other) => isSamePlacement(one, other));
  const gone = previous.virtualAddresses.filter((one) => !isKept(one, config.virtualAddresses));
  const added = config.virtualAddresses.filter((one) => !isKept(one, previous.virtualAddresses));
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
  const timers = { ...kept, ...refresh, advert: nowMs + config.advertIntervalMs };
  return { state: { ...state, timers }, actions };
}

function releasingHears({ nowMs }: Context, state: MasterState, event: AdvertReceived): Step {
  if (event.priority === 0 || state.successor !== undefined) return { state, actions: [] };
  const release = nowMs + RELEASE_GRACE_MS;
  const successor = { address: event.source, priority: event.priority };
  return { state: { ...state, successor, timers: { release } }, actions: [] };
}

/** RFC 9568 6.4.3, last branch, and keepalived's re-announcement: the loser may have moved the clients. */
function assertMastership({ config, nowMs }: Context, state: MasterState, assertion: Action): Step {
  const { lowerPrioDelayMs, lowerPrioRepeat } = config.garp;
  const actions: Action[] = [{ kind: 'count', name: 'lowerPriorityReceived' }, assertion];
  if (lowerPrioRepeat === 0) return { state, actions };
  const pending = state.timers.lowerPrioGarp;
  const allowedAtMs = (state.assertedAtMs ?? Number.NEGATIVE_INFINITY) + ASSERTION_GAP_MS;
  if (nowMs < allowedAtMs) {
    const lowerPrioGarp = Math.min(pending ?? allowedAtMs, allowedAtMs);
    return { state: { ...state, timers: { ...state.timers, lowerPrioGarp } }, actions };
  }
  actions.push(announce(config, 'lowerPriority', lowerPrioRepeat));
  const second = lowerPrioDelayMs > 0 ? { lowerPrioGarp: nowMs + lowerPrioDelayMs } : {};
  const timers = { ...second, ...state.timers };
  return { state: { ...state, assertedAtMs: nowMs, timers }, actions };
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

/** While releasing, the resignation is said once more: the first may have been lost. */
function advertDue(context: Context, state: MasterState, deadlineMs: number): Step {
  if (state.isReleasing) {
    return { state, actions: [{ kind: 'sendAdvert', priority: PRIORITY_RESIGN }] };
  }
  const advert = nextDeadline(context, deadlineMs, context.config.advertIntervalMs);
  return {
    state: { ...state, timers: { ...state.timers, advert } },
    actions: [{ kind: 'sendAdvert', priority: state.priority }],
  };
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
  return { kind: 'announce', burst, addresses: config.virtualAddresses, repeat };
}

/** Whether the kernel would hold the same entry for both. */
function isSamePlacement(left: VirtualAddressConfig, right: VirtualAddressConfig): boolean {
  const broadcast = ({ broadcast: value }: VirtualAddressConfig): string | undefined =>
    typeof value === 'object' ? value.text : value;
  return (
    isSameAddress(left.address, right.address) &&
    left.prefixLength === right.prefixLength &&
    left.device === right.device &&
    left.label === right.label &&
    left.scope === right.scope &&
    broadcast(left) === broadcast(right)
  );
}
