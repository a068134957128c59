/**
 * A master lets go, make before break: the others hear that we resign, but the addresses stay, answered for,
 * until a successor speaks. What then follows depends on why: the end, or BACKUP. When nobody takes over
 * within the bound, only a handover is called off: an operator's wish is no reason for an outage.
 */
import { heldAddresses } from './addresses.ts';
import { extraTimer } from './extra-announcement.ts';
import type {
  Action,
  Context,
  Event,
  HandoverEnd,
  MasterState,
  ReleaseGoal,
  RouterConfig,
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

/** The longest release that another member can have: a group that says nothing until then is not there. */
const GROUP_WAIT_MAX_MS = releaseBoundMs(2, 255_000);

/** Begins; a stop overrides what is going on, and keeps what was waited already. */
export function releaseMastership(
  { config, nowMs }: Context,
  state: MasterState,
  releaseGoal: ReleaseGoal,
): Step {
  if (state.isReleasing) {
    if (releaseGoal !== 'STOP') return { state, actions: [] };
    const { awaitsGroup, ...rest } = state;
    const stopping: MasterState = { ...rest, releaseGoal };
    return awaitsGroup ? releaseDue({ config, nowMs }, stopping) : { state: stopping, actions: [] };
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
  const code = handoverObstacle(context.config, state);
  if (code !== undefined || state.name !== 'MASTER') {
    const end = { ok: false, code: code ?? 'NOT_MASTER' } as const;
    return { state, actions: [{ kind: 'handedOver', end }] };
  }
  return releaseMastership(context, state, 'HANDOVER');
}

/** Why a handover cannot begin; undefined when it can. */
export function handoverObstacle(
  config: RouterConfig,
  state: State,
): Extract<HandoverEnd, { ok: false }>['code'] | undefined {
  if (state.name !== 'MASTER') return 'NOT_MASTER';
  if (state.isReleasing) return 'BUSY';
  return config.priority === PRIORITY_OWNER ? 'ADDRESS_OWNER' : undefined;
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
      if (successor === undefined) return resumeMastership(context, state);
      return context.config.syncGroup === undefined || state.awaitsGroup
        ? finishHandover(context, state)
        : awaitGroup(context, state);
    case 'GROUP':
      return stepBack(context, state, 'GROUP_BACKUP');
    default:
      return released(transition(context, state, { to: 'INIT' }, ended));
  }
}

/** The successor serves: we are done, and do not preempt it back. */
export function finishHandover(context: Context, state: MasterState): Step {
  return stepBack(context, { ...state, hasHandedOver: true }, 'HANDED_OVER');
}

/**
 * A sync group goes as a whole or not at all: this member serves on, beside its successor, until every
 * other one has a successor too, which its own release bounds.
 */
function awaitGroup({ nowMs }: Context, state: MasterState): Step {
  const release = nowMs + GROUP_WAIT_MAX_MS;
  return { state: { ...state, awaitsGroup: true, timers: { release } }, actions: [] };
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

/**
 * Nobody came, or not for every member of the sync group: we say at once that we are still here. The
 * addresses never went; but a successor that did come has announced them, so the clients are fetched back.
 */
export function resumeMastership({ config, nowMs }: Context, state: MasterState): Step {
  const { releaseGoal: _over, awaitsGroup: _decided, successor, ...rest } = state;
  const { masterRefreshMs } = config.garp;
  const refresh = masterRefreshMs > 0 ? { garpRefresh: nowMs + masterRefreshMs } : {};
  const debt = state.owed === undefined ? {} : { removalRetry: nowMs };
  const advert = nowMs + config.advertIntervalMs;
  const timers = { ...refresh, ...extraTimer(config, nowMs), ...debt, advert };
  const addresses = heldAddresses(config);
  const repeat = config.garp.masterRepeat;
  const fetched: readonly Action[] =
    successor === undefined ? [] : [{ kind: 'announce', burst: 'master', addresses, repeat }];
  return {
    state: { ...rest, isReleasing: false, timers },
    actions: [...fetched, { kind: 'sendAdvert', priority: state.priority }],
  };
}
