/**
 * Every change of state: which pairs are legal, what is done on leaving and on entering. One table, one
 * place; an illegal pair is a defect and throws.
 */

import { heldAddresses } from './addresses.ts';
import { extraTimer } from './extra-announcement.ts';
import type {
  Action,
  BackupState,
  Context,
  MasterState,
  RouterConfig,
  State,
  StateBase,
  Step,
  TimerName,
  Timers,
  TransitionReason,
  VrrpState,
} from './machine.ts';
import { unwantedAddresses } from './owed-addresses.ts';
import { PRIORITY_OWNER, PRIORITY_RESIGN } from './packet.ts';
import { initialWaitMs, masterDownIntervalMs } from './timing.ts';

/** An address fault is probed this often. */
export const FAULT_PROBE_INTERVAL_MS = 10_000;

/**
 * from (row) -> to (column):
 *
 *              INIT  BACKUP  MASTER  FAULT
 *    INIT       -      x       x       x      start
 *    BACKUP     x      -       x       x      stop, takeover, a cause of fault
 *    MASTER     x      x       -       x      released, better advert or handed over, a cause of fault
 *    FAULT      x      x       x       -      stop, no cause left (an owner goes straight to MASTER)
 */
const LEGAL: Readonly<Record<VrrpState, readonly VrrpState[]>> = {
  INIT: ['BACKUP', 'MASTER', 'FAULT'],
  BACKUP: ['INIT', 'MASTER', 'FAULT'],
  MASTER: ['INIT', 'BACKUP', 'FAULT'],
  FAULT: ['INIT', 'BACKUP', 'MASTER'],
};

/** Where to go; for BACKUP, with what the advert that sent us there said. */
export type Target =
  | { readonly to: 'INIT' }
  | { readonly to: 'MASTER' }
  | { readonly to: 'FAULT'; readonly areAddressesRefused: boolean }
  | ({ readonly to: 'BACKUP' } & Pick<BackupState, 'wait' | 'masterAdvertIntervalMs' | 'master'>);

/** Leaves `state`, enters the target, tells why. */
export function transition(
  context: Context,
  state: State,
  target: Target,
  reason: TransitionReason,
): Step {
  requireLegal(state.name, target.to);
  const entered = enter(context, state, target, reason);
  return {
    state: entered.state,
    actions: [
      ...leave(context, state, target),
      ...entered.actions,
      { kind: 'notify', from: state.name, to: target.to, reason },
    ],
  };
}

/** Throws unless the machine may go from one to the other. */
export function requireLegal(from: VrrpState, to: VrrpState): void {
  if (LEGAL[from].includes(to)) return;
  throw new Error(`Illegal VRRP transition ${from} -> ${to}`);
}

/**
 * Into the election: an owner is MASTER at once (RFC 9568 6.4.1), everybody else listens first. In a sync
 * group an owner waits too, for no longer than the others need: it is ready at once.
 */
export function joinElection(context: Context, state: State, reason: TransitionReason): Step {
  const { config } = context;
  if (state.priority === PRIORITY_OWNER && config.syncGroup === undefined) {
    const ownerReason = reason === 'STARTED' ? 'STARTED_AS_OWNER' : reason;
    return transition(context, state, { to: 'MASTER' }, ownerReason);
  }
  const isHinted = state.name === 'INIT' && config.initialState === 'MASTER';
  const wait = isHinted ? 'NO_BETTER_MASTER' : 'MASTER_SILENT';
  const { advertIntervalMs } = config;
  const target = { to: 'BACKUP', wait, masterAdvertIntervalMs: advertIntervalMs } as const;
  return transition(context, state, target, reason);
}

/** Goes to FAULT when there is a cause, and says which kind it is; `undefined` when there is none. */
export function failIfFaulty(context: Context, state: State): Step | undefined {
  const reason = faultReason(context.config, state);
  if (reason === undefined) return undefined;
  return transition(context, state, { to: 'FAULT', areAddressesRefused: false }, reason);
}

/** Whether the state of our own interface forbids us to be master; not with `dont_track_primary`. */
export function isLinkFault(
  config: RouterConfig,
  { isLinkUp }: Pick<StateBase, 'isLinkUp'>,
): boolean {
  return !isLinkUp && config.tracksInterface !== false;
}

function faultReason(config: RouterConfig, state: State): TransitionReason | undefined {
  if (isLinkFault(config, state)) return 'LINK_DOWN';
  if (state.faults.length > 0) return 'TRACKER_FAILED';
  return state.groupFault === undefined ? undefined : 'GROUP_FAULT';
}

/** `timers` without this one. */
export function withoutTimer(timers: Timers, name: TimerName): Timers {
  const { [name]: _cleared, ...rest } = timers;
  return rest;
}

