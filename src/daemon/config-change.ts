/**
 * A configuration as it is told to a process that has another one already: of tens of thousands of servers
 * only those of services that changed, so that a reload costs what it changes. The others are the very
 * objects that they were, by which whoever gets them knows that there is nothing to do. Pure.
 */
import type { IsSameService } from '../config/diff.ts';
import type { Config, VirtualServerConfig } from '../config/model.ts';
import { serviceName } from '../config/names.ts';

export interface ConfigChange {
  /** The new configuration without its services. */
  readonly rest: Config;
  /** Its services in order: one that did not change is where it stands in the configuration before. */
  readonly services: readonly (number | VirtualServerConfig)[];
}

/** Lines of the file are not told: a service that only moved did not change. */
export function changeOf(before: Config, after: Config, isSame: IsSameService): ConfigChange {
  const places = new Map<string, number>();
  for (const [index, service] of before.virtualServers.entries()) {
    places.set(serviceName(service), index);
  }
  const services = after.virtualServers.map((service) => {
    const place = places.get(serviceName(service)) ?? -1;
    const previous = before.virtualServers[place];
    return previous !== undefined && isSame(previous, service) ? place : service;
  });
  return { rest: { ...after, virtualServers: [] }, services };
}

/** The new configuration, at who has the one before. */
export function changedConfig(before: Config, { rest, services }: ConfigChange): Config {
  const virtualServers = services.map((each) => {
    if (typeof each !== 'number') return each;
    const kept = before.virtualServers[each];
    if (kept === undefined) throw new Error(`The configuration before has no service ${each}`);
    return kept;
  });
  return { ...rest, virtualServers };
}
