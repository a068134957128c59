/**
 * A master lets go, make before break: the others hear that we resign, but the addresses stay, answered for,
 * until a successor speaks. What then follows depends on why: the end, or BACKUP. When nobody takes over
 * within the bound, only a handover is called off: an operator's wish is no reason for an outage.
 */
import type {
  Action,
  Context,
  Event,
  HandoverEnd,
  MasterState,
  ReleaseGoal,
  State,
  Step,
  TransitionReason,
} from './machine.ts';
import { PRIORITY_OWNER, PRIORITY_RESIGN } from './packet.ts';
import { releaseBoundMs } from './timing.ts';
import { transition } from './transition.ts';

/**
 * A successor sends its advert before its gratuitous ARP (keepalived: 0.35 to 1 ms before). Until clients
 * have heard the ARP their packets still come to us, so we serve this much longer.
 */
export const RELEASE_GRACE_MS = 20;

/** Begins; a stop overrides what is going on, and keeps what was waited already. */
export function releaseMastership(
  { config, nowMs }: Context,
  state: MasterState,
  releaseGoal: ReleaseGoal,
): Step {
  if (state.isReleasing) {
    const isOverridden = releaseGoal === 'STOP';
    return { state: isOverridden ? { ...state, releaseGoal } : state, actions: [] };
  }
  const boundMs = releaseBoundMs(config.version, config.advertIntervalMs);
  const timers = { advert: nowMs + config.advertIntervalMs, release: nowMs + boundMs };
  const healed = state.rivals.map(
    (rival): Action => ({ kind: 'report', name: 'splitBrainHealed', rival }),
  );
  return {
    state: { ...state, isReleasing: true, releaseGoal, timers, rivals: [] },
    actions: [{ kind: 'sendAdvert', priority: PRIORITY_RESIGN }, ...healed],
  };
}

/** `lvsd handover`: the owner of the addresses has nobody to hand them to (it would win at once). */
export function requestHandover(context: Context, state: State): Step {
  const refuse = (code: Extract<HandoverEnd, { ok: false }>['code']): Step => ({
    state,
    actions: [{ kind: 'handedOver', end: { ok: false, code } }],
  });
  if (state.name !== 'MASTER') return refuse('NOT_MASTER');
  if (state.isReleasing) return refuse('BUSY');
  if (context.config.priority === PRIORITY_OWNER) return refuse('ADDRESS_OWNER');
  return releaseMastership(context, state, 'HANDOVER');
}

/** An advert of another router: the first one that is no resignation ends the wait, after the grace. */
export function releasingHears(
  { nowMs }: Context,
  state: MasterState,
  event: Extract<Event, { kind: 'advertReceived' }>,
): Step {
  if (event.priority === 0 || state.successor !== undefined) return { state, actions: [] };
  const { source: address, priority, advertIntervalMs } = event;
  const successor = { address, priority, advertIntervalMs };
  return {
    state: { ...state, successor, timers: { release: nowMs + RELEASE_GRACE_MS } },
    actions: [],
  };
}

/** The grace is over, or the bound. */
export function releaseDue(context: Context, state: MasterState): Step {
  const { successor, releaseGoal } = state;
  const ended = successor === undefined ? 'RELEASE_TIMEOUT' : 'SUCCESSOR_HEARD';
  switch (releaseGoal) {
    case 'HANDOVER':
      return successor === undefined
        ? resumeMastership(context, state)
        : stepBack(context, { ...state, hasHandedOver: true }, 'HANDED_OVER');
    case 'GROUP':
      return stepBack(context, state, 'GROUP_BACKUP');
    default:
      return released(transition(context, state, { to: 'INIT' }, ended));
  }
}

/** Ends a stop: the driver's signal that nothing follows. */
export function released({ state, actions }: Step): Step {
  return { state, actions: [...actions, { kind: 'released' }] };
}

function stepBack(context: Context, state: MasterState, reason: TransitionReason): Step {
  const { config } = context;
  const { successor } = state;
  const isAdopted = config.version === 3 && successor !== undefined;
  const target = {
    to: 'BACKUP',
    wait: 'MASTER_SILENT',
    masterAdvertIntervalMs: isAdopted ? successor.advertIntervalMs : config.advertIntervalMs,
    ...(successor === undefined ? {} : { master: successor }),
  } as const;
  return transition(context, state, target, reason);
}

/** Nobody came: we say at once that we are still here. The addresses never went. */
function resumeMastership({ config, nowMs }: Context, state: MasterState): Step {
  const { releaseGoal: _over, ...rest } = state;
  const { masterRefreshMs } = config.garp;
  const refresh = masterRefreshMs > 0 ? { garpRefresh: nowMs + masterRefreshMs } : {};
  const debt = state.owed === undefined ? {} : { removalRetry: nowMs };
  const timers = { ...refresh, ...debt, advert: nowMs + config.advertIntervalMs };
  return {
    state: { ...rest, isReleasing: false, timers },
    actions: [{ kind: 'sendAdvert', priority: state.priority }],
  };
}
