/** Lines of virtual_routes, static_routes, virtual_rules and static_rules to the model. */
import type { Family, IpPrefix } from '../base/address.ts';
import { checkName, type Surroundings } from './compile-trackers.ts';
import type { Report } from './diagnostics.ts';
import { type LineContext, type ReadOptions, readOptions } from './line-options.ts';
import type { NextHopConfig, RouteConfig, RuleConfig } from './model-vrrp.ts';
import type { Statement } from './parser.ts';
import type { Entry } from './read-block.ts';
import { everythingOf, readPrefix } from './read-prefix.ts';
import {
  NEXT_HOP_ALIASES,
  NEXT_HOP_OPTIONS,
  NEXT_HOP_OPTIONS_NOT_DONE,
  ROUTE_ALIASES,
  ROUTE_OPTIONS,
  ROUTE_OPTIONS_NOT_DONE,
  ROUTE_TYPES,
  RULE_ALIASES,
  RULE_OPTIONS,
  RULE_TYPES,
  WAYLESS_TYPES,
} from './route-options.ts';
import { placeOf, spanOf, type Token } from './source.ts';

export function compileRoutes(
  lists: readonly Entry[],
  around: Surroundings,
): readonly RouteConfig[] {
  return compileList(lists, around, compileRoute);
}

export function compileRules(lists: readonly Entry[], around: Surroundings): readonly RuleConfig[] {
  return compileList(lists, around, compileRule);
}

type CompileLine<T> = (statement: Statement, list: string, around: Surroundings) => T | undefined;

function compileList<T>(
  lists: readonly Entry[],
  around: Surroundings,
  compileLine: CompileLine<T>,
): readonly T[] {
  const lines = new Map<string, number>();
  const { report } = around.files;
  return lists.flatMap((list) => {
    const statements = list.statement.block?.statements ?? [];
    return statements.flatMap((statement) => {
      const place = placeOf(statement.words);
      const text = statement.words.map((word) => word.text).join(' ');
      const line = lines.get(text);
      if (line !== undefined) report('duplicateLine', place, { line });
      lines.set(text, place.line);
      const compiled = compileLine(statement, list.keyword.text, around);
      return compiled === undefined ? [] : [compiled];
    });
  });
}

function compileRoute(
  statement: Statement,
  list: string,
  around: Surroundings,
): RouteConfig | undefined {
  const { files } = around;
  const { report } = files;
  const hopsAt = statement.words.findIndex(({ text }) => text === 'nexthop');
  const words = hopsAt < 0 ? statement.words : statement.words.slice(0, hopsAt);
  const context: LineContext = {
    list,
    table: ROUTE_OPTIONS,
    aliases: ROUTE_ALIASES,
    report,
    files,
  };
  const { type, destination, options } = readRouteHead(words, context);
  const nextHops = compileNextHops(hopsAt < 0 ? [] : statement.words.slice(hopsAt), context);
  if (destination === undefined) return undefined;
  const via = options.address('via');
  const source = options.address('src');
  const family = familyOf(options, destination, via?.family ?? source?.family);
  const fits = checkFamily(options, ['via', 'src'], { family, list, around });
  for (const option of family === 'inet' ? ONLY_IPV6 : []) {
    const word = options.wordOf(option);
    if (word !== undefined) report('optionOfIpv6', word, { option });
  }
  refuse(options, ROUTE_OPTIONS_NOT_DONE, report);
  if (type === 'nat') report('notSupportedYet', placeOf(words), { what: 'a route of type nat' });
  checkWay(statement, { type, options, hasHops: nextHops.length > 0 }, around);
  if (!fits) return undefined;
  const device = options.text('dev');
  const metric = options.number('metric');
  const table = options.text('table');
  return {
    span: spanOf(placeOf(statement.words)),
    family,
    type,
    destination: destination.prefixLength === 0 ? everythingOf(family) : destination,
    ...(source === undefined ? {} : { source }),
    ...(via === undefined ? {} : { via }),
    ...(device === undefined ? {} : { device }),
    ...(table === undefined ? {} : { table }),
    ...(metric === undefined ? {} : { metric }),
    nextHops,
    ...compileTracking(options, around),
    options: options.others(ROUTE_FIELDS),
  };
}

