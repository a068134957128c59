/** `lvsd status` as one screen: VIPs first, then services with their servers and the reason of each. */
import type { ServerHealth } from '../health/engine.ts';
import type { PoolSnapshot } from '../ipvs/intent.ts';
import type { ReconcilerSnapshot, ServerSnapshot, ServiceSnapshot } from '../ipvs/snapshot.ts';
import type { InstanceSnapshot } from '../vrrp/snapshot.ts';
import { renderBfd } from './bfd-text.ts';
import { renderNotifyTrouble, renderRemarks, trackerRows } from './outside-text.ts';
import { age, FORWARD, GREEN, paint, RED, table, YELLOW } from './screen.ts';
import type { DaemonStatus, HealthSnapshot } from './status.ts';

const DAY_MS = 86_400_000;

export interface RenderOptions {
  readonly color: boolean;
  /** Wall clock, ms: ages are counted from it. */
  readonly nowMs: number;
}

export function renderStatus(status: DaemonStatus, options: RenderOptions): string {
  const { version, pid, configFile, configId } = status;
  const loadedAgo = age(Date.parse(status.loadedAt), options.nowMs);
  const lines = [
    `lvsd ${version}, pid ${pid}, ${configFile} as ${configId}, loaded ${loadedAgo} ago`,
    ...renderProcesses(status),
    '',
    ...renderInstances(status.vrrp, options),
    ...renderRemarks(status.vrrp),
  ];
  const trackers = table(trackerRows(status.trackers));
  if (trackers.length > 0) lines.push('', ...trackers);
  const sessions = status.bfd === undefined ? [] : renderBfd(status.bfd, options);
  if (sessions.length > 0) lines.push('', ...sessions);
  lines.push(...renderNotifyTrouble(status.notify));
  if (status.health !== undefined) {
    lines.push('', ...renderServices(status.health, options));
  }
  return lines.join('\n');
}

/** Only what is worth a line: a process that is away or that had to be started again. */
function renderProcesses(status: DaemonStatus): readonly string[] {
  return Object.entries(status.processes).flatMap(([name, { state, restarts }]) =>
    state === 'restarting' || restarts > 0
      ? [`${name} process: ${state}, restarted ${restarts} time${restarts === 1 ? '' : 's'}`]
      : [],
  );
}

function renderInstances(
  instances: readonly InstanceSnapshot[],
  options: RenderOptions,
): readonly string[] {
  if (instances.length === 0) return ['No VRRP instance'];
  const rows = instances.map((instance) => [
    instance.name,
    instance.releasing ? 'RELEASING' : instance.state,
    age(instance.sinceMs, options.nowMs),
    String(instance.effectivePriority),
    describeMaster(instance),
    `${instance.interface}/${instance.virtualRouterId}`,
    instance.addresses.join(' '),
    instance.reason,
  ]);
  const header = ['INSTANCE', 'STATE', 'FOR', 'PRIO', 'MASTER', 'IF/VRID', 'ADDRESSES', 'BECAUSE'];
  return table([header, ...rows]).map((line, index) => {
    const state = instances[index - 1]?.state;
    if (state === undefined) return line;
    return paint(line, state === 'MASTER' ? GREEN : state === 'BACKUP' ? 0 : RED, options);
  });
}

function describeMaster({ state, masterAddress, masterPriority }: InstanceSnapshot): string {
  if (state === 'MASTER') return 'this director';
  return masterAddress === undefined ? 'none heard' : `${masterAddress} (${masterPriority ?? '?'})`;
}

function renderServices(
  { servers, ipvs, pools = [] }: HealthSnapshot,
  options: RenderOptions,
): readonly string[] {
  const kernel = new Map(ipvs.services.map((service) => [service.name, service]));
  const poolByName = new Map(pools.map((pool) => [pool.name, pool]));
  const byService = new Map<string, ServerHealth[]>();
  for (const server of servers) {
    const service = server.name.slice(0, server.name.indexOf('/'));
    byService.set(service, [...(byService.get(service) ?? []), server]);
  }
  const lines: string[] = [];
  const header = ['', 'SERVER', 'STATE', 'FOR', 'FORWARD', 'WEIGHT', 'ACTIVE', 'INACT', 'BECAUSE'];
  for (const [service, members] of byService) {
    const up = members.filter(({ isUp }) => isUp).length;
    const pool = poolByName.get(service);
    const present = (pool?.services ?? [service]).flatMap((name) => kernel.get(name) ?? []);
    const state = present[0]?.scheduler ?? 'not in the kernel';
    const title = `${service}  ${state}  ${up} of ${members.length} up${describePool(pool)}`;
    lines.push(paint(title, up === 0 ? RED : up < members.length ? YELLOW : GREEN, options));
    const rows = members.map((server) => {
      const entry = entryOf(present, server.name.slice(service.length + 1));
      return [
        '',
        server.name.slice(service.length + 1),
        server.isSuspended === true ? 'suspended' : server.isUp ? 'up' : 'DOWN',
        age(server.sinceMs, options.nowMs),
        entry === undefined ? '-' : FORWARD[entry.forwardingMethod],
        entry === undefined ? '-' : String(entry.weight),
        entry === undefined ? '-' : String(entry.activeConnections),
        entry === undefined ? '-' : String(entry.inactiveConnections),
        because(server),
      ];
    });
    lines.push(...table([header, ...rows]));
  }
  return [...lines, ...renderCertificates(servers, options), ...renderTrouble(ipvs)];
}

