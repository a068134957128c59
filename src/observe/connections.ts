/**
 * Lines of /proc/net/ip_vs_conn, one connection each (net/netfilter/ipvs/ip_vs_conn.c). Addresses of
 * IPv4 and all ports are hexadecimal:
 *
 *   Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
 *   TCP C0A80A67 D431 C0A80ABC 0050 C0A80A65 0050 ESTABLISHED     899
 */
import { formatEndpoint, type IpAddress, parseAddress } from '../base/address.ts';

export interface Connection {
  /** `TCP`; `IP` for a template of a mark. */
  readonly protocol: string;
  readonly client: string;
  readonly service: string;
  readonly server: string;
  readonly state: string;
  readonly expiresS: number;
}

/** Undefined for the header, and for what is not as described. */
export function parseConnection(line: string): Connection | undefined {
  const [protocol, fromIp, fromPort, toIp, toPort, destIp, destPort, state, expires] = line
    .trim()
    .split(/\s+/);
  const client = endpointOf(fromIp, fromPort);
  const service = endpointOf(toIp, toPort);
  const server = endpointOf(destIp, destPort);
  const expiresS = Number(expires);
  if (client === undefined || service === undefined || server === undefined) return undefined;
  if (protocol === undefined || state === undefined || !Number.isInteger(expiresS)) {
    return undefined;
  }
  return { protocol, client, service, server, state, expiresS };
}

/**
 * Whether a connection has to do with `name`: `tcp 10.0.0.1:80`, `10.0.0.1:80` or `10.0.0.1`, of its
 * client, its service or its server.
 */
export function concerns(connection: Connection, name: string): boolean {
  const words = name.trim().split(/\s+/);
  const endpoint = words.at(-1) ?? '';
  const [protocol] = words.length > 1 ? words : [];
  if (protocol !== undefined && protocol.toUpperCase() !== connection.protocol) return false;
  return [connection.client, connection.service, connection.server].some(
    (each) => each === endpoint || (hostOf(each) === hostOf(endpoint) && isHost(endpoint)),
  );
}

function isHost(text: string): boolean {
  return parseAddress(text.replace(/^\[(.*)\]$/, '$1')) !== undefined;
}

/** `10.0.0.1` of `10.0.0.1:80` and of itself; of IPv6 without brackets. */
function hostOf(text: string): string {
  if (isHost(text)) return parseAddress(text.replace(/^\[(.*)\]$/, '$1'))?.text ?? text;
  return text.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function endpointOf(ip: string | undefined, port: string | undefined): string | undefined {
  const address = addressOf(ip ?? '');
  if (address === undefined || !/^[0-9A-F]{4}$/i.test(port ?? '')) return undefined;
  return formatEndpoint(address, Number.parseInt(port ?? '', 16));
}

function addressOf(text: string): IpAddress | undefined {
  if (!/^[0-9A-F]{8}$/i.test(text)) return parseAddress(text.replace(/^\[(.*)\]$/, '$1'));
  const bytes = [0, 2, 4, 6].map((at) => Number.parseInt(text.slice(at, at + 2), 16));
  return parseAddress(bytes.join('.'));
}
