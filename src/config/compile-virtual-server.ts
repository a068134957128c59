/** virtual_server blocks to the model: by address, by mark and by group. */
import { formatEndpoint } from '../base/address.ts';
import { readForwarding } from './compile-forwarding.ts';
import {
  type CompiledServer,
  compileServers,
  type WrittenIdentity,
} from './compile-real-server.ts';
import {
  compileServiceOptions,
  DEFAULT_PERSISTENCE_MS,
  familyOf,
} from './compile-service-options.ts';
import { describeFamily } from './compile-virtual-address.ts';
import type { Report } from './diagnostics.ts';
import { didYouMean } from './did-you-mean.ts';
import type { LvsContext } from './lvs-context.ts';
import type { CheckerConfig, TransportProtocol, VirtualServerConfig } from './model.ts';
import { serviceName } from './names.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readAddress, readInteger, reportTrailing } from './read-value.ts';
import { endpointsOf, familyOfEndpoint } from './service-endpoints.ts';
import { type Place, placeOf, spanOf } from './source.ts';

const DEFAULT_SCHEDULER = 'wlc';
/** What IPVS takes for every port. */
const ANY_PORT = 0;
const SERVICE_PORT = { kind: 'integer', min: ANY_PORT, max: 65535 } as const;
const MARK = { kind: 'integer', min: 1, max: 2 ** 32 - 1 } as const;

export function compileVirtualServers(
  entries: readonly Entry[],
  context: LvsContext,
): readonly VirtualServerConfig[] {
  const met = new Map<string, number>();
  const { report, blocks } = context;
  const { groups, trackFiles, bfdInstances, tlsClient } = context;
  blocks?.setContext([groups, trackFiles, bfdInstances, tlsClient]);
  return entries.flatMap((entry) => {
    const compile = (to: Report): VirtualServerConfig | undefined =>
      compileService(entry, { ...context, report: to });
    const service = blocks ? blocks.service(entry.keyword, report, compile) : compile(report);
    const isKept = service !== undefined && isNew(service, entry, { met, context });
    return isKept ? [service] : [];
  });
}

interface Meeting {
  /** What a service is told apart by -> line. */
  readonly met: Map<string, number>;
  readonly context: LvsContext;
}

/** Every member of a group is a service of its own to the kernel. */
function isNew(service: VirtualServerConfig, entry: Entry, meeting: Meeting): boolean {
  const { met, context } = meeting;
  const names = endpointsOf(service, context.groups).map(serviceName);
  const taken = names.find((name) => met.has(name));
  for (const name of names) if (!met.has(name)) met.set(name, service.span.line);
  if (taken === undefined) return true;
  const line = met.get(taken) ?? service.span.line;
  const place = placeOf(entry.statement.words);
  context.report('duplicateVirtualServer', place, { service: showService(service, taken), line });
  return false;
}

function showService(service: VirtualServerConfig, taken: string): string {
  if (service.kind === 'address') return formatEndpoint(service.address, service.port);
  return service.kind === 'fwmark' ? taken : `group ${service.group} (${taken})`;
}

function compileService(entry: Entry, context: LvsContext): VirtualServerConfig | undefined {
  const { report } = context;
  const identity = readIdentity(entry, context);
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'virtual_server', place }, statements, report);
  const protocol = readProtocol(block, identity, report);
  const forwarding = readForwarding(block.entry('lvs_method'), report);
  const around = { block, identity, forwarding, protocol };
  const compiled = compileServers(block.all('real_server'), around, context);
  const pool = compilePool(block, around, context);
  const servers = compiled.map(({ server }) => server);
  const scheduler = block.text('lvs_sched') ?? DEFAULT_SCHEDULER;
  const facts = { identity, protocol, scheduler, servers, forwarding };
  const options = compileServiceOptions(block, facts, context);
  const family = familyOf(block, facts);
  if (identity?.kind === 'fwmark' && family === undefined) report('markFamilyUnknown', place, {});
  const needsPersistence = hasAnyPort(identity, context) && options.persistence === undefined;
  if (needsPersistence) report('persistenceNeeded', place, {});
  warnOfDefaults(block, compiled, report);
  checkPorts(compiled, place, report);
  if (identity === undefined) return undefined;
  const service: VirtualServerConfig = {
    span: spanOf(place),
    ...(identity.kind === 'address' ? identity : { ...identity, family: family ?? 'inet' }),
    protocol,
    scheduler,
    ...options,
    ...(needsPersistence ? { persistence: { timeoutMs: DEFAULT_PERSISTENCE_MS } } : {}),
    realServers: servers,
    ...(pool === undefined ? {} : { backupPool: pool }),
  };
  if (service.kind === 'group') checkGroupFamilies(service, place, context);
  return service;
}

/** Where the service has no port, neither have its servers, and a check needs one. */
function checkPorts(compiled: readonly CompiledServer[], place: Place, report: Report): void {
  for (const { server, checkers } of compiled) {
    const checker = checkers.find(({ config }) => lacksPort(config));
    if (checker === undefined) continue;
    const { kind } = checker.config;
    report('checkerWithoutPort', place, { server: server.address.text, kind });
  }
}

function lacksPort(config: CheckerConfig): boolean {
  return 'connectPort' in config && config.kind !== 'PING_CHECK' && config.connectPort === 0;
}

/** A group may have both families: its IPv6 members have no use for IPv4 servers. */
function checkGroupFamilies(service: VirtualServerConfig, place: Place, context: LvsContext): void {
  const families = new Set(endpointsOf(service, context.groups).map(familyOfEndpoint));
  for (const { address, forwardingMethod } of service.realServers) {
    if (forwardingMethod === 'tunnel') continue;
    const other = [...families].find((family) => family !== address.family);
    if (other === undefined) continue;
    context.report('mixedServerFamily', place, {
      server: address.text,
      family: describeFamily(address.family),
      serviceFamily: describeFamily(other),
    });
  }
}

/** A service for every port of its address, or a member of its group. */
function hasAnyPort(identity: WrittenIdentity | undefined, { groups }: LvsContext): boolean {
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

function readIdentity(entry: Entry, context: LvsContext): WrittenIdentity | undefined {
  const { report } = context;
  const [first, second, ...rest] = entry.words;
  if (first === undefined || first.kind === 'opaque') return undefined;
  const form = first.text;
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  const isByName = form === 'fwmark' || form === 'group';
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
  identity: WrittenIdentity | undefined,
  report: Report,
): TransportProtocol {
  const protocol = block.text('protocol');
  if (identity?.kind === 'fwmark') {
    if (block.has('protocol')) report('protocolWithMark', block.placeOf('protocol'), {});
    return 'tcp';
  }
  if (!block.has('protocol')) report('missingProtocol', block.place, {});
  if (protocol === 'TCP') return 'tcp';
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
  // A FILE_CHECK knows no alpha: its file is read before anything starts.
  const isAlphaMissing = checkers.some(
    ({ config }) => config.kind !== 'FILE_CHECK' && !config.alpha,
  );
  if (isAlphaMissing) report('notAlpha', block.place, {});
}