/** `cert_expiry_warn`: those that are near their end, or past it. */
function renderCertificates(
  servers: readonly ServerHealth[],
  options: RenderOptions,
): readonly string[] {
  return servers.flatMap(({ name, checkers }) =>
    checkers.flatMap(({ kind, certificateEndsMs: endsMs, certExpiryWarnDays: days }) => {
      if (endsMs === undefined || days === undefined) return [];
      const leftMs = endsMs - options.nowMs;
      if (leftMs > days * DAY_MS) return [];
      const when =
        leftMs > 0
          ? `ends in ${age(options.nowMs, endsMs)}`
          : `ended ${age(endsMs, options.nowMs)} ago`;
      const line = `Certificate of ${name} (${kind}) ${when}`;
      return [paint(line, leftMs > 0 ? YELLOW : RED, options)];
    }),
  );
}

/** Only what is worth a word: a quorum that is lost, and what stands in. */
function describePool(pool: PoolSnapshot | undefined): string {
  if (pool === undefined || pool.hasQuorum) return '';
  const { liveWeight, quorum, relief } = pool;
  const instead = {
    none: '',
    backup: ', the backup pool serves',
    sorry: ', the sorry server serves',
    panic: ', panic_threshold keeps servers that are down',
  };
  return `  quorum lost (weight ${liveWeight} of ${quorum})${instead[relief]}`;
}

/** A server in all IPVS services of its virtual_server: connections are added up. */
function entryOf(
  services: readonly ServiceSnapshot[],
  endpoint: string,
): ServerSnapshot | undefined {
  // Port 0 stands for that of each service.
  const isIt = (found: string): boolean =>
    found === endpoint || (endpoint.endsWith(':0') && found.startsWith(endpoint.slice(0, -1)));
  const entries = services.flatMap(
    (service) => service.servers.find((server) => isIt(server.endpoint)) ?? [],
  );
  const [first] = entries;
  if (first === undefined) return undefined;
  const total = (count: 'activeConnections' | 'inactiveConnections'): number =>
    entries.reduce((sum, entry) => sum + entry[count], 0);
  return {
    ...first,
    activeConnections: total('activeConnections'),
    inactiveConnections: total('inactiveConnections'),
  };
}

/** The last word of every checker: why the server is up or down. */
function because(server: ServerHealth): string {
  if (server.isSuspended === true) return 'ha_suspend: the address is not on this director';
  if (server.checkers.length === 0) return 'no checker, always up';
  return server.checkers
    .map(({ kind, lastResult }) => {
      if (lastResult === undefined) return `${kind} has not run yet`;
      const reason = lastResult.kind === 'pass' ? 'passed' : lastResult.reason;
      return `${kind} ${reason}: ${lastResult.detail}`;
    })
    .join('; ');
}

function renderTrouble(ipvs: ReconcilerSnapshot): readonly string[] {
  const lines = ipvs.draining.map(
    ({ service, server, cause, connections }) =>
      `Draining, ${cause}: ${server} of ${service}, ${connections} connections left`,
  );
  if (ipvs.driftRepairs > 0) {
    lines.push(`IPVS entries put back after somebody else changed them: ${ipvs.driftRepairs}`);
  }
  if (ipvs.foreignServices.length > 0) {
    lines.push(`Left alone, created by somebody else: ${ipvs.foreignServices.join(', ')}`);
  }
  if (ipvs.consecutiveErrors > 0 && ipvs.lastError !== undefined) {
    lines.push(`IPVS is not as wanted: ${ipvs.lastError.detail} (${ipvs.lastError.code})`);
  }
  return lines;
}
