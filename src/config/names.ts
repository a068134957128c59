/**
 * How services and servers are named: Map keys inside, and what users write and read
 * (`192.168.10.188:80`, `192.168.10.188:80/192.168.10.101:80`), with the protocol in front.
 */
import { type Family, formatEndpoint, type IpAddress } from '../base/address.ts';
import type { TransportProtocol } from './model.ts';

/** What IPVS itself tells services apart by. */
export type ServiceEndpoint =
  | {
      readonly kind: 'address';
      readonly protocol: TransportProtocol;
      readonly address: IpAddress;
      readonly port: number;
    }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family };

/** An IPVS service, or a group of them as a virtual_server means it. */
export type NamedService =
  | ServiceEndpoint
  | { readonly kind: 'group'; readonly group: string; readonly protocol: TransportProtocol };

/** `tcp 192.168.10.188:80`, `fwmark 7`, `fwmark 7 inet6`, `tcp group web`. */
export function serviceName(service: NamedService): string {
  switch (service.kind) {
    case 'address':
      return `${service.protocol} ${formatEndpoint(service.address, service.port)}`;
    case 'fwmark':
      return `fwmark ${service.fwmark}${service.family === 'inet' ? '' : ' inet6'}`;
    case 'group':
      return `${service.protocol} group ${service.group}`;
    default:
      return service satisfies never;
  }
}

/** `tcp 192.168.10.188:80/192.168.10.101:80`: one per real server of a service. */
export function serverName(
  service: NamedService,
  server: { readonly address: IpAddress; readonly port: number },
): string {
  return `${serviceName(service)}/${formatEndpoint(server.address, server.port)}`;
}

/** As `track_virtual_server` writes it: without the protocol. */
export function trackedName(service: NamedService): string {
  if (service.kind === 'address') return formatEndpoint(service.address, service.port);
  return service.kind === 'group' ? service.group : `fwmark ${service.fwmark}`;
}
