/**
 * Lines of virtual_routes, virtual_rules and their static brothers as the kernel takes them. What a
 * line asks that cannot be said to the kernel is a fault in words, never left out.
 */
import type { IpAddress } from '../base/address.ts';
import type { LineOption, NextHopConfig, RouteConfig, RuleConfig } from '../config/model-vrrp.ts';
import {
  type NextHop,
  ROUTE_METRIC_NUMBERS,
  ROUTE_TYPE_NUMBERS,
  type RouteMetric,
  type RouteSpec,
  RT_TABLE_MAIN,
} from '../kernel/routes.ts';
import type { NameKind, RoutingNames } from '../kernel/routing-names.ts';
import { type NumberRange, RULE_ACTION_NUMBERS, type RuleSpec } from '../kernel/rules.ts';

/**
 * RTPROT and FRA_PROTOCOL of what lvsd adds: VRRP's IP protocol number, as for its addresses. Not
 * keepalived's own 18: a director that moves from one to the other must be able to tell whose they are.
 */
export const ROUTE_PROTOCOL = 112;

export interface RoutingContext {
  readonly names: RoutingNames;
  ifindex(device: string): number | undefined;
}

/** As `ip route add`, `append` or `prepend`. */
export type RouteMode = 'add' | 'append' | 'prepend';

export type RouteResult =
  | { readonly ok: true; readonly spec: RouteSpec; readonly mode: RouteMode }
  | { readonly ok: false; readonly detail: string };
export type RuleResult =
  | { readonly ok: true; readonly spec: RuleSpec }
  | { readonly ok: false; readonly detail: string };

/** What a line asks and cannot have; caught where a line is read, so that callers stay flat. */
class LineFault extends Error {}

export function routeSpec(route: RouteConfig, context: RoutingContext): RouteResult {
  return caught(() => {
    const reader = new LineReader(route.options, context);
    const nextHops = nextHopsOf(route, reader, context);
    const ifindex = route.device === undefined ? undefined : device(route.device, context);
    const isSingle = nextHops.length === 0;
    const spec: RouteSpec = {
      family: route.family,
      type: numberOf(ROUTE_TYPE_NUMBERS, route.type, 'the route type'),
      destination: route.destination,
      table: route.table === undefined ? RT_TABLE_MAIN : named('table', route.table, context.names),
      protocol: reader.named('protocol', 'protocol') ?? ROUTE_PROTOCOL,
      tos: reader.named('tos', 'tos') ?? 0,
      isOnlink: reader.flag('onlink'),
      nextHops,
      metrics: metricsOf(reader),
      ...present('scope', reader.named('scope', 'scope')),
      ...present('metric', route.metric),
      ...present('source', route.source),
      ...present('gateway', isSingle ? route.via : undefined),
      ...present('ifindex', isSingle ? ifindex : undefined),
      ...present('realms', reader.realms()),
      ...present('preference', preferenceOf(reader)),
      ...present('expiresSeconds', reader.number('expires')),
      ...present('ttlPropagate', ttlPropagateOf(reader)),
    };
    const modes = (['append', 'prepend'] as const).filter((mode) => reader.flag(mode));
    reader.flag('add');
    reader.requireEmpty();
    return { ok: true, spec, mode: modes[0] ?? 'add' };
  });
}

