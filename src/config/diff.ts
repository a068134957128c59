/**
 * What a new configuration changes: for `lvsd plan` and for the log of a reload. Things are the same
 * when their name is: an instance's name, a service's endpoint, a server's endpoint in it. Where a
 * thing stands in the file says nothing about it.
 */
import { HIDDEN, isSecret, redacted } from './dump.ts';
import type { Config, VirtualServerConfig } from './model.ts';
import { serverName, serviceName } from './names.ts';

export interface Change {
  readonly kind: 'added' | 'removed' | 'changed';
  /** As in a file: `vrrp_instance`, `virtual_server`, `real_server`, `global_defs`, … */
  readonly what: string;
  /** Absent where there is only one: `global_defs`. */
  readonly name?: string;
  /** Of `changed`: what is different, by the names of `lvsd check --dump`. */
  readonly fields: readonly FieldChange[];
}

export interface FieldChange {
  /** `priority`, `garp.masterDelayMs`, `checkers[0].retry`. */
  readonly field: string;
  /** Absent when it was, or is, not there. Secrets are `***`. */
  readonly before?: unknown;
  readonly after?: unknown;
}

interface Thing {
  readonly what: string;
  readonly name?: string;
  readonly value: Fields;
}

type Fields = Readonly<Record<string, unknown>>;

/** Whether two services are known to be the same, but for where they stand; false says nothing. */
export type IsSameService = (a: VirtualServerConfig, b: VirtualServerConfig) => boolean;

/**
 * In this order: removed things, then the others as in the new file; empty when nothing changes. Services
 * that `isSame` are not looked into, which is all that it is for.
 */
export function diffConfig(
  before: Config,
  after: Config,
  isSame: IsSameService = Object.is,
): readonly Change[] {
  const kept = keptNames(before.virtualServers, after.virtualServers, isSame);
  const old = new Map(thingsOf(before, kept).map((thing) => [keyOf(thing), thing]));
  const changes: Change[] = [];
  for (const thing of thingsOf(after, kept)) {
    const previous = old.get(keyOf(thing));
    old.delete(keyOf(thing));
    if (previous === undefined) changes.push(changeOf('added', thing));
    else {
      const fields = diffValue('', previous.value, thing.value);
      if (fields.length > 0) changes.push(changeOf('changed', thing, fields));
    }
  }
  return [...[...old.values()].map((thing) => changeOf('removed', thing)), ...changes];
}

function changeOf(kind: Change['kind'], thing: Thing, fields: readonly FieldChange[] = []): Change {
  const { what, name } = thing;
  return { kind, what, ...(name === undefined ? {} : { name }), fields };
}

function keyOf({ what, name }: Thing): string {
  return `${what} ${name}`;
}

/** Names that stand for one service before and after, the same one. */
function keptNames(
  before: readonly VirtualServerConfig[],
  after: readonly VirtualServerConfig[],
  isSame: IsSameService,
): ReadonlySet<string> {
  const old = servicesByName(before);
  const kept = new Set<string>();
  for (const [name, service] of servicesByName(after)) {
    const previous = old.get(name);
    if (service === undefined || previous === undefined) continue;
    if (isSame(previous, service)) kept.add(name);
  }
  return kept;
}

/** Undefined for a name that several have. */
function servicesByName(
  services: readonly VirtualServerConfig[],
): ReadonlyMap<string, VirtualServerConfig | undefined> {
  const byName = new Map<string, VirtualServerConfig | undefined>();
  for (const service of services) {
    const name = serviceName(service);
    byName.set(name, byName.has(name) ? undefined : service);
  }
  return byName;
}

/** Every named thing of the model by itself. Sections that are lists have one thing a member. */
function thingsOf(config: Config, without: ReadonlySet<string>): readonly Thing[] {
  return Object.entries(config).flatMap(([section, value]: [string, unknown]) => {
    if (section === 'virtualServers') {
      return config.virtualServers
        .filter((service) => !without.has(serviceName(service)))
        .flatMap(thingsOfService);
    }
    const what = keywordOf(section);
    if (!Array.isArray(value)) return isFields(value) ? [{ what, value }] : [];
    return value.filter(isFields).map((item, index) => {
      const name = typeof item.name === 'string' ? item.name : describeName(item, index);
      return { what, name, value: item };
    });
  });
}

