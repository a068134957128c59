/** virtual_server blocks to the model: by address, by mark and by group. */
import { formatEndpoint } from '../base/address.ts';
import { readForwarding } from './compile-forwarding.ts';
import { type CompiledServer, compileServers } from './compile-real-server.ts';
import { groupEndpoints } from './compile-server-group.ts';
import {
  compileServiceOptions,
  DEFAULT_PERSISTENCE_MS,
  familyOf,
} from './compile-service-options.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { LvsContext } from './lvs-context.ts';
import type {
  Config,
  PlannedVirtualServerConfig,
  ServiceIdentity,
  TransportProtocol,
  VirtualServerConfig,
} from './model.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readAddress, readInteger, reportTrailing } from './read-value.ts';
import { placeOf, spanOf } from './source.ts';

const DEFAULT_SCHEDULER = 'wlc';
/** What IPVS takes for every port. */
const ANY_PORT = 0;
const SERVICE_PORT = { kind: 'integer', min: ANY_PORT, max: 65535 } as const;
const MARK = { kind: 'integer', min: 1, max: 2 ** 32 - 1 } as const;

type Services = Pick<Config, 'virtualServers' | 'plannedVirtualServers'>;

/** Services by address over TCP are what the daemon makes; the others are a list of their own. */
export function compileVirtualServers(entries: readonly Entry[], context: LvsContext): Services {
  const met = new Map<string, number>();
  const virtualServers: VirtualServerConfig[] = [];
  const planned: PlannedVirtualServerConfig[] = [];
  for (const entry of entries) {
    const service = compileService(entry, context);
    if (service === undefined || !isNew(service, entry, { met, context })) continue;
    if (service.kind === 'address' && service.protocol === 'tcp') {
      const { kind: _, ...config } = service;
      virtualServers.push(config);
    } else planned.push(service);
  }
  return {
    virtualServers,
    ...(planned.length === 0 ? {} : { plannedVirtualServers: planned }),
  };
}

interface Meeting {
  /** What a service is told apart by -> line. */
  readonly met: Map<string, number>;
  readonly context: LvsContext;
}

/** Every address of a group is a service of its own to the kernel. */
function isNew(service: PlannedVirtualServerConfig, entry: Entry, meeting: Meeting): boolean {
  const { met, context } = meeting;
  const keys = endpointsOf(service, context).map((endpoint) =>
    endpoint.startsWith('fwmark')
      ? `${endpoint}${service.ipFamily === 'inet6' ? ' of IPv6' : ''}`
      : `${service.protocol} ${endpoint}`,
  );
  const taken = keys.find((key) => met.has(key));
  for (const key of keys) if (!met.has(key)) met.set(key, service.span.line);
  if (taken === undefined) return true;
  const line = met.get(taken) ?? service.span.line;
  const place = placeOf(entry.statement.words);
  context.report('duplicateVirtualServer', place, { service: showEndpoint(service, taken), line });
  return false;
}

function endpointsOf(
  service: PlannedVirtualServerConfig,
  { groups }: LvsContext,
): readonly string[] {
  if (service.kind === 'address') return [`${service.address.text} ${service.port}`];
  if (service.kind === 'fwmark') return [`fwmark ${service.fwmark}`];
  const group = groups.get(service.group);
  return group === undefined ? [] : groupEndpoints(group);
}

function showEndpoint(service: PlannedVirtualServerConfig, key: string): string {
  if (service.kind === 'address') return formatEndpoint(service.address, service.port);
  return service.kind === 'fwmark' ? key : `group ${service.group} (${key})`;
}

function compileService(entry: Entry, context: LvsContext): PlannedVirtualServerConfig | undefined {
  const { report } = context;
  const identity = readIdentity(entry, context);
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'virtual_server', place }, statements, report);
  const protocol = readProtocol(block, identity, report);
  const forwarding = readForwarding(block.entry('lvs_method'), report);
  const service = { block, identity, forwarding };
  const compiled = compileServers(block.all('real_server'), service, context);
  const pool = compilePool(block, service, context);
  const servers = compiled.map(({ server }) => server);
  const scheduler = block.text('lvs_sched') ?? DEFAULT_SCHEDULER;
  const facts = { identity, protocol, scheduler, servers, forwarding };
  const options = compileServiceOptions(block, facts, context);
  if (identity?.kind === 'fwmark' && familyOf(block, facts) === undefined) {
    report('markFamilyUnknown', place, {});
  }
  const needsPersistence = hasAnyPort(identity, context) && options.persistence === undefined;
  if (needsPersistence) report('persistenceNeeded', place, {});
  warnOfDefaults(block, compiled, report);
  if (identity === undefined) return undefined;
  return {
    span: spanOf(place),
    ...identity,
    protocol,
    scheduler,
    ...(forwarding?.tunnel === undefined ? {} : { tunnel: forwarding.tunnel }),
    ...options,
    ...(needsPersistence ? { persistence: { timeoutMs: DEFAULT_PERSISTENCE_MS } } : {}),
    realServers: servers,
    ...(pool === undefined ? {} : { backupPool: pool }),
  };
}

