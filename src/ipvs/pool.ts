/**
 * Which servers of a virtual_server serve, and with which weight: keepalived's arithmetic of quorum,
 * sorry_server and inhibit_on_failure (check/ipwrapper.c), and ours on top of it.
 *
 *   quorum    sum of the weights that are up. Regained at quorum + hysteresis, which is also what the
 *             start is compared with; lost below quorum - hysteresis, and always at 0.
 *
 *   quorum lost, and there is        in the table
 *   -------------------------------  -------------------------------------------------------------
 *   a backup_pool with one up        those that are up of both, so that capacity adds up
 *   a sorry_server                   the sorry server alone; servers with inhibit_on_failure at 0
 *   neither                          those that are up, and panic_threshold
 *
 *   panic_threshold  at least this share of the servers stays, filled up with those that failed last:
 *                    when nearly all fail at once it is more often the checks than the servers.
 *   slow_start       the weight of a server that comes back grows from 1, in steps.
 */
import type { IpAddress } from '../base/address.ts';
import type { RealServerConfig, VirtualServerConfig } from '../config/model.ts';
import type { SorryServerConfig } from '../config/model-lvs.ts';
import type { Destination } from './types.ts';
import { PLAIN_TUNNEL, type Tunnel } from './types.ts';

/** Steps of a slow start: more of them cost messages and change nothing that a client notices. */
export const SLOW_START_STEPS = 20;

/** linux/ip_vs.h IP_VS_TUNNEL_ENCAP_FLAG_*. */
const CHECKSUM_FLAGS = { nocsum: 0, csum: 1, remcsum: 2 } as const;
const SORRY_WEIGHT = 1;
const DEFAULT_QUORUM = 1;

/** What the checks say of a server. */
export interface Verdict {
  readonly isUp: boolean;
  /** Since when, monotonic ms; absent: as it was when it was first looked at. */
  readonly sinceMs?: number;
  /** As its checks set it (misc_dynamic, an agent, a file); that of the file when absent. */
  readonly weight?: number;
}

export interface PoolMember extends Destination {
  /** Why it is there with this weight. */
  readonly reason: string;
}

export type Relief = 'none' | 'backup' | 'sorry' | 'panic';

export interface PoolJudgement {
  readonly hasQuorum: boolean;
  /** Sum of the weights that are up, and what it was compared with. */
  readonly liveWeight: number;
  readonly threshold: number;
  /** What stands in for servers that are missing. */
  readonly relief: Relief;
  /** One for each endpoint that shall be in the table. */
  readonly members: readonly PoolMember[];
  /** When a weight changes though no verdict does, monotonic ms. */
  readonly nextChangeMs?: number;
}

export interface PoolInput {
  readonly service: VirtualServerConfig;
  readonly verdictOf: (server: RealServerConfig) => Verdict;
  /** Of the judgement before; false at the start. */
  readonly hadQuorum: boolean;
  readonly nowMs: number;
}

/** The judgement on one virtual_server. */
export function judgePool(input: PoolInput): PoolJudgement {
  const { service, hadQuorum } = input;
  const servers = withoutTwins(service.realServers).map((server) => view(server, input));
  const up = servers.filter(({ verdict }) => verdict.isUp);
  const liveWeight = up.reduce((sum, { weight }) => sum + weight, 0);
  const quorum = service.quorum ?? DEFAULT_QUORUM;
  const hysteresis = service.hysteresis ?? 0;
  const threshold = hadQuorum ? quorum - hysteresis : quorum + hysteresis;
  const hasQuorum = liveWeight >= threshold && (!hadQuorum || liveWeight > 0);
  const { relief, members } = hasQuorum
    ? { relief: 'none' as const, members: regular(servers, service) }
    : relieved(servers, input);
  const sorry = service.sorryServer;
  const rests = sorry?.isInhibited === true && relief !== 'sorry';
  const all = rests ? [...members, sorryMember(sorry, 0, 'sorry server, not needed')] : members;
  const changes = up.flatMap(({ nextChangeMs }) => nextChangeMs ?? []);
  return {
    hasQuorum,
    liveWeight,
    threshold,
    relief,
    members: firstOfEach(all),
    ...(changes.length === 0 ? {} : { nextChangeMs: Math.min(...changes) }),
  };
}

/** A server with its weight when it is up. */
interface ServerView {
  readonly server: RealServerConfig;
  readonly verdict: Verdict;
  readonly weight: number;
  /** `weight`, or less while it starts slowly. */
  readonly currentWeight: number;
  readonly nextChangeMs?: number;
}

function view(server: RealServerConfig, { service, verdictOf, nowMs }: PoolInput): ServerView {
  const verdict = verdictOf(server);
  const weight = verdict.weight ?? server.weight;
  const ramp = verdict.isUp
    ? slowStart(weight, verdict, service.slowStartMs ?? 0, nowMs)
    : undefined;
  return { server, verdict, weight, currentWeight: weight, ...ramp };
}

