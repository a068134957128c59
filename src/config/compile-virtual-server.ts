/** virtual_server and real_server blocks to the model. */
import { formatEndpoint, type IpAddress } from '../base/address.ts';
import { type CompiledChecker, compileCheckers } from './compile-checker.ts';
import { describeFamily } from './compile-virtual-address.ts';
import type { Report } from './diagnostics.ts';
import type { ForwardingMethod, RealServerConfig, VirtualServerConfig } from './model.ts';
import { serviceName } from './names.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readAddress, readChoice, readInteger, reportTrailing } from './read-value.ts';
import { placeOf, spanOf, type Token } from './source.ts';

const DEFAULT_SCHEDULER = 'wlc';
const DEFAULT_WEIGHT = 1;
const PORT = { kind: 'integer', min: 1, max: 65535 } as const;
const METHOD = { kind: 'choice', values: ['NAT', 'DR', 'TUN'] } as const;

/**
 * Stands in for a server whose address is wrong, so that its checkers are looked through as well.
 */
const PLACEHOLDER: Endpoint = { address: { family: 'inet', text: '0.0.0.0' }, port: 1 };

const METHODS: ReadonlyMap<string, ForwardingMethod> = new Map([
  ['NAT', 'masq'],
  ['DR', 'droute'],
  ['TUN', 'tunnel'],
]);

export function compileVirtualServers(
  entries: readonly Entry[],
  report: Report,
): readonly VirtualServerConfig[] {
  const met = new Map<string, number>();
  const services: VirtualServerConfig[] = [];
  for (const entry of entries) {
    const service = compileService(entry, report);
    if (service === undefined) continue;
    const name = serviceName(service);
    const line = met.get(name);
    if (line === undefined) {
      met.set(name, service.span.line);
      services.push(service);
      continue;
    }
    const endpoint = formatEndpoint(service.address, service.port);
    const place = placeOf(entry.statement.words);
    report('duplicateVirtualServer', place, { service: endpoint, line });
  }
  return services;
}

function compileService(entry: Entry, report: Report): VirtualServerConfig | undefined {
  if (isRefusedForm(entry, report)) return undefined;
  const identity = readServiceEndpoint(entry, report);
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'virtual_server', place }, statements, report);
  const protocol = compileProtocol(block, report);
  const method = readMethod(block.entry('lvs_method'), report);
  const compiled = compileServers({ block, identity, method }, report);
  warnOfDefaults(block, compiled, report);
  if (identity === undefined) return undefined;
  return {
    span: spanOf(place),
    ...identity,
    protocol,
    scheduler: block.text('lvs_sched') ?? DEFAULT_SCHEDULER,
    realServers: compiled.map(({ server }) => server),
  };
}

interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** Services by mark or by group are refused with their whole block. */
function isRefusedForm(entry: Entry, report: Report): boolean {
  const form = entry.words[0];
  if (form === undefined) return false;
  if (form.kind === 'opaque') return true;
  if (form.text !== 'fwmark' && form.text !== 'group') return false;
  const what = `A virtual_server by ${form.text}`;
  report('notSupportedYet', placeOf(entry.statement.words), { what });
  return true;
}

function readServiceEndpoint(entry: Entry, report: Report): Endpoint | undefined {
  const [first, second, ...rest] = entry.words;
  if (first === undefined) return undefined;
  const address = readAddress('a virtual_server', first, report);
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  if (second === undefined) {
    const values = { keyword: `virtual_server ${first.text}`, expected: 'a port' };
    report('missingValue', placeOf(entry.statement.words), values);
    return undefined;
  }
  const port = readPort(entry.keyword, second, report);
  return address === undefined || port === undefined ? undefined : { address, port };
}

function readPort(keyword: Token, word: Token, report: Report): number | undefined {
  return word.kind === 'opaque' ? undefined : readInteger(PORT, keyword, word, report);
}

/** keepalived takes UDP when nothing is said: nobody means that, so it must be written. */
function compileProtocol(block: ReadBlock, report: Report): 'tcp' {
  if (!block.has('protocol')) report('missingProtocol', block.place, {});
  const protocol = block.text('protocol');
  if (protocol !== undefined && protocol !== 'TCP') {
    report('notSupportedYet', block.placeOf('protocol'), { what: `'protocol ${protocol}'` });
  }
  return 'tcp';
}

function readMethod(entry: Entry | undefined, report: Report): ForwardingMethod | undefined {
  const [word, ...rest] = entry?.words ?? [];
  if (entry === undefined || word === undefined || word.kind === 'opaque') return undefined;
  const method = METHODS.get(readChoice(METHOD, entry.keyword, word, report) ?? '');
  if (method === 'tunnel' && rest.length > 0) checkTunnelOptions(entry, rest, report);
  else reportTrailing([entry.keyword, word], rest, report);
  return method;
}