/** A service for every port of its address, or a member of its group. */
function hasAnyPort(identity: ServiceIdentity | undefined, { groups }: LvsContext): boolean {
  if (identity?.kind === 'address') return identity.port === ANY_PORT;
  if (identity?.kind !== 'group') return false;
  const members = groups.get(identity.group)?.members ?? [];
  return members.some((member) => member.kind !== 'fwmark' && member.port === ANY_PORT);
}

function compilePool(
  block: ReadBlock,
  service: Parameters<typeof compileServers>[1],
  context: LvsContext,
): VirtualServerConfig['backupPool'] {
  const entry = block.entry('backup_pool');
  if (entry === undefined) return undefined;
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const pool = readBlock({ context: 'backup_pool', place }, statements, context.report);
  return compileServers(pool.all('real_server'), service, context).map(({ server }) => server);
}

function readIdentity(entry: Entry, context: LvsContext): ServiceIdentity | undefined {
  const { report } = context;
  const [first, second, ...rest] = entry.words;
  if (first === undefined || first.kind === 'opaque') return undefined;
  const form = first.text;
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  const isByName = form === 'fwmark' || form === 'group';
  if (isByName) {
    const what = `A virtual_server by ${form}`;
    report('notSupportedYet', placeOf(entry.statement.words), { what });
  }
  const address = isByName ? undefined : readAddress('a virtual_server', first, report);
  if (second === undefined && !isByName) {
    return address === undefined ? undefined : { kind: 'address', address, port: ANY_PORT };
  }
  if (second === undefined) {
    const expected = `a ${form === 'group' ? 'name' : 'number'}`;
    const values = { keyword: `virtual_server ${form}`, expected };
    report('missingValue', placeOf(entry.statement.words), values);
    return undefined;
  }
  if (second.kind === 'opaque') return undefined;
  if (form === 'fwmark') {
    const fwmark = readInteger(MARK, first, second, report);
    return fwmark === undefined ? undefined : { kind: 'fwmark', fwmark };
  }
  if (form === 'group') {
    const name = second.text;
    if (context.groups.has(name)) return { kind: 'group', group: name };
    report('unknownServerGroup', second, { name }, () => didYouMean(name, context.groups.keys()));
    return undefined;
  }
  const port = readInteger(SERVICE_PORT, entry.keyword, second, report);
  return address === undefined || port === undefined
    ? undefined
    : { kind: 'address', address, port };
}

/** keepalived takes UDP when nothing is said: nobody means that, so it must be written. */
function readProtocol(
  block: ReadBlock,
  identity: ServiceIdentity | undefined,
  report: Report,
): TransportProtocol {
  const protocol = block.text('protocol');
  if (identity?.kind === 'fwmark') {
    if (block.has('protocol')) report('protocolWithMark', block.placeOf('protocol'), {});
    return 'tcp';
  }
  if (!block.has('protocol')) report('missingProtocol', block.place, {});
  if (protocol === 'TCP') return 'tcp';
  if (protocol !== undefined && identity?.kind !== 'group') {
    report('notSupportedYet', block.placeOf('protocol'), { what: `'protocol ${protocol}'` });
  }
  return protocol === 'SCTP' ? 'sctp' : 'udp';
}

/** One warning for each dangerous default that this service leans on. */
function warnOfDefaults(
  block: ReadBlock,
  servers: readonly CompiledServer[],
  report: Report,
): void {
  if (!block.has('real_server')) report('noRealServers', block.place, {});
  if (!block.has('lvs_sched')) report('defaultScheduler', block.place, {});
  if (!block.has('lvs_method') && servers.some(({ isMethodDefault }) => isMethodDefault)) {
    report('defaultForwarding', block.place, {});
  }
  const checkers = servers.flatMap((server) => server.checkers);
  if (checkers.some(({ isDelayLoopDefault }) => isDelayLoopDefault)) {
    report('defaultDelayLoop', block.place, {});
  }
  if (checkers.some(({ config }) => !config.alpha)) report('notAlpha', block.place, {});
}
