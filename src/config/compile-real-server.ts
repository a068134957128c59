/** real_server blocks to the model, and what must fit between a server and its service. */
import { formatEndpoint, type IpAddress } from '../base/address.ts';
import { type CompiledChecker, compileCheckers } from './compile-checker.ts';
import { type Forwarding, readForwarding } from './compile-forwarding.ts';
import type { VirtualTarget } from './compile-probe.ts';
import { describeFamily } from './compile-virtual-address.ts';
import type { Report } from './diagnostics.ts';
import { type LvsContext, readLvsScript } from './lvs-context.ts';
import type {
  ForwardingMethod,
  RealServerConfig,
  ServiceIdentity,
  TransportProtocol,
} from './model.ts';
import type { ServerOptions } from './model-lvs.ts';
import { compact } from './present.ts';
import { type Entry, type ReadBlock, readBlock } from './read-block.ts';
import { readAddress, readInteger, reportTrailing } from './read-value.ts';
import { placeOf, spanOf, type Token } from './source.ts';

const DEFAULT_WEIGHT = 1;
const PORT = { kind: 'integer', min: 1, max: 65535 } as const;

/**
 * Stands in for a server whose address is wrong, so that its checkers are looked through as well.
 */
const PLACEHOLDER: Endpoint = { address: { family: 'inet', text: '0.0.0.0' }, port: 1 };

export interface Endpoint {
  readonly address: IpAddress;
  readonly port: number;
}

/** As it stands on the line of the virtual_server: what family a mark has, its block says. */
export type WrittenIdentity =
  | Extract<ServiceIdentity, { kind: 'address' }>
  | Omit<Extract<ServiceIdentity, { kind: 'fwmark' }>, 'family'>
  | Omit<Extract<ServiceIdentity, { kind: 'group' }>, 'family'>;

export interface ServiceContext {
  readonly block: ReadBlock;
  /** Absent when it could not be read: then the servers are only looked through. */
  readonly identity: WrittenIdentity | undefined;
  readonly forwarding: Forwarding | undefined;
  readonly protocol: TransportProtocol;
}

export interface CompiledServer {
  readonly server: RealServerConfig;
  readonly checkers: readonly CompiledChecker[];
  readonly isMethodDefault: boolean;
}

export function compileServers(
  entries: readonly Entry[],
  service: ServiceContext,
  context: LvsContext,
): readonly CompiledServer[] {
  const met = new Map<string, number>();
  const servers: CompiledServer[] = [];
  for (const entry of entries) {
    const compiled = compileServer(entry, service, context);
    if (compiled === undefined) continue;
    const { server } = compiled;
    const name = formatEndpoint(server.address, server.port);
    const line = met.get(name);
    if (line === undefined) {
      met.set(name, server.span.line);
      servers.push(compiled);
    } else {
      const values = { server: name, line };
      context.report('duplicateRealServer', placeOf(entry.statement.words), values);
    }
  }
  return servers;
}

function compileServer(
  entry: Entry,
  service: ServiceContext,
  context: LvsContext,
): CompiledServer | undefined {
  const { report } = context;
  const place = placeOf(entry.statement.words);
  const statements = entry.statement.block?.statements ?? [];
  const block = readBlock({ context: 'real_server', place }, statements, report);
  const endpoint = readServerEndpoint(entry, service.identity, report);
  const forwarding = readForwarding(block.entry('lvs_method'), report) ?? service.forwarding;
  const forwardingMethod = forwarding?.method ?? 'masq';
  const target = endpoint ?? PLACEHOLDER;
  const virtual = virtualTarget(service, forwardingMethod);
  const checked = { endpoint: target, service: service.block, server: block, virtual };
  const checkers = compileCheckers(checked, context);
  const options = compileServerOptions(block, forwarding, context);
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
      ...options,
    },
    checkers,
    isMethodDefault: !block.has('lvs_method'),
  };
}

