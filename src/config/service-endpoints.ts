/** From a virtual_server to the IPVS services that it is: one, or one for each member of its group. */
import { addressBytes, addressFromBytes, type Family, type IpAddress } from '../base/address.ts';
import type { VirtualServerConfig } from './model.ts';
import type { GroupMember, VirtualServerGroupConfig } from './model-lvs.ts';
import type { ServiceEndpoint } from './names.ts';

export type ServerGroups = ReadonlyMap<string, VirtualServerGroupConfig>;

/** What `endpointsOf` needs of a virtual_server. */
export type Placed = Pick<VirtualServerConfig, 'protocol'> &
  (
    | Pick<Extract<VirtualServerConfig, { kind: 'address' }>, 'kind' | 'address' | 'port'>
    | Pick<Extract<VirtualServerConfig, { kind: 'fwmark' }>, 'kind' | 'fwmark' | 'family'>
    | Pick<Extract<VirtualServerConfig, { kind: 'group' }>, 'kind' | 'group' | 'family'>
  );

/** In the order of the group; none for a group that is not there. */
export function endpointsOf(service: Placed, groups: ServerGroups): readonly ServiceEndpoint[] {
  const { protocol } = service;
  if (service.kind === 'address') {
    const { address, port } = service;
    return [{ kind: 'address', protocol, address, port }];
  }
  const { family } = service;
  if (service.kind === 'fwmark') return [{ kind: 'fwmark', fwmark: service.fwmark, family }];
  const members = groups.get(service.group)?.members ?? [];
  return members.flatMap((member): readonly ServiceEndpoint[] => {
    if (member.kind === 'fwmark') return [{ kind: 'fwmark', fwmark: member.fwmark, family }];
    const { port } = member;
    return addressesOf(member).map((address) => ({ kind: 'address', protocol, address, port }));
  });
}

/** The family of the packets of a service. */
export function familyOfEndpoint(endpoint: ServiceEndpoint): Family {
  return endpoint.kind === 'address' ? endpoint.address.family : endpoint.family;
}

/** Groups by name, as `endpointsOf` wants them. */
export function groupsByName(groups: readonly VirtualServerGroupConfig[] = []): ServerGroups {
  return new Map(groups.map((group) => [group.name, group]));
}

function addressesOf(member: Exclude<GroupMember, { kind: 'fwmark' }>): readonly IpAddress[] {
  if (member.kind === 'address') return [member.address];
  const { first, count } = member;
  return Array.from({ length: count }, (_, index) => nthAddress(first, index));
}

function nthAddress(first: IpAddress, index: number): IpAddress {
  const bytes = addressBytes(first);
  const low = (bytes.at(-2) ?? 0) * 256 + (bytes.at(-1) ?? 0) + index;
  bytes[bytes.length - 2] = low >> 8;
  bytes[bytes.length - 1] = low & 0xff;
  return addressFromBytes(bytes);
}
