import { type IpAddress, parseAddress } from '../../src/base/address.ts';
import type {
  CheckerBase,
  CheckerConfig,
  DnsCheckConfig,
  DsrCheckConfig,
  HttpGetConfig,
  HttpUrlConfig,
  PingCheckConfig,
  RealServerConfig,
  SourceSpan,
  TcpCheckConfig,
  UdpCheckConfig,
  VirtualServerConfig,
} from '../../src/config/model.ts';
import type { FileCheckConfig, MiscCheckConfig } from '../../src/config/model-lvs.ts';

const span: SourceSpan = { file: 'test.conf', line: 1, column: 1, endLine: 1, endColumn: 2 };

export function ip(text: string): IpAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}

const base: CheckerBase = {
  span,
  connectAddress: ip('127.0.0.1'),
  connectPort: 80,
  connectTimeoutMs: 5000,
  delayLoopMs: 10_000,
  retry: 1,
  delayBeforeRetryMs: 1000,
  warmupMs: 0,
  alpha: false,
};

export function tcpCheck(changes: Partial<TcpCheckConfig> = {}): TcpCheckConfig {
  return { ...base, kind: 'TCP_CHECK', ...changes };
}

export function udpCheck(changes: Partial<UdpCheckConfig> = {}): UdpCheckConfig {
  const replies = { requiresReply: false, minReplyLength: 0, maxReplyLength: 255 };
  return { ...base, kind: 'UDP_CHECK', ...replies, ...changes };
}

export function dnsCheck(changes: Partial<DnsCheckConfig> = {}): DnsCheckConfig {
  return { ...base, kind: 'DNS_CHECK', type: 'A', name: 'web.test', ...changes };
}

export function pingCheck(changes: Partial<PingCheckConfig> = {}): PingCheckConfig {
  return { ...base, kind: 'PING_CHECK', ...changes };
}

export function dsrCheck(changes: Partial<DsrCheckConfig> = {}): DsrCheckConfig {
  return { ...base, kind: 'DSR_CHECK', virtualAddress: ip('10.9.0.100'), ...changes };
}

const { connectAddress: _a, connectPort: _p, connectTimeoutMs: _t, ...timing } = base;

export function miscCheck(changes: Partial<MiscCheckConfig> = {}): MiscCheckConfig {
  const command = { path: '/bin/true', args: [] };
  return {
    ...timing,
    kind: 'MISC_CHECK',
    command,
    timeoutMs: 10_000,
    isDynamic: false,
    ...changes,
  };
}

export function fileCheck(changes: Partial<FileCheckConfig> = {}): FileCheckConfig {
  return { ...timing, kind: 'FILE_CHECK', trackFile: 'weight', isReversed: false, ...changes };
}

export function httpUrl(changes: Partial<HttpUrlConfig> = {}): HttpUrlConfig {
  return { path: '/', statusCodes: [{ from: 200, to: 299 }], ...changes };
}

export function httpGet(changes: Partial<HttpGetConfig> = {}): HttpGetConfig {
  return { ...base, kind: 'HTTP_GET', urls: [httpUrl()], ...changes };
}

export function realServer(address: string, checkers: readonly CheckerConfig[]): RealServerConfig {
  return { span, address: ip(address), port: 80, weight: 1, forwardingMethod: 'droute', checkers };
}

/** A service on 10.0.0.100:80; each server is named `tcp 10.0.0.100:80/ADDRESS:80`. */
export function service(realServers: readonly RealServerConfig[]): VirtualServerConfig {
  const address = ip('10.0.0.100');
  return {
    span,
    kind: 'address',
    address,
    port: 80,
    protocol: 'tcp',
    scheduler: 'rr',
    realServers,
  };
}

/** One service with one server per address, each with one TCP_CHECK to itself. */
export function checkedServers(
  addresses: readonly string[],
  changes: Partial<TcpCheckConfig> = {},
): readonly VirtualServerConfig[] {
  const servers = addresses.map((address) =>
    realServer(address, [tcpCheck({ connectAddress: ip(address), ...changes })]),
  );
  return [service(servers)];
}

export function nameOf(address: string): string {
  return `tcp 10.0.0.100:80/${address}:80`;
}