function virtualTarget(
  { identity, protocol }: ServiceContext,
  forwardingMethod: ForwardingMethod,
): VirtualTarget {
  if (forwardingMethod !== 'droute') return { ok: false, need: "'lvs_method DR'" };
  if (protocol !== 'tcp') return { ok: false, need: "'protocol TCP'" };
  if (identity?.kind === 'address') return { ok: true, address: identity.address };
  return { ok: false, need: 'a virtual_server with an address of its own' };
}

function compileServerOptions(
  block: ReadBlock,
  forwarding: Forwarding | undefined,
  context: LvsContext,
): ServerOptions {
  const upper = block.number('uthreshold') || undefined;
  const lower = block.number('lthreshold') || undefined;
  if (upper !== undefined && lower !== undefined && lower > upper) {
    context.report('thresholdOrder', block.placeOf('lthreshold'), { lower, upper });
  }
  const inhibits = block.flag('inhibit_on_failure');
  return compact({
    tunnel: forwarding?.tunnel,
    inhibitOnFailure: block.has('inhibit_on_failure') ? inhibits : undefined,
    notifyUp: readLvsScript(block.entry('notify_up'), 'notify', context),
    notifyDown: readLvsScript(block.entry('notify_down'), 'notify', context),
    upperThreshold: upper,
    lowerThreshold: lower,
  });
}

/** Without a port that of the service; 0, any port, where the service has none. */
function readServerEndpoint(
  entry: Entry,
  service: WrittenIdentity | undefined,
  report: Report,
): Endpoint | undefined {
  const [first, second, ...rest] = entry.words;
  if (first === undefined) return undefined;
  const address = readAddress('a real_server', first, report);
  reportTrailing(entry.statement.words.slice(0, 3), rest, report);
  const ownPort = service?.kind === 'address' ? service.port : 0;
  const inherited = service === undefined ? undefined : ownPort;
  const port = second === undefined ? inherited : readPort(entry.keyword, second, report);
  return address === undefined || port === undefined ? undefined : { address, port };
}

function readPort(keyword: Token, word: Token, report: Report): number | undefined {
  return word.kind === 'opaque' ? undefined : readInteger(PORT, keyword, word, report);
}

interface Reach {
  readonly endpoint: Endpoint;
  readonly service: Pick<ServiceContext, 'block' | 'identity'>;
  readonly forwardingMethod: ForwardingMethod;
}

/**
 * DR and TUN leave the packet as it is: same port; only TUN wraps one family in the other. Returns
 * what keepalived makes of it: the port of the service, no server of another family.
 */
export function reachedAt(entry: Entry, reach: Reach, report: Report): Endpoint | undefined {
  const { endpoint, service, forwardingMethod } = reach;
  const { identity } = service;
  const place = placeOf(entry.statement.words);
  const port = identity?.kind === 'address' ? identity.port : endpoint.port;
  const isMapped = forwardingMethod !== 'masq' && endpoint.port !== port;
  if (isMapped) {
    report('portMapping', place, {
      keyword: entry.keyword.text,
      port: endpoint.port,
      servicePort: port,
      method: forwardingMethod === 'droute' ? 'DR' : 'TUN',
      address: endpoint.address.text,
    });
  }
  const { family } = endpoint.address;
  const serviceFamily = writtenFamily(service);
  if (family === serviceFamily || serviceFamily === undefined || forwardingMethod === 'tunnel') {
    return isMapped ? { ...endpoint, port } : endpoint;
  }
  report('mixedServerFamily', place, {
    server: endpoint.address.text,
    family: describeFamily(family),
    serviceFamily: describeFamily(serviceFamily),
  });
  return undefined;
}

function writtenFamily({ identity, block }: Reach['service']): 'inet' | 'inet6' | undefined {
  if (identity?.kind === 'address') return identity.address.family;
  const written = block.text('ip_family');
  return written === 'inet' || written === 'inet6' ? written : undefined;
}
