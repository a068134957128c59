/**
 * The configuration as the rest of lvsd sees it: readonly, defaults filled, times in milliseconds,
 * addresses parsed, every named thing with the span it was written at. Plain data: the supervisor
 * hands it to both children as one message.
 */
import type { Family, IpAddress, IpPrefix } from '../base/address.ts';
import type { GlobalOptions } from './model-global.ts';
import type {
  BfdCheckConfig,
  CheckerOptions,
  FileCheckConfig,
  HttpOptions,
  MiscCheckConfig,
  RunningProbe,
  ServerOptions,
  ServiceOptions,
  TlsClientConfig,
  UrlOptions,
  VirtualServerGroupConfig,
} from './model-lvs.ts';
import type { Span } from './model-span.ts';
import type { VrrpBlocks, VrrpInstanceOptions } from './model-vrrp.ts';

/** Under the name that most of the code knows. */
export type SourceSpan = Span;

export interface Config extends VrrpBlocks {
  readonly globalDefs: GlobalDefs;
  readonly staticAddresses?: readonly VirtualAddressConfig[];
  readonly vrrpInstances: readonly VrrpInstanceConfig[];
  readonly virtualServers: readonly VirtualServerConfig[];
  readonly virtualServerGroups?: readonly VirtualServerGroupConfig[];
  readonly tlsClient?: TlsClientConfig;
}

export interface GlobalDefs extends GlobalOptions {
  /** `router_id`; the host name when absent. */
  readonly routerId?: string;
  readonly controlSocket: ControlSocketConfig;
}

export interface ControlSocketConfig {
  readonly path: string;
  /** Permission bits, 0o660 by default. */
  readonly mode: number;
  /** Group name that owns the socket; the daemon's own group when absent. */
  readonly group?: string;
}

export type VrrpVersion = 2 | 3;

export interface VrrpInstanceConfig extends VrrpInstanceOptions {
  readonly name: string;
  readonly span: SourceSpan;
  /** `virtual_router_id`, 1..255. */
  readonly virtualRouterId: number;
  readonly interface: string;
  /** keepalived's `state`: a hint for the start only. */
  readonly initialState: 'MASTER' | 'BACKUP';
  /** 1..255; 255 is the address owner. */
  readonly priority: number;
  /** `advert_int`. v2: whole seconds; v3: 10..40950 ms in steps of 10. */
  readonly advertIntervalMs: number;
  readonly version: VrrpVersion;
  /** Family of the adverts: that of the first virtual address. */
  readonly family: 'inet' | 'inet6';
  readonly preempt: boolean;
  readonly preemptDelayMs: number;
  readonly virtualAddresses: readonly VirtualAddressConfig[];
  /** `virtual_ipaddress_excluded`: held like the others, not named in adverts. */
  readonly excludedAddresses?: readonly VirtualAddressConfig[];
  readonly garp: GarpConfig;
}

export interface VirtualAddressConfig {
  readonly span: SourceSpan;
  readonly address: IpAddress;
  /** 32 or 128 when the file gives none. */
  readonly prefixLength: number;
  /** `dev`; the instance's interface when the file gives none. */
  readonly device: string;
  /** `label`, as `ip addr` shows it. */
  readonly label?: string;
  /** `brd`: an address, or `+` for the subnet's broadcast address. */
  readonly broadcast?: IpAddress | '+';
  /** rtnetlink scope number: 0 global, 253 link, 254 host. */
  readonly scope: number;
  readonly peer?: IpPrefix;
  /** `preferred_lft`; 2^32-1: forever. Absent: forever, but for an IPv6 address of /128: 0. */
  readonly preferredLifetimeSeconds?: number;
  readonly trackGroup?: string;
  /** Options without a value: `home`, `-nodad`, `no_track`, … */
  readonly flags?: readonly string[];
}

/**
 * When and how often a new master announces its addresses (keepalived's `vrrp_garp_*`, `garp_*`).
 */
export interface GarpConfig {
  /** Second burst this long after the first; 5000. 0: no second burst. */
  readonly masterDelayMs: number;
  /** Packets per burst; 5. */
  readonly masterRepeat: number;
  /** Periodic announcement while MASTER; 0 is off. */
  readonly masterRefreshMs: number;
  readonly masterRefreshRepeat: number;
  /** After a lower-priority advert: delay and packets. */
  readonly lowerPrioDelayMs: number;
  readonly lowerPrioRepeat: number;
}