function leave(context: Context, state: State, target: Target): readonly Action[] {
  const removal: Action = {
    kind: 'removeAddresses',
    addresses: unwantedAddresses(context.config, state),
  };
  const { owed = [] } = state;
  switch (state.name) {
    case 'INIT':
      // What a dead predecessor left on the interface is not ours to serve, unless we serve at once.
      return target.to === 'MASTER' ? [] : [removal];
    case 'BACKUP':
      // A removal that the kernel refused is tried again now: the next state has timers of its own.
      if (target.to !== 'MASTER' && state.timers.addressRetry !== undefined) return [removal];
      return owed.length > 0 ? [{ kind: 'removeAddresses', addresses: owed }] : [];
    case 'MASTER': {
      // With the link up somebody can hear that we resign, and take over after its skew alone.
      const resigns = target.to === 'FAULT' && state.isLinkUp;
      const healed = state.rivals.map(
        (rival): Action => ({ kind: 'report', name: 'splitBrainHealed', rival }),
      );
      const resignation: Action = { kind: 'sendAdvert', priority: PRIORITY_RESIGN };
      return [...(resigns ? [resignation] : []), removal, ...healed];
    }
    case 'FAULT':
      // The probe put the addresses on; nobody was told, and nobody must meet them there.
      if (state.areAddressesRefused || state.timers.addressRetry !== undefined) return [removal];
      return owed.length > 0 ? [{ kind: 'removeAddresses', addresses: owed }] : [];
  }
}

/** What stays the same in every state. */
function baseOf(state: State): StateBase {
  const { priority, isLinkUp, faults, groupFault, hasHandedOver, awaitsChecks, owed } = state;
  const group = groupFault === undefined ? {} : { groupFault };
  const debt = owed === undefined ? {} : { owed };
  const held = awaitsChecks === undefined ? {} : { awaitsChecks };
  return { timers: {}, priority, isLinkUp, faults, hasHandedOver, ...group, ...held, ...debt };
}

function enter(context: Context, state: State, target: Target, reason: TransitionReason): Step {
  const base = baseOf(state);
  switch (target.to) {
    case 'INIT':
      return { state: { ...base, name: 'INIT' }, actions: [] };
    case 'BACKUP':
      return enterBackup(context, base, target);
    case 'MASTER':
      return enterMaster(context, state, reason);
    case 'FAULT': {
      const { areAddressesRefused } = target;
      const timers: Timers =
        areAddressesRefused && !isLinkFault(context.config, base)
          ? { addressRetry: context.nowMs + FAULT_PROBE_INTERVAL_MS }
          : {};
      return { state: { ...base, name: 'FAULT', timers, areAddressesRefused }, actions: [] };
    }
  }
}

function enterBackup(
  { config, nowMs }: Context,
  base: StateBase,
  target: Extract<Target, { to: 'BACKUP' }>,
): Step {
  const { to: name, ...heard } = target;
  const { version, downTimerAdverts } = config;
  const { wait, masterAdvertIntervalMs: intervalMs } = target;
  const isReadyOwner = base.priority === PRIORITY_OWNER && heard.master === undefined;
  const downMs = masterDownIntervalMs(version, base.priority, intervalMs, downTimerAdverts);
  const hintMs = initialWaitMs(version, base.priority, intervalMs);
  const waitMs = isReadyOwner ? 0 : wait === 'NO_BETTER_MASTER' ? hintMs : downMs;
  return {
    state: {
      ...base,
      name,
      timers: { masterDown: nowMs + waitMs },
      waitFromMs: nowMs,
      isPreempting: false,
      wantsMaster: false,
      ...heard,
    },
    actions: [],
  };
}

/** Reasons of a takeover at which another router may well be serving at this moment. */
const MASTER_MAY_LIVE: readonly TransitionReason[] = [
  'LOWER_PRIORITY_MASTER',
  'LINK_UP',
  'ADDRESSES_ACCEPTED',
  'TRACKER_RECOVERED',
  'GROUP_RECOVERED',
];

/**
 * RFC 9568 6.4.1, 6.4.2: the advert first, then the addresses; announced only once they are there. Where
 * nobody serves, the advert is what ends the wait of everybody else.
 *
 * A living master is another matter: it takes its addresses off on our advert, so until we have ours
 * nobody would answer for them. There the advert is last, make before break: for a moment both hold the
 * addresses, and the announcement has moved the clients before the old master lets go.
 */
function enterMaster({ config, nowMs }: Context, from: State, reason: TransitionReason): Step {
  const { garp } = config;
  const addresses = heldAddresses(config);
  const hasSecondBurst = garp.masterDelayMs > 0 && garp.masterRepeat > 0;
  // An owner that had to advertise less because of another owner is itself again.
  const priority = config.priority === PRIORITY_OWNER ? PRIORITY_OWNER : from.priority;
  const state: MasterState = {
    ...baseOf(from),
    name: 'MASTER',
    timers: {
      advert: nowMs + config.advertIntervalMs,
      ...(hasSecondBurst ? { garpDelay: nowMs + garp.masterDelayMs } : {}),
      ...(garp.masterRefreshMs > 0 ? { garpRefresh: nowMs + garp.masterRefreshMs } : {}),
      ...extraTimer(config, nowMs),
    },
    priority,
    hasHandedOver: false,
    isReleasing: false,
    addressFailures: 0,
    rivals: [],
    rogueOwnerAdverts: 0,
  };
  const advert: Action = { kind: 'sendAdvert', priority };
  const service: readonly Action[] = [
    { kind: 'addAddresses', addresses },
    { kind: 'announce', burst: 'master', addresses, repeat: garp.masterRepeat },
  ];
  const mayLive = MASTER_MAY_LIVE.includes(reason);
  return {
    state,
    actions: [
      ...(mayLive ? [...service, advert] : [advert, ...service]),
      { kind: 'count', name: 'becameMaster' },
    ],
  };
}
