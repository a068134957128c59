/**
 * How services and servers are named: Map keys inside, and what users write and read
 * (`192.168.10.188:80`, `192.168.10.188:80/192.168.10.101:80`), with the protocol in front.
 */
import { formatEndpoint, type IpAddress } from '../base/address.ts';
import type { TransportProtocol } from './model.ts';

/** `tcp 192.168.10.188:80`: one per IPVS service. */
export function serviceName(service: {
  readonly protocol: TransportProtocol;
  readonly address: IpAddress;
  readonly port: number;
}): string {
  return `${service.protocol} ${formatEndpoint(service.address, service.port)}`;
}

/** `tcp 192.168.10.188:80/192.168.10.101:80`: one per real server of a service. */
export function serverName(
  service: Parameters<typeof serviceName>[0],
  server: { readonly address: IpAddress; readonly port: number },
): string {
  return `${serviceName(service)}/${formatEndpoint(server.address, server.port)}`;
}