/** linux/ip_vs.h IP_VS_CONN_F_*: NAT, TUN and DR in keepalived's words. */
export type ForwardingMethod = 'masq' | 'tunnel' | 'droute';

export type TransportProtocol = 'tcp' | 'udp' | 'sctp';

/** What a service is told apart by. */
export type ServiceIdentity =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  | { readonly kind: 'fwmark'; readonly fwmark: number; readonly family: Family }
  /** One IPVS service for each member of the group; `family` is that of its marks. */
  | { readonly kind: 'group'; readonly group: string; readonly family: Family };

export type VirtualServerConfig = ServiceIdentity & VirtualServerSettings;

export interface VirtualServerSettings extends ServiceOptions {
  readonly span: SourceSpan;
  /** Of a mark: any, `tcp` stands for it. */
  readonly protocol: TransportProtocol;
  /** IPVS scheduler name as the kernel knows it: `rr`, `wlc`, … */
  readonly scheduler: string;
  readonly realServers: readonly RealServerConfig[];
  readonly backupPool?: readonly RealServerConfig[];
}

export interface RealServerConfig extends ServerOptions {
  readonly span: SourceSpan;
  readonly address: IpAddress;
  readonly port: number;
  /** 0..2^31-1; 0 takes no new connections. */
  readonly weight: number;
  readonly forwardingMethod: ForwardingMethod;
  /** All must pass; none means always up. */
  readonly checkers: readonly CheckerConfig[];
}

/**
 * What every checker has; keepalived's inheritance (virtual server, real server, checker) is
 * resolved.
 */
export interface CheckerBase extends CheckerOptions {
  readonly span: SourceSpan;
  /** Where the probe connects: `connect_ip`, `connect_port`, or the real server's own. */
  readonly connectAddress: IpAddress;
  readonly connectPort: number;
  /** Deadline of one whole probe, ms. keepalived's `connect_timeout`, 5000. */
  readonly connectTimeoutMs: number;
  /** Interval between checks, ms. */
  readonly delayLoopMs: number;
  /** Further attempts after a failure before the server is down. */
  readonly retry: number;
  readonly delayBeforeRetryMs: number;
  /** The first check starts at a random moment within this. */
  readonly warmupMs: number;
  /** true: down until the first success. false: up until the first failure. */
  readonly alpha: boolean;
}

export interface TcpCheckConfig extends CheckerBase {
  readonly kind: 'TCP_CHECK';
}

export interface HttpGetConfig extends CheckerBase, HttpOptions {
  readonly kind: 'HTTP_GET';
  /** At least one; all are asked at every check. */
  readonly urls: readonly HttpUrlConfig[];
}

export interface HttpUrlConfig extends UrlOptions {
  readonly path: string;
  /** Accepted codes, as inclusive ranges; 200..299 by default. */
  readonly statusCodes: readonly StatusCodeRange[];
  /** Host header; `connectAddress[:port]` when absent. */
  readonly virtualhost?: string;
}

export interface StatusCodeRange {
  readonly from: number;
  readonly to: number;
}

/** Checkers with a probe of few settings, which the daemon runs. */
export type ProbeCheckerConfig = CheckerBase & RunningProbe;
export type UdpCheckConfig = Extract<ProbeCheckerConfig, { kind: 'UDP_CHECK' }>;
export type DnsCheckConfig = Extract<ProbeCheckerConfig, { kind: 'DNS_CHECK' }>;
export type PingCheckConfig = Extract<ProbeCheckerConfig, { kind: 'PING_CHECK' }>;
export type SmtpCheckConfig = Extract<ProbeCheckerConfig, { kind: 'SMTP_CHECK' }>;
export type RedisCheckConfig = Extract<ProbeCheckerConfig, { kind: 'REDIS_CHECK' }>;
export type AgentCheckConfig = Extract<ProbeCheckerConfig, { kind: 'AGENT_CHECK' }>;
export type DsrCheckConfig = Extract<ProbeCheckerConfig, { kind: 'DSR_CHECK' }>;

/** Checkers that connect. */
export type ConnectingCheckerConfig =
  | TcpCheckConfig
  | HttpGetConfig
  | SslGetConfig
  | ProbeCheckerConfig;

export type CheckerConfig =
  | ConnectingCheckerConfig
  | MiscCheckConfig
  | FileCheckConfig
  | BfdCheckConfig;

export interface SslGetConfig extends CheckerBase, HttpOptions {
  readonly kind: 'SSL_GET';
  readonly urls: readonly HttpUrlConfig[];
  /** The block SSL. */
  readonly client?: TlsClientConfig;
}