function thingsOfService(service: VirtualServerConfig): readonly Thing[] {
  const { realServers, ...own } = service;
  const servers = realServers.map((server) => ({
    what: 'real_server',
    name: serverName(service, server),
    value: { ...server },
  }));
  return [{ what: 'virtual_server', name: serviceName(service), value: own }, ...servers];
}

/** `vrrpInstances` -> `vrrp_instance`, `globalDefs` -> `global_defs`. */
function keywordOf(section: string): string {
  const words = section.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  if (section === 'globalDefs') return words;
  return words.replace(/sses$/, 'ss').replace(/([^s])s$/, '$1');
}

/** For things without a name: the first of their values that tells them apart. */
function describeName(item: Fields, index: number): string {
  const value = item.address ?? item.destination ?? item.interface;
  return value === undefined ? `${index + 1}` : describeValue(value);
}

/** The innermost differences; lists of one length are compared member by member. */
function diffValue(path: string, before: unknown, after: unknown): readonly FieldChange[] {
  if (isEqual(before, after)) return [];
  const field = path.slice(path.startsWith('.') ? 1 : 0);
  if (isSecret(field, before) || isSecret(field, after)) {
    return [fieldChange(field, before && HIDDEN, after && HIDDEN)];
  }
  if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
    return before.flatMap((member, index) => diffValue(`${path}[${index}]`, member, after[index]));
  }
  if (isFields(before) && isFields(after) && !isAddress(before) && before.kind === after.kind) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    keys.delete('span');
    return [...keys].flatMap((key) => diffValue(`${path}.${key}`, before[key], after[key]));
  }
  return [fieldChange(field, shown(before), shown(after))];
}

function fieldChange(field: string, before: unknown, after: unknown): FieldChange {
  return {
    field,
    ...(before === undefined ? {} : { before }),
    ...(after === undefined ? {} : { after }),
  };
}

function isEqual(before: unknown, after: unknown): boolean {
  const meaning = (value: unknown): string | undefined =>
    JSON.stringify(value, (key, member: unknown) => (key === 'span' ? undefined : member));
  return meaning(before) === meaning(after);
}

/** As it is shown: without spans and secrets. */
function shown(value: unknown): unknown {
  const text = JSON.stringify(value, (key, member: unknown) => {
    if (key === 'span') return undefined;
    return redacted(key, member);
  });
  return text === undefined ? undefined : JSON.parse(text);
}

/** One line: `vrrp_instance VI_1 changed: priority 100 -> 150, advert_interval 1 s -> 2 s`. */
export function describeChange({ kind, what, name, fields }: Change): string {
  const thing = name === undefined ? what : `${what} ${name}`;
  if (fields.length === 0) return `${thing} ${kind}`;
  return `${thing} ${kind}: ${fields.map(describeField).join(', ')}`;
}

const MAX_VALUE_LENGTH = 60;

function describeField({ field, before, after }: FieldChange): string {
  const isTime = field.endsWith('Ms');
  const name = field.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  const say = (value: unknown): string => {
    if (value === undefined) return '(none)';
    if (isTime && typeof value === 'number') return `${value / 1000} s`;
    const text = describeValue(value);
    return text.length > MAX_VALUE_LENGTH ? `${text.slice(0, MAX_VALUE_LENGTH)}…` : text;
  };
  return `${name} ${say(before)} -> ${say(after)}`;
}

function describeValue(value: unknown): string {
  if (Array.isArray(value))
    return value.length === 0 ? '(none)' : value.map(describeValue).join(' ');
  if (!isFields(value)) return String(value);
  if (isAddress(value)) return String(value.text);
  const words = Object.entries(value).map(([key, member]) => `${key} ${describeValue(member)}`);
  return `{ ${words.join(' ')} }`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isAddress(value: Fields): boolean {
  return 'family' in value && typeof value.text === 'string';
}