export function ruleSpec(rule: RuleConfig, context: RoutingContext): RuleResult {
  return caught(() => {
    const { names } = context;
    const reader = new LineReader(rule.options, context);
    const action = rule.action === 'unicast' ? 'lookup' : rule.action;
    const mark = markOf(rule.fwmark);
    const suppress = reader.number('suppress_prefixlength');
    const spec: RuleSpec = {
      family: rule.family,
      isNegated: rule.isNegated,
      action: numberOf(RULE_ACTION_NUMBERS, action, 'the rule type'),
      protocol: reader.named('protocol', 'protocol') ?? ROUTE_PROTOCOL,
      tos: reader.named('tos', 'tos') ?? 0,
      ...present('from', rule.from),
      ...present('to', rule.to),
      ...present('table', rule.table === undefined ? undefined : named('table', rule.table, names)),
      ...present('priority', rule.priority),
      ...mark,
      ...present('inputDevice', rule.inputDevice),
      ...present('outputDevice', rule.outputDevice),
      ...present('gotoPriority', rule.gotoPriority),
      ...present('realms', reader.realms()),
      ...present('suppressPrefixLength', suppress === undefined ? undefined : suppress >>> 0),
      ...present('suppressGroup', reader.named('suppress_ifgroup', 'group')),
      ...present('users', reader.range('uidrange')),
      ...(reader.flag('l3mdev') ? { isL3mdev: true } : {}),
      ...present('tunnelId', reader.big('tunnel-id')),
      ...present('ipProtocol', ipProtocolOf(reader)),
      ...present('sourcePorts', reader.range('sport')),
      ...present('destinationPorts', reader.range('dport')),
    };
    reader.requireEmpty();
    return { ok: true, spec };
  });
}

function caught<Result>(read: () => Result): Result | { ok: false; detail: string } {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof LineFault)) throw error;
    return { ok: false, detail: error.message };
  }
}

/** A field where there is a value. */
function present<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { [Key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [Key in Name]?: Value };
}

/** Takes the options of a line one after the other; one that nobody takes is a fault. */
class LineReader {
  readonly #left: Map<string, readonly string[]>;
  readonly #context: RoutingContext;

  constructor(options: readonly LineOption[], context: RoutingContext) {
    this.#left = new Map(options.map(({ name, values }) => [name, values]));
    this.#context = context;
  }

  take(name: string): readonly string[] | undefined {
    const values = this.#left.get(name);
    this.#left.delete(name);
    return values;
  }

  flag(name: string): boolean {
    return this.take(name) !== undefined;
  }

  number(name: string): number | undefined {
    const word = this.take(name)?.[0];
    return word === undefined ? undefined : Number(word);
  }

  big(name: string): bigint | undefined {
    const word = this.take(name)?.[0];
    return word === undefined ? undefined : BigInt(word);
  }