const TUNNEL_OPTIONS = new Set(['type', 'port', 'csum', 'nocsum', 'remcsum']);

/** `type ipip` is what a tunnel is without it. */
function checkTunnelOptions(entry: Entry, words: readonly Token[], report: Report): void {
  const [option, value, ...rest] = words;
  if (option?.text === 'type' && value?.text === 'ipip') {
    reportTrailing(entry.statement.words.slice(0, 4), rest, report);
  } else if (option !== undefined && TUNNEL_OPTIONS.has(option.text)) {
    report('notSupportedYet', placeOf(words), { what: `'TUN ${option.text}'` });
  } else reportTrailing(entry.statement.words.slice(0, 2), words, report);
}

interface ServiceContext {
  readonly block: ReadBlock;
  /** Absent when it could not be read: then the servers are only looked through. */
  readonly identity: Endpoint | undefined;
  readonly method: ForwardingMethod | undefined;
}

interface CompiledServer {
  readonly server: RealServerConfig;
  readonly checkers: readonly CompiledChecker[];
  readonly isMethodDefault: boolean;
}

function compileServers(service: ServiceContext, report: Report): readonly CompiledServer[] {
  const met = new Map<string, number>();
  const servers: CompiledServer[] = [];
  for (const entry of service.block.all('real_server')) {
    const compiled = compileServer(entry, service, report);
    if (compiled === undefined) continue;
    const { server } = compiled;
    const name = formatEndpoint(server.address, server.port);
    const line = met.get(name);
    if (line === undefined) {
      met.set(name, server.span.line);
      servers.push(compiled);
    } else {
      report('duplicateRealServer', placeOf(entry.statement.words), { server: name, line });
    }
  }
  return servers;
}

function compileServer(
  entry: Entry,
  service: ServiceContext,
  report: Report,
): CompiledServer | undefined {
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'real_server', place }, statements, report);
  const endpoint = readServerEndpoint(entry, service.identity, report);
  const ownMethod = readMethod(block.entry('lvs_method'), report);
  const forwardingMethod = ownMethod ?? service.method ?? 'masq';
  const target = endpoint ?? PLACEHOLDER;
  const checked = { endpoint: target, service: service.block, server: block };
  const checkers = compileCheckers(checked, report);
  if (endpoint === undefined) return undefined;
  const reached = reachedAt(entry, { endpoint, service, forwardingMethod }, report);
  if (reached === undefined) return undefined;
  return {
    server: {
      span: spanOf(place),
      ...reached,
      weight: block.number('weight') ?? service.block.number('weight') ?? DEFAULT_WEIGHT,
      forwardingMethod,
      checkers: checkers.map(({ config }) => config),
    },
    checkers,
    isMethodDefault: !block.has('lvs_method'),
  };
}

function readServerEndpoint(
  entry: Entry,
  service: Endpoint | undefined,
  report: Report,
): Endpoint | undefined {
  const [first, second, ...rest] = entry.words;
  if (first === undefined) return undefined;
  const address = readAddress('a real_server', first, report);
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  const port = second === undefined ? service?.port : readPort(entry.keyword, second, report);
  return address === undefined || port === undefined ? undefined : { address, port };
}

interface Reach {
  readonly endpoint: Endpoint;
  readonly service: ServiceContext;
  readonly forwardingMethod: ForwardingMethod;
}

/**
 * DR and TUN leave the packet as it is: same port; only TUN wraps one family in the other. Returns
 * what keepalived makes of it: the port of the service, no server of another family.
 */
function reachedAt(entry: Entry, reach: Reach, report: Report): Endpoint | undefined {
  const { endpoint, service, forwardingMethod } = reach;
  const { identity } = service;
  if (identity === undefined) return endpoint;
  const place = placeOf(entry.statement.words);
  const isMapped = forwardingMethod !== 'masq' && endpoint.port !== identity.port;
  if (isMapped) {
    report('portMapping', place, {
      port: endpoint.port,
      servicePort: identity.port,
      method: forwardingMethod === 'droute' ? 'DR' : 'TUN',
      address: endpoint.address.text,
    });
  }
  const { family } = endpoint.address;
  const serviceFamily = identity.address.family;
  if (family === serviceFamily || forwardingMethod === 'tunnel') {
    return isMapped ? { ...endpoint, port: identity.port } : endpoint;
  }
  report('mixedServerFamily', place, {
    server: endpoint.address.text,
    family: describeFamily(family),
    serviceFamily: describeFamily(serviceFamily),
  });
  return undefined;
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