const ONLY_IPV6 = ['expires', 'pref'];
const TRACKING_FIELDS = ['no_track', 'track_group', 'inet', 'inet6'];
const ROUTE_FIELDS = new Set(['to', 'src', 'via', 'dev', 'table', 'metric', ...TRACKING_FIELDS]);

interface RouteHead {
  readonly type: string;
  readonly destination: IpPrefix | undefined;
  readonly options: ReadOptions;
}

/** `[TYPE] [src IP] [to] NET …`: the destination may stand without its `to`. */
function readRouteHead(words: readonly Token[], context: LineContext): RouteHead {
  let index = 0;
  const first = words[0]?.text ?? '';
  const type = ROUTE_TYPES.has(first) ? first : 'unicast';
  if (ROUTE_TYPES.has(first)) index = 1;
  const leading = words[index]?.text === 'src' ? words.slice(index, index + 2) : [];
  index += leading.length;
  if (words[index]?.text === 'to') index += 1;
  const net = words[index];
  const options = readOptions([...leading, ...words.slice(index + 1)], context);
  if (net === undefined) {
    const last = words.at(-1);
    const expected = 'ADDRESS[/LENGTH]';
    if (last !== undefined) context.report('missingValue', last, { keyword: last.text, expected });
    return { type, destination: undefined, options };
  }
  const destination =
    net.kind === 'opaque' ? undefined : readPrefix(net, context.list, context.report);
  return { type, destination, options };
}

/** `nexthop via IP dev IF weight N …`, once or more; keepalived wants no braces. */
function compileNextHops(
  words: readonly Token[],
  { list, report }: LineContext,
): readonly NextHopConfig[] {
  const hops: Token[][] = [];
  for (const word of words) {
    if (word.text === 'nexthop') hops.push([]);
    else hops.at(-1)?.push(word);
  }
  return hops.map((hop) => {
    const options = readOptions(hop, {
      list,
      table: NEXT_HOP_OPTIONS,
      aliases: NEXT_HOP_ALIASES,
      report,
    });
    refuse(options, NEXT_HOP_OPTIONS_NOT_DONE, report);
    const via = options.address('via');
    const device = options.text('dev');
    const weight = options.number('weight');
    return {
      ...(via === undefined ? {} : { via }),
      ...(device === undefined ? {} : { device }),
      ...(weight === undefined ? {} : { weight }),
      options: options.others(new Set(['via', 'dev', 'weight'])),
    };
  });
}

/** Options that cannot be said to the kernel yet are refused here, by line, and never left out. */
function refuse(options: ReadOptions, names: ReadonlySet<string>, report: Report): void {
  const name = [...names].find((candidate) => options.has(candidate));
  const word = name === undefined ? undefined : options.wordOf(name);
  if (word !== undefined) report('notSupportedYet', word, { what: `'${name}' of a route` });
}

function checkWay(
  statement: Statement,
  route: { readonly type: string; readonly options: ReadOptions; readonly hasHops: boolean },
  { files }: Surroundings,
): void {
  const { type, options, hasHops } = route;
  const way = options.wordOf('via') ?? options.wordOf('dev');
  if (WAYLESS_TYPES.has(type)) {
    const option = way?.text ?? 'nexthop';
    const place = way ?? placeOf(statement.words);
    if (way !== undefined || hasHops) files.report('routeWithWay', place, { type, option });
    return;
  }
  if (way === undefined && !hasHops) files.report('routeWithoutWay', placeOf(statement.words), {});
}

function familyOf(options: ReadOptions, net: IpPrefix, other: Family | undefined): Family {
  if (options.has('inet6')) return 'inet6';
  if (options.has('inet')) return 'inet';
  // `default` stands for both.
  return net.prefixLength === 0 ? (other ?? net.address.family) : net.address.family;
}