/** Absent when the start is over, or was none. */
function slowStart(
  weight: number,
  { sinceMs }: Verdict,
  lengthMs: number,
  nowMs: number,
): Pick<ServerView, 'currentWeight' | 'nextChangeMs'> | undefined {
  if (sinceMs === undefined || weight <= 1 || nowMs >= sinceMs + lengthMs) return undefined;
  const step = Math.floor(((nowMs - sinceMs) * SLOW_START_STEPS) / lengthMs);
  return {
    currentWeight: Math.max(1, Math.floor((weight * step) / SLOW_START_STEPS)),
    nextChangeMs: sinceMs + ((step + 1) * lengthMs) / SLOW_START_STEPS,
  };
}

/** Those that are up; of the others those that are inhibited, with weight 0. */
function regular(
  servers: readonly ServerView[],
  service: VirtualServerConfig,
): readonly PoolMember[] {
  return servers.flatMap(({ server, verdict, weight, currentWeight }) => {
    if (verdict.isUp) {
      const reason = currentWeight < weight ? `up, slow start to weight ${weight}` : 'up';
      return [realMember(server, currentWeight, reason)];
    }
    return isInhibited(server, service) ? [realMember(server, 0, 'down, inhibit_on_failure')] : [];
  });
}

function relieved(
  servers: readonly ServerView[],
  input: PoolInput,
): Pick<PoolJudgement, 'relief' | 'members'> {
  const { service } = input;
  const backups = withoutTwins(service.backupPool ?? [])
    .map((server) => view(server, input))
    .filter(({ verdict }) => verdict.isUp)
    .map(({ server, currentWeight }) =>
      realMember(server, currentWeight, 'backup, the quorum is lost'),
    );
  if (backups.length > 0) {
    return { relief: 'backup', members: [...regular(servers, service), ...backups] };
  }
  if (service.sorryServer !== undefined) {
    const kept = servers
      .filter(({ server }) => isInhibited(server, service))
      .map(({ server }) => realMember(server, 0, 'the sorry server serves'));
    const sorry = sorryMember(service.sorryServer, SORRY_WEIGHT, 'the quorum is lost');
    return { relief: 'sorry', members: [sorry, ...kept] };
  }
  return panicked(servers, service);
}

function panicked(
  servers: readonly ServerView[],
  service: VirtualServerConfig,
): Pick<PoolJudgement, 'relief' | 'members'> {
  const share = (service.panicThresholdPercent ?? 0) / 100;
  const live = servers.filter(({ verdict }) => verdict.isUp).length;
  const missing = Math.ceil(servers.length * share) - live;
  // A server that was never up is not known to be any good.
  const kept = servers
    .filter(({ verdict }) => !verdict.isUp && verdict.sinceMs !== undefined)
    .sort((a, b) => (b.verdict.sinceMs ?? 0) - (a.verdict.sinceMs ?? 0))
    .slice(0, Math.max(0, missing))
    .map(({ server, weight }) => realMember(server, weight, 'down, kept by panic_threshold'));
  const members = [...kept, ...regular(servers, service)];
  return { relief: kept.length === 0 ? 'none' : 'panic', members };
}

function isInhibited(server: RealServerConfig, service: VirtualServerConfig): boolean {
  return server.inhibitOnFailure ?? service.inhibitOnFailure ?? false;
}

function realMember(server: RealServerConfig, weight: number, reason: string): PoolMember {
  const { address, port, forwardingMethod } = server;
  return {
    address,
    port,
    forwardingMethod,
    weight,
    upperThreshold: server.upperThreshold ?? 0,
    lowerThreshold: server.lowerThreshold ?? 0,
    tunnel: tunnelOf(server),
    reason,
  };
}

/** Port 0: that of the service. */
function sorryMember(sorry: SorryServerConfig, weight: number, reason: string): PoolMember {
  const { address, port = 0, forwardingMethod } = sorry;
  const limits = { upperThreshold: 0, lowerThreshold: 0 };
  return { address, port, forwardingMethod, weight, ...limits, tunnel: tunnelOf(sorry), reason };
}

function tunnelOf({ tunnel }: Pick<RealServerConfig, 'tunnel'>): Tunnel {
  if (tunnel === undefined) return PLAIN_TUNNEL;
  const { type, port = 0, checksum } = tunnel;
  return { type, port, flags: CHECKSUM_FLAGS[checksum] };
}

/** Of two with one endpoint the first counts, as in keepalived. */
function withoutTwins(servers: readonly RealServerConfig[]): readonly RealServerConfig[] {
  return firstOfEach(servers);
}

function firstOfEach<T extends { readonly address: IpAddress; readonly port: number }>(
  items: readonly T[],
): readonly T[] {
  const met = new Set<string>();
  return items.filter(({ address, port }) => {
    const key = `${address.text} ${port}`;
    if (met.has(key)) return false;
    met.add(key);
    return true;
  });
}
