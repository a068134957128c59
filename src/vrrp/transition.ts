/**
 * Every change of state: which pairs are legal, what is done on leaving and on entering. One table, one
 * place; an illegal pair is a defect and throws.
 */

import type {
  Action,
  BackupState,
  Context,
  MasterState,
  State,
  Step,
  TimerName,
  Timers,
  TransitionReason,
  VrrpState,
} from './machine.ts';
import { PRIORITY_OWNER, PRIORITY_RESIGN } from './packet.ts';
import { initialWaitMs, masterDownIntervalMs } from './timing.ts';

/** An address fault is probed this often. */
export const FAULT_PROBE_INTERVAL_MS = 10_000;

/**
 * from (row) -> to (column):
 *
 *              INIT  BACKUP  MASTER  FAULT
 *    INIT       -      x       x       x      start
 *    BACKUP     x      -       x       x      stop, takeover, link down
 *    MASTER     x      x       -       x      released, better advert, link down or addresses refused
 *    FAULT      x      x       x       -      stop, link up (an owner goes straight to MASTER)
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
  | { readonly to: 'FAULT'; readonly isLinkUp: boolean; readonly areAddressesRefused: boolean }
  | ({ readonly to: 'BACKUP' } & Pick<BackupState, 'wait' | 'masterAdvertIntervalMs' | 'master'>);

/** Leaves `state`, enters the target, tells why. */
export function transition(
  context: Context,
  state: State,
  target: Target,
  reason: TransitionReason,
): Step {
  requireLegal(state.name, target.to);
  const entered = enter(context, state, target);
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

/** Into the election: an owner is MASTER at once (RFC 9568 6.4.1), everybody else listens first. */
export function joinElection(context: Context, state: State, reason: TransitionReason): Step {
  const { config } = context;
  if (state.priority === PRIORITY_OWNER) {
    const ownerReason = reason === 'STARTED' ? 'STARTED_AS_OWNER' : reason;
    return transition(context, state, { to: 'MASTER' }, ownerReason);
  }
  const isHinted = state.name === 'INIT' && config.initialState === 'MASTER';
  const wait = isHinted ? 'NO_BETTER_MASTER' : 'MASTER_SILENT';
  const { advertIntervalMs } = config;
  const target = { to: 'BACKUP', wait, masterAdvertIntervalMs: advertIntervalMs } as const;
  return transition(context, state, target, reason);
}

/** `timers` without this one. */
export function withoutTimer(timers: Timers, name: TimerName): Timers {
  const { [name]: _cleared, ...rest } = timers;
  return rest;
}

function leave(context: Context, state: State, target: Target): readonly Action[] {
  const removal: Action = {
    kind: 'removeAddresses',
    addresses: context.config.virtualAddresses,
  };
  switch (state.name) {
    case 'INIT':
      // What a dead predecessor left on the interface is not ours to serve, unless we serve at once.
      return target.to === 'MASTER' ? [] : [removal];
    case 'BACKUP':
      // A removal that the kernel refused is tried again now: the next state has timers of its own.
      return target.to !== 'MASTER' && state.timers.addressRetry !== undefined ? [removal] : [];
    case 'MASTER': {
      // With the link up somebody can hear that we resign, and take over after its skew alone.
      const resigns = target.to === 'FAULT' && target.isLinkUp;
      return resigns ? [{ kind: 'sendAdvert', priority: PRIORITY_RESIGN }, removal] : [removal];
    }
    case 'FAULT':
      // The probe put the addresses on; nobody was told, and nobody must meet them there.
      return state.areAddressesRefused || state.timers.addressRetry !== undefined ? [removal] : [];
  }
}

function enter(context: Context, state: State, target: Target): Step {
  const { config, nowMs } = context;
  const { priority, isLinkUp } = state;
  switch (target.to) {
    case 'INIT':
      return { state: { name: 'INIT', timers: {}, priority, isLinkUp }, actions: [] };
    case 'BACKUP': {
      const { to, ...heard } = target;
      const intervalMs = target.masterAdvertIntervalMs;
      const isHint = target.wait === 'NO_BETTER_MASTER';
      const waitMs = (isHint ? initialWaitMs : masterDownIntervalMs)(
        config.version,
        priority,
        intervalMs,
      );
      return {
        state: {
          name: to,
          timers: { masterDown: nowMs + waitMs },
          priority,
          isLinkUp,
          waitFromMs: nowMs,
          isPreempting: false,
          ...heard,
        },
        actions: [],
      };
    }
    case 'MASTER':
      return enterMaster(context, state);
    case 'FAULT': {
      const timers: Timers =
        target.areAddressesRefused && target.isLinkUp
          ? { addressRetry: nowMs + FAULT_PROBE_INTERVAL_MS }
          : {};
      const { areAddressesRefused } = target;
      return {
        state: { name: 'FAULT', timers, priority, isLinkUp: target.isLinkUp, areAddressesRefused },
        actions: [],
      };
    }
  }
}

/** RFC 9568 6.4.1, 6.4.2: the advert first, then the addresses; announced only once they are there. */
function enterMaster({ config, nowMs }: Context, { priority, isLinkUp }: State): Step {
  const { garp, virtualAddresses: addresses } = config;
  const hasSecondBurst = garp.masterDelayMs > 0 && garp.masterRepeat > 0;
  const state: MasterState = {
    name: 'MASTER',
    timers: {
      advert: nowMs + config.advertIntervalMs,
      ...(hasSecondBurst ? { garpDelay: nowMs + garp.masterDelayMs } : {}),
      ...(garp.masterRefreshMs > 0 ? { garpRefresh: nowMs + garp.masterRefreshMs } : {}),
    },
    priority,
    isLinkUp,
    isReleasing: false,
    addressFailures: 0,
  };
  return {
    state,
    actions: [
      { kind: 'sendAdvert', priority },
      { kind: 'addAddresses', addresses },
      { kind: 'announce', burst: 'master', addresses, repeat: garp.masterRepeat },
      { kind: 'count', name: 'becameMaster' },
    ],
  };
}