/** False where an address is of another family. */
function checkFamily(
  options: ReadOptions,
  names: readonly string[],
  line: { readonly family: Family; readonly list: string; readonly around: Surroundings },
): boolean {
  let fits = true;
  for (const name of names) {
    const address = options.address(name);
    const word = options.wordOf(name);
    // An IPv4 route may lead over an IPv6 gateway.
    if (name === 'via' && line.family === 'inet') continue;
    if (address === undefined || word === undefined || address.family === line.family) continue;
    fits = false;
    line.around.files.report('familyMismatch', word, {
      keyword: name,
      address: address.text,
      family: address.family === 'inet' ? 'IPv4' : 'IPv6',
      expected: line.family === 'inet' ? 'IPv4' : 'IPv6',
    });
  }
  return fits;
}

function compileTracking(
  options: ReadOptions,
  around: Surroundings,
): Pick<RouteConfig, 'isTracked' | 'trackGroup'> {
  const trackGroup = options.text('track_group');
  const word = options.wordOf('track_group');
  if (word !== undefined && trackGroup !== undefined) {
    checkName('track_group', { ...word, text: trackGroup }, around);
  }
  return {
    isTracked: !options.has('no_track'),
    ...(trackGroup === undefined ? {} : { trackGroup }),
  };
}

function compileRule(
  statement: Statement,
  list: string,
  around: Surroundings,
): RuleConfig | undefined {
  const { files } = around;
  const { report } = files;
  const [first] = statement.words;
  const isNegated = first?.text === 'not';
  const words = isNegated ? statement.words.slice(1) : statement.words;
  const options = readOptions(words, {
    list,
    table: RULE_OPTIONS,
    aliases: RULE_ALIASES,
    report,
    files,
  });
  const from = options.prefix('from');
  const to = options.prefix('to');
  const matched = [from, to].find((prefix) => (prefix?.prefixLength ?? 0) > 0);
  const family = options.has('inet6') ? 'inet6' : (matched?.address.family ?? 'inet');
  const type = options.text('type') ?? [...RULE_TYPES].find((name) => options.has(name));
  const action = options.has('table') ? 'lookup' : options.has('goto') ? 'goto' : type;
  const place = placeOf(statement.words);
  if (action === undefined && !words.some(({ kind }) => kind === 'opaque')) {
    report('ruleWithoutAction', place, {});
  }
  if (action !== undefined && !options.has('priority')) report('ruleWithoutPriority', place, {});
  const isMixed = from !== undefined && to !== undefined && isOtherFamily(from, to);
  if (isMixed) {
    report('familyMismatch', options.wordOf('to') ?? place, {
      keyword: 'to',
      address: to.address.text,
      family: to.address.family === 'inet' ? 'IPv4' : 'IPv6',
      expected: `the family of ${from.address.text}`,
    });
  }
  // keepalived leaves a rule with two tables out.
  if (action === undefined || isMixed || options.isRepeated('table')) return undefined;
  return {
    span: spanOf(place),
    family,
    isNegated,
    action,
    ...(from === undefined ? {} : { from: inFamily(from, family) }),
    ...(to === undefined ? {} : { to: inFamily(to, family) }),
    ...ruleFields(options),
    ...compileTracking(options, around),
    options: options.others(RULE_FIELDS),
  };
}

const RULE_FIELDS = new Set([
  'from',
  'to',
  'table',
  'priority',
  'fwmark',
  'iif',
  'oif',
  'goto',
  'type',
  ...TRACKING_FIELDS,
  ...RULE_TYPES,
]);

function ruleFields(options: ReadOptions): Partial<RuleConfig> {
  const table = options.text('table');
  const priority = options.number('priority');
  const fwmark = options.text('fwmark');
  const inputDevice = options.text('iif');
  const outputDevice = options.text('oif');
  const gotoPriority = options.number('goto');
  return {
    ...(table === undefined ? {} : { table }),
    ...(priority === undefined ? {} : { priority }),
    ...(fwmark === undefined ? {} : { fwmark }),
    ...(inputDevice === undefined ? {} : { inputDevice }),
    ...(outputDevice === undefined ? {} : { outputDevice }),
    ...(gotoPriority === undefined ? {} : { gotoPriority }),
  };
}

function isOtherFamily(a: IpPrefix, b: IpPrefix): boolean {
  if (a.prefixLength === 0 || b.prefixLength === 0) return false;
  return a.address.family !== b.address.family;
}

function inFamily(prefix: IpPrefix, family: Family): IpPrefix {
  return prefix.prefixLength === 0 ? everythingOf(family) : prefix;
}
