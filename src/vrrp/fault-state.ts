/**
 * FAULT: no part in the election. It has causes, which can hold together: the link is down, something
 * tracked has failed, another member of the sync group has, or the kernel would not take our addresses
 * (keepalived stays MASTER in that case and serves nothing). When the last one is gone we take part again.
 *
 * Coming back from refused addresses must not cost an outage: would we win the election first and fail
 * again, the working master would step down for nothing each time. So the addresses are tried out here,
 * unannounced: put on and, when the kernel took them, off again, and only then do we join the election.
 */
import { heldAddresses } from './addresses.ts';
import type {
  Action,
  Context,
  Event,
  FaultState,
  RouterConfig,
  State,
  Step,
  TimerName,
  TransitionReason,
} from './machine.ts';
import { owing, unwantedAddresses } from './owed-addresses.ts';
import { FAULT_PROBE_INTERVAL_MS, isLinkFault, joinElection, withoutTimer } from './transition.ts';

/** Causes of the instance itself, in words; a member held in FAULT by its group alone has none. */
export function ownCauses(config: RouterConfig, state: State): readonly string[] {
  const link = isLinkFault(config, state) ? [`link ${config.interface}`] : [];
  const isRefused = state.name === 'FAULT' && state.areAddressesRefused;
  return [...link, ...state.faults, ...(isRefused ? ['addresses refused'] : [])];
}

/** Every cause that holds an instance in FAULT, or would. */
export function faultCauses(config: RouterConfig, state: State): readonly string[] {
  const group = state.groupFault === undefined ? [] : [`group:${state.groupFault}`];
  return [...ownCauses(config, state), ...group];
}

/** A cause came or went; `before` is the state without the change. */
export function causesChanged(
  context: Context,
  state: FaultState,
  before: FaultState,
  reason: TransitionReason,
): Step {
  const isHeld = isOutside(context, state);
  if (isHeld) {
    // No probe while something else holds it; a removal that is still owed goes on being tried.
    const isProbe = state.areAddressesRefused && state.owed === undefined;
    const timers = isProbe ? withoutTimer(state.timers, 'addressRetry') : state.timers;
    return { state: { ...state, timers }, actions: [] };
  }
  if (!isOutside(context, before)) return { state, actions: [] };
  return state.areAddressesRefused
    ? probeAddresses(context, state)
    : joinElection(context, state, reason);
}

/** After a reload: `dont_track_primary` may have come, or addresses that the kernel takes. */
export function faultReconfigured(context: Context, state: FaultState): Step {
  if (isOutside(context, state)) return { state, actions: [] };
  return state.areAddressesRefused
    ? probeAddresses(context, state)
    : joinElection(context, state, 'LINK_UP');
}

/** One of our timers fired, at the deadline it was armed with. */
export function faultTimer(context: Context, state: FaultState, timer: TimerName): Step {
  if (timer !== 'addressRetry') throw new Error(`The timer ${timer} cannot be armed in FAULT`);
  if (state.areAddressesRefused && !isOutside(context, state))
    return probeAddresses(context, state);
  return { state, actions: [removal(context, state)] };
}

/** The kernel's answer to a probe, or to a removal. */
export function faultApplied(
  context: Context,
  state: FaultState,
  event: Extract<Event, { kind: 'addressesApplied' }>,
): Step {
  const counted: Action = { kind: 'count', name: 'addressFailures' };
  const addressRetry = context.nowMs + FAULT_PROBE_INTERVAL_MS;
  const retrying = { ...state, timers: { ...state.timers, addressRetry } };
  if (event.wanted === 'absent') {
    return event.ok
      ? { state: owing(state, []), actions: [] }
      : { state: retrying, actions: [counted] };
  }
  if (!event.ok) return { state: retrying, actions: [counted, removal(context, state)] };
  if (!isOutside(context, state)) return joinElection(context, state, 'ADDRESSES_ACCEPTED');
  // The kernel takes them now, and another cause came in between.
  const timers = withoutTimer(state.timers, 'addressRetry');
  return {
    state: { ...state, timers, areAddressesRefused: false },
    actions: [removal(context, state)],
  };
}

/** Tries the addresses out at once: after a link came back or the configuration changed. */
export function probeAddresses(context: Context, state: FaultState): Step {
  const addresses = heldAddresses(context.config);
  return { state, actions: [{ kind: 'addAddresses', addresses }] };
}

/** Whether a cause holds other than refused addresses, which we can find out about ourselves. */
function isOutside({ config }: Context, state: FaultState): boolean {
  return isLinkFault(config, state) || state.faults.length > 0 || state.groupFault !== undefined;
}

function removal({ config }: Context, state: FaultState): Action {
  return { kind: 'removeAddresses', addresses: unwantedAddresses(config, state) };
}
