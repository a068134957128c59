/**
 * Which running instance a block of a new configuration means. keepalived goes by what is on the wire, not
 * by the name: router id, family, interface, and whether and from where adverts are unicast. So an instance
 * that is renamed keeps its mastership.
 */
import type { Config, VrrpInstanceConfig } from '../config/model.ts';
import type { MemberConfig } from '../vrrp/machine.ts';
import { advertGroup, isUnicast } from '../vrrp/own-advert.ts';

/** The same for two blocks that are the same virtual router, with the same sockets and interfaces. */
export function instanceIdentity(config: VrrpInstanceConfig): string {
  return JSON.stringify([
    config.virtualRouterId,
    config.family,
    config.interface,
    config.version,
    config.transport,
    config.sourceAddress?.text,
    isUnicast(config) ? 'unicast' : advertGroup(config).text,
    config.unicastTtl,
    config.receiveBufferBytes,
    config.ownInterface,
    config.vmacTransmitsOnBase,
    config.addressInterfaces,
    config.vrf,
  ]);
}

/** Every instance, with the sync group it is in. */
export function membersOf(config: Config): readonly MemberConfig[] {
  const groups = new Map(
    (config.vrrpSyncGroups ?? []).flatMap(({ name, members }) =>
      members.map((member) => [member, name] as const),
    ),
  );
  return config.vrrpInstances.map((instance) => {
    const syncGroup = groups.get(instance.name);
    return syncGroup === undefined ? instance : { ...instance, syncGroup };
  });
}
