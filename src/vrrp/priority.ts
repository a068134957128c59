/**
 * keepalived's tracking arithmetic: what the tracked things make of an instance's priority, and which of
 * them forbid it to be master.
 *
 *   effective = base + the contributions, within 1..254; an owner's 255 never changes
 *   weight > 0  added while the thing is good        weight 0  FAULT while it is bad
 *   weight < 0  subtracted while it is bad           reverse   good and bad change places
 *
 * A file contributes its number times the weight, and -254 or less is FAULT; an unreadable one counts as
 * 0, as in keepalived. A thing of which nothing is known yet contributes nothing and is no fault, whatever
 * its weight; a script with `init_fail` has failed until told otherwise.
 *
 * In a sync group only the group's own trackers have weights: those of a member that carry one are left
 * out, unless `sync_group_tracking_weight` (vrrp_track.c, initialise_track_script_state).
 */
import type { SyncGroupConfig, Trackers, TrackerWeight, VrrpBlocks } from '../config/model-vrrp.ts';
import { PRIORITY_OWNER } from './packet.ts';
import type { TrackerKind, TrackerState } from './tracker-state.ts';

export const PRIORITY_MIN = 1;
export const PRIORITY_MAX = 254;
/** What a single thing can add or take. */
export const CONTRIBUTION_MAX = 253;
/** A file that says so takes the instance out. */
export const FILE_FAULT = -254;

/** One tracked thing in the sum: for people. */
export interface Contribution {
  /** `script chk`, `interface eth1`, `file load`. */
  readonly source: string;
  /** What it adds now; 0 while it has no say. */
  readonly amount: number;
  readonly isUp: boolean;
  /** It forbids to be master. */
  readonly isFault: boolean;
  readonly reason: string;
}

export interface Tracking {
  readonly priority: number;
  /** Sources of the contributions that forbid to be master. */
  readonly faults: readonly string[];
  readonly contributions: readonly Contribution[];
}

export interface TrackingInput {
  /** As configured. */
  readonly priority: number;
  readonly trackers: Trackers | undefined;
  readonly group: Pick<SyncGroupConfig, 'trackers' | 'usesMemberWeights'> | undefined;
  readonly blocks: Pick<
    VrrpBlocks,
    'vrrpScripts' | 'trackFiles' | 'trackProcesses' | 'bfdInstances'
  >;
  /** Of one thing; undefined when nothing is known yet. */
  readonly stateOf: (kind: TrackerKind, name: string) => TrackerState | undefined;
  /** An interface that is not there is down. */
  readonly isLinkUp: (name: string) => boolean;
}

type ThingKind = TrackerKind | 'interface';

const KINDS: readonly (readonly [keyof Trackers, ThingKind])[] = [
  ['interfaces', 'interface'],
  ['scripts', 'script'],
  ['processes', 'process'],
  ['files', 'file'],
  ['bfds', 'bfd'],
  ['virtualServers', 'virtual_server'],
];

/** A line of a track block, with what its own block says. */
interface Thing extends TrackerWeight {
  readonly kind: ThingKind;
  readonly name: string;
}

/** What everything that is tracked comes to. */
export function trackedPriority(input: TrackingInput): Tracking {
  const { group } = input;
  const own = thingsOf(input.trackers, input);
  const isWeightless = group !== undefined && !group.usesMemberWeights;
  const things = [
    ...(isWeightless ? own.filter(({ weight }) => weight === 0) : own),
    ...thingsOf(group?.trackers, input),
  ];
  const contributions = things.map((thing) => contributionOf(thing, input));
  return {
    priority: effectivePriority(input.priority, contributions),
    faults: [
      ...new Set(contributions.filter(({ isFault }) => isFault).map(({ source }) => source)),
    ],
    contributions,
  };
}

function effectivePriority(base: number, contributions: readonly Contribution[]): number {
  if (base === PRIORITY_OWNER) return base;
  const sum = contributions.reduce((total, { amount }) => total + amount, base);
  return Math.min(PRIORITY_MAX, Math.max(PRIORITY_MIN, sum));
}

function thingsOf(trackers: Trackers | undefined, { blocks }: TrackingInput): readonly Thing[] {
  if (trackers === undefined) return [];
  return KINDS.flatMap(([field, kind]) =>
    trackers[field].map(({ name, weight, isReversed }): Thing => {
      const block = weightsOf(kind, blocks)?.find((candidate) => candidate.name === name);
      return {
        kind,
        name,
        weight: weight ?? block?.weight ?? 0,
        isReversed: isReversed ?? block?.isReversed ?? false,
      };
    }),
  );
}

function weightsOf(
  kind: ThingKind,
  blocks: TrackingInput['blocks'],
): readonly (TrackerWeight & { readonly name: string })[] | undefined {
  switch (kind) {
    case 'script':
      return blocks.vrrpScripts;
    case 'process':
      return blocks.trackProcesses;
    case 'file':
      return blocks.trackFiles;
    case 'bfd':
      return blocks.bfdInstances;
    case 'interface':
    case 'virtual_server':
      return undefined;
  }
}

function contributionOf(thing: Thing, input: TrackingInput): Contribution {
  const source = `${thing.kind} ${thing.name}`;
  const known = whatIsKnown(thing, input);
  if (known === undefined) {
    return { source, amount: 0, isUp: true, isFault: false, reason: 'not known yet' };
  }
  const { isUp, reason } = known;
  const { amount, isFault } =
    thing.kind === 'file' ? weighFile(thing, known.value ?? 0) : weigh(thing, isUp);
  return { source, amount, isUp, isFault, reason };
}

interface Known {
  readonly isUp: boolean;
  readonly value?: number;
  readonly reason: string;
}

function whatIsKnown({ kind, name }: Thing, input: TrackingInput): Known | undefined {
  if (kind === 'interface') {
    const isUp = input.isLinkUp(name);
    return { isUp, reason: isUp ? 'up' : 'down' };
  }
  const state = input.stateOf(kind, name);
  if (state !== undefined) return state;
  if (kind !== 'script') return undefined;
  const script = input.blocks.vrrpScripts?.find((candidate) => candidate.name === name);
  return script?.startsFailed ? { isUp: false, reason: 'init_fail' } : undefined;
}

interface Weighed {
  readonly amount: number;
  readonly isFault: boolean;
}

function weigh({ weight, isReversed }: Thing, isUp: boolean): Weighed {
  const isGood = isUp !== isReversed;
  if (weight === 0) return { amount: 0, isFault: !isGood };
  const counts = weight > 0 ? isGood : !isGood;
  return { amount: counts ? capped(weight) : 0, isFault: false };
}

/** Weight 0: a number other than 0 is FAULT; reversed, 0 is. */
function weighFile({ weight, isReversed }: Thing, value: number): Weighed {
  if (weight === 0) return { amount: 0, isFault: (value !== 0) !== isReversed };
  const product = weight * value * (isReversed ? -1 : 1);
  // Not -0: it would be shown.
  return { amount: capped(product) + 0, isFault: product <= FILE_FAULT };
}

function capped(amount: number): number {
  return Math.min(CONTRIBUTION_MAX, Math.max(-CONTRIBUTION_MAX, amount));
}
