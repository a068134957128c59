/**
 * FAULT: no part in the election. Two causes, which can hold together: the link is down, or the kernel
 * would not take our addresses. keepalived stays MASTER in the second case and serves nothing.
 *
 * Coming back from refused addresses must not cost an outage: would we win the election first and fail
 * again, the working master would step down for nothing each time. So the addresses are tried out here,
 * unannounced: put on and, when the kernel took them, off again, and only then do we join the election.
 */
import type { Action, Context, Event, FaultState, Step, TimerName } from './machine.ts';
import { FAULT_PROBE_INTERVAL_MS, joinElection, withoutTimer } from './transition.ts';

/** Carrier or interface state changed. */
export function faultLink(context: Context, state: FaultState, isUp: boolean): Step {
  const changed = { ...state, isLinkUp: isUp };
  if (!isUp) {
    // No probe without a link; a removal that is still owed goes on being tried.
    const timers = state.areAddressesRefused
      ? withoutTimer(state.timers, 'addressRetry')
      : state.timers;
    return { state: { ...changed, timers }, actions: [] };
  }
  if (state.isLinkUp) return { state, actions: [] };
  return state.areAddressesRefused
    ? probeAddresses(context, changed)
    : joinElection(context, changed, 'LINK_UP');
}

/** One of our timers fired, at the deadline it was armed with. */
export function faultTimer(context: Context, state: FaultState, timer: TimerName): Step {
  if (timer !== 'addressRetry') throw new Error(`The timer ${timer} cannot be armed in FAULT`);
  if (state.areAddressesRefused) return probeAddresses(context, state);
  return { state, actions: [removal(context)] };
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
    return event.ok ? { state, actions: [] } : { state: retrying, actions: [counted] };
  }
  if (!event.ok) return { state: retrying, actions: [counted, removal(context)] };
  return joinElection(context, state, 'ADDRESSES_ACCEPTED');
}

/** Tries the addresses out at once: after a link came back or the configuration changed. */
export function probeAddresses({ config }: Context, state: FaultState): Step {
  return { state, actions: [{ kind: 'addAddresses', addresses: config.virtualAddresses }] };
}

function removal({ config }: Context): Action {
  return { kind: 'removeAddresses', addresses: config.virtualAddresses };
}