  named(name: string, kind: NameKind): number | undefined {
    const word = this.take(name)?.[0];
    return word === undefined ? undefined : named(kind, word, this.#context.names);
  }

  /** `realms [FROM/]TO`. */
  realms(): number | undefined {
    const word = this.take('realms')?.[0];
    if (word === undefined) return undefined;
    const [to = '', from] = word.split('/').reverse();
    const number = (text: string): number => named('realm', text, this.#context.names);
    return from === undefined ? number(to) : number(from) * 0x10000 + number(to);
  }

  /** `N` or `FROM-TO`. */
  range(name: string): NumberRange | undefined {
    const word = this.take(name)?.[0];
    if (word === undefined) return undefined;
    const [from = '', to = from] = word.split('-');
    return { from: Number(from), to: Number(to) };
  }

  requireEmpty(): void {
    const [name] = this.#left.keys();
    if (name !== undefined) throw new LineFault(`lvsd cannot set '${name}'`);
  }
}

function named(kind: NameKind, word: string, names: RoutingNames): number {
  const number = names.number(kind, word);
  if (number !== undefined) return number;
  throw new LineFault(`no file of iproute2 knows the ${kind} '${word}': write its number`);
}

function numberOf(numbers: ReadonlyMap<string, number>, word: string, what: string): number {
  const number = numbers.get(word);
  if (number === undefined) throw new LineFault(`Linux has no more ${what} '${word}'`);
  return number;
}

function device(name: string, context: RoutingContext): number {
  const ifindex = context.ifindex(name);
  if (ifindex === undefined) throw new LineFault(`there is no interface ${name}`);
  return ifindex;
}

/** `nexthop …` once or more, or keepalived's `via A or B`. */
function nextHopsOf(
  route: RouteConfig,
  reader: LineReader,
  context: RoutingContext,
): readonly NextHop[] {
  const alternative = reader.take('or')?.[0];
  if (alternative !== undefined && route.via !== undefined) {
    const other: IpAddress = { family: route.via.family, text: alternative };
    const shared = route.device === undefined ? {} : { device: route.device };
    return [route.via, other].map((via) => nextHop({ via, ...shared, options: [] }, context));
  }
  return route.nextHops.map((hop) => nextHop(hop, context));
}

function nextHop(hop: NextHopConfig, context: RoutingContext): NextHop {
  const reader = new LineReader(hop.options, context);
  const isOnlink = reader.flag('onlink');
  const realms = reader.realms();
  for (const family of ['inet', 'inet6']) reader.flag(family);
  reader.requireEmpty();
  return {
    weight: hop.weight ?? 1,
    isOnlink,
    ...present('gateway', hop.via),
    ...present('ifindex', hop.device === undefined ? undefined : device(hop.device, context)),
    ...present('realms', realms),
  };
}

/** iproute2's units: rtt in eighths of a millisecond, rttvar in quarters; without a unit as it is. */
const TIME_FACTORS: ReadonlyMap<string, number> = new Map([
  ['rtt', 8],
  ['rttvar', 4],
  ['rto_min', 1],
]);
const FEATURES: ReadonlyMap<string, number> = new Map([['ecn', 1]]);

function metricsOf(reader: LineReader): readonly RouteMetric[] {
  return [...ROUTE_METRIC_NUMBERS].flatMap(([name, number]) => {
    const words = reader.take(name);
    const word = words?.at(-1);
    if (word === undefined) return [];
    return [{ number, value: metricValue(name, word), isLocked: words?.[0] === 'lock' }];
  });
}

function metricValue(name: string, word: string): number | string {
  if (name === 'congctl') return word;
  if (name === 'features') return numberOf(FEATURES, word, 'feature of a route');
  const factor = TIME_FACTORS.get(name);
  if (factor === undefined) return Number(word);
  const [, digits = '0', unit] = /^([\d.]+)(ms|s)?$/.exec(word) ?? [];
  if (unit === undefined) return Math.round(Number(digits));
  return Math.round(Number(digits) * (unit === 's' ? 1000 : 1) * factor);
}

/** ICMPV6_ROUTER_PREF_*. */
const PREFERENCES: ReadonlyMap<string, number> = new Map([
  ['medium', 0],
  ['high', 1],
  ['low', 3],
]);

function preferenceOf(reader: LineReader): number | undefined {
  const word = reader.take('pref')?.[0];
  return word === undefined ? undefined : PREFERENCES.get(word);
}

function ttlPropagateOf(reader: LineReader): boolean | undefined {
  const word = reader.take('ttl-propagate')?.[0];
  return word === undefined ? undefined : word === 'enabled';
}

/** `MARK[/MASK]`. */
function markOf(text: string | undefined): Pick<RuleSpec, 'mark' | 'markMask'> {
  if (text === undefined) return {};
  const [mark = '0', mask] = text.split('/');
  return {
    mark: Number(mark),
    ...present('markMask', mask === undefined ? undefined : Number(mask)),
  };
}

/** Those of /etc/protocols that a rule is written for. */
const IP_PROTOCOLS: ReadonlyMap<string, number> = new Map([
  ['icmp', 1],
  ['tcp', 6],
  ['udp', 17],
  ['dccp', 33],
  ['gre', 47],
  ['esp', 50],
  ['ah', 51],
  ['icmpv6', 58],
  ['ipv6-icmp', 58],
  ['sctp', 132],
  ['udplite', 136],
]);

function ipProtocolOf(reader: LineReader): number | undefined {
  const word = reader.take('ipproto')?.[0];
  if (word === undefined) return undefined;
  return /^\d+$/.test(word) ? Number(word) : numberOf(IP_PROTOCOLS, word, 'IP protocol');
}
