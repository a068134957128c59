/**
 * Split brain: other masters, heard while we are one and stay it. The protocol heals it (they hear our
 * advert and yield, and our announcement brings the clients back); this is what tells people.
 */
import { type IpAddress, isSameAddress } from '../base/address.ts';
import type { Action, Context, Event, MasterState, Rival, Step } from './machine.ts';
import { masterDownIntervalMs } from './timing.ts';

/** Somebody who forges adverts must not fill the memory. */
export const RIVALS_MAX = 8;

/** What is known of it: a priority, or why its adverts are refused. */
export interface Sighting {
  readonly address: IpAddress;
  readonly priority?: number;
  readonly advertIntervalMs?: number;
  readonly refused?: string;
}

/** Another master spoke. Told once for each, until it is silent for its master-down time. */
export function meetRival(context: Context, state: MasterState, sighting: Sighting): Step {
  const { config, nowMs } = context;
  const { address, priority, refused } = sighting;
  const intervalMs = sighting.advertIntervalMs ?? config.advertIntervalMs;
  const { version, downTimerAdverts } = config;
  const downMs = masterDownIntervalMs(version, priority ?? 0, intervalMs, downTimerAdverts);
  const known = state.rivals.find((rival) => isSameAddress(rival.address, address));
  if (known === undefined && state.rivals.length >= RIVALS_MAX) return { state, actions: [] };
  const rival: Rival = {
    address,
    ...(priority === undefined ? {} : { priority }),
    ...(refused === undefined ? {} : { refused }),
    sinceMs: known?.sinceMs ?? nowMs,
    downAtMs: nowMs + downMs,
  };
  const others = state.rivals.filter((other) => other !== known);
  const actions: readonly Action[] =
    known === undefined
      ? [
          { kind: 'count', name: 'splitBrains' },
          { kind: 'report', name: 'splitBrainDetected', rival },
        ]
      : [];
  return { state: watch({ ...state, rivals: [...others, rival] }), actions };
}

/** An advert that is refused still says that somebody believes to be master. */
export function hearForeignMaster(
  context: Context,
  state: MasterState,
  { source, code }: Extract<Event, { kind: 'foreignMasterHeard' }>,
): Step {
  if (state.isReleasing) return { state, actions: [] };
  return meetRival(context, state, { address: source, refused: code });
}

/** Those that are silent for long enough are gone. */
export function forgetRivals({ nowMs }: Context, state: MasterState): Step {
  const gone = state.rivals.filter(({ downAtMs }) => downAtMs <= nowMs);
  const rivals = state.rivals.filter(({ downAtMs }) => downAtMs > nowMs);
  return {
    state: watch({ ...state, rivals }),
    actions: gone.map((rival) => ({ kind: 'report', name: 'splitBrainHealed', rival })),
  };
}

/** The timer stands at the first of them; one that was heard again moves on when it fires. */
function watch(state: MasterState): MasterState {
  const { rivalsSilent: _old, ...timers } = state.timers;
  const atMs = Math.min(...state.rivals.map(({ downAtMs }) => downAtMs));
  return {
    ...state,
    timers: Number.isFinite(atMs) ? { ...timers, rivalsSilent: atMs } : timers,
  };
}
