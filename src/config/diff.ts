/**
 * What a new configuration changes, in one sentence a thing: for the log of a reload. Things are the
 * same when their name is: an instance's name, a service's endpoint, a server's endpoint in it.
 */
import type { Config, RealServerConfig, VirtualServerConfig } from './model.ts';
import { serverName, serviceName } from './names.ts';

/** Sentences in order: instances, services, servers; empty when nothing that has an effect changed. */
export function diffConfig(before: Config, after: Config): readonly string[] {
  const instances = diffNamed(
    before.vrrpInstances,
    after.vrrpInstances,
    (instance) => `vrrp_instance ${instance.name}`,
  );
  const services = diffNamed(before.virtualServers, after.virtualServers, describeService, [
    'realServers',
  ]);
  const servers = diffNamed(
    before.virtualServers.flatMap(withService),
    after.virtualServers.flatMap(withService),
    ({ service, server }) => `real_server ${serverName(service, server)}`,
    ['service'],
  );
  return [...instances, ...services, ...servers];
}

function describeService(service: VirtualServerConfig): string {
  return `virtual_server ${serviceName(service)}`;
}

function withService(
  service: VirtualServerConfig,
): readonly { readonly service: VirtualServerConfig; readonly server: RealServerConfig }[] {
  return service.realServers.map((server) => ({ service, server }));
}

function diffNamed<T extends object>(
  before: readonly T[],
  after: readonly T[],
  nameOf: (item: T) => string,
  ignoredKeys: readonly string[] = [],
): readonly string[] {
  const old = new Map(before.map((item) => [nameOf(item), item]));
  const sentences: string[] = [];
  for (const item of after) {
    const name = nameOf(item);
    const previous = old.get(name);
    old.delete(name);
    if (previous === undefined) sentences.push(`${name} added`);
    else if (meaning(previous, ignoredKeys) !== meaning(item, ignoredKeys)) {
      sentences.push(`${name} changed`);
    }
  }
  return [...[...old.keys()].map((name) => `${name} removed`), ...sentences];
}

/** Everything but where it stands in the file: a moved line is no change. */
function meaning(item: object, ignoredKeys: readonly string[]): string {
  const ignored = new Set(['span', ...ignoredKeys]);
  return JSON.stringify(item, (key, value) => (ignored.has(key) ? undefined : value));
}
