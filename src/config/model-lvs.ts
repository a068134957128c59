/** The LVS side of the model: what services, servers and checkers have beyond the basics. */
import type { IpAddress } from '../base/address.ts';
import type { Span } from './model-span.ts';
import type { ScriptCommand, Secret } from './model-vrrp.ts';

/** How `TUN` wraps packets; ipip without a checksum when absent. */
export interface TunnelConfig {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** Of gue. */
  readonly port?: number;
  readonly checksum: 'nocsum' | 'csum' | 'remcsum';
}

export interface PersistenceConfig {
  readonly timeoutMs: number;
  /** Clients of one network count as one; a host prefix when absent. */
  readonly prefixLength?: number;
  readonly engine?: string;
}

export interface SorryServerConfig {
  readonly address: IpAddress;
  /** The port of the service when absent. */
  readonly port?: number;
  readonly isInhibited: boolean;
  readonly forwardingMethod: 'masq' | 'tunnel' | 'droute';
  readonly tunnel?: TunnelConfig;
}

/** Absent is not configured. */
export interface ServiceOptions {
  readonly inhibitOnFailure?: boolean;
  readonly persistence?: PersistenceConfig;
  readonly sorryServer?: SorryServerConfig;
  readonly quorum?: number;
  readonly hysteresis?: number;
  readonly quorumUp?: ScriptCommand;
  readonly quorumDown?: ScriptCommand;
  readonly omega?: boolean;
  readonly haSuspend?: boolean;
  readonly onePacket?: boolean;
  readonly schedulerFlags?: readonly string[];
  readonly drainTimeoutMs?: number;
  readonly slowStartMs?: number;
  readonly panicThresholdPercent?: number;
}

export interface ServerOptions {
  readonly tunnel?: TunnelConfig;
  readonly inhibitOnFailure?: boolean;
  readonly notifyUp?: ScriptCommand;
  readonly notifyDown?: ScriptCommand;
  readonly upperThreshold?: number;
  readonly lowerThreshold?: number;
}

export interface CheckerOptions extends PacingOptions {
  readonly bindAddress?: IpAddress;
  readonly bindInterface?: string;
  readonly bindPort?: number;
  readonly fwmark?: number;
}

/** lvsd's own: when a checker changes its mind, and how often it looks. */
export interface PacingOptions {
  readonly rise?: number;
  readonly fall?: number;
  readonly fastIntervalMs?: number;
  readonly downIntervalMs?: number;
  readonly totalTimeoutMs?: number;
}

export interface HttpOptions {
  /** 1.0 when absent. 2: HTTP/2 where the server takes it, else 1.1. */
  readonly httpProtocol?: '1.0' | '1.0C' | '1.1' | '2';
  readonly enableSni?: boolean;
  readonly sniName?: string;
  readonly tlsCompliant?: boolean;
  readonly method?: string;
  /** Each `NAME: VALUE`. */
  readonly headers?: readonly string[];
  readonly body?: string;
  readonly followRedirects?: number;
  /** Each `NAME` or `NAME: VALUE`. */
  readonly expectHeaders?: readonly string[];
  readonly verify?: boolean;
  readonly ca?: string;
  readonly certExpiryWarnDays?: number;
}

export interface UrlOptions {
  /** 32 hex digits in lower case. */
  readonly digest?: string;
  readonly regex?: RegexConfig;
  readonly tlsCompliant?: boolean;
}

export interface RegexConfig {
  /** For PCRE2, as it is written. */
  readonly pattern: string;
  /** The same for JavaScript's RegExp; absent where it cannot be. */
  readonly matcher?: { readonly source: string; readonly flags: string };
  readonly stack?: { readonly startBytes: number; readonly maxBytes: number };
  readonly isNegated: boolean;
  /** PCRE2 names in lower case. */
  readonly options: readonly string[];
  readonly minOffset: number;
  readonly maxOffset?: number;
}

/** What one kind of checker that connects has to itself. */
export type RunningProbe =
  | SmtpProbe
  | UdpProbe
  | DnsProbe
  | { readonly kind: 'PING_CHECK' }
  | RedisProbe
  | AgentProbe
  | DsrProbe;

export interface SmtpProbe {
  readonly kind: 'SMTP_CHECK';
  readonly heloName: string;
}

export interface AgentProbe {
  readonly kind: 'AGENT_CHECK';
  /** Sent first, as a line. */
  readonly send?: string;
}

export interface DsrProbe {
  readonly kind: 'DSR_CHECK';
  /** That of the service; asked for at `connectPort`, at the MAC of `connectAddress`. */
  readonly virtualAddress: IpAddress;
}

export interface DnsProbe {
  readonly kind: 'DNS_CHECK';
  readonly type: DnsType;
  readonly name: string;
  /** Each must be among the answers, in the notation of dns-answer.ts; any answer will do when absent. */
  readonly answers?: readonly string[];
}

export type DnsType = (typeof DNS_TYPES)[number];

export const DNS_TYPES = [
  'A',
  'NS',
  'CNAME',
  'SOA',
  'MX',
  'TXT',
  'AAAA',
  'RRSIG',
  'DNSKEY',
] as const;

export interface UdpProbe {
  readonly kind: 'UDP_CHECK';
  /** Hex digits. */
  readonly payload?: string;
  readonly requiresReply: boolean;
  /** Hex digits; X stands for any. */
  readonly reply?: string;
  readonly minReplyLength: number;
  readonly maxReplyLength: number;
}

export interface RedisProbe {
  readonly kind: 'REDIS_CHECK';
  readonly role: RedisRole;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly tls: boolean;
}

export const REDIS_ROLES = ['any', 'master', 'replica'] as const;
export type RedisRole = (typeof REDIS_ROLES)[number];

/** Times of a checker without a connection. */
export interface CheckTiming extends PacingOptions {
  readonly delayLoopMs: number;
  readonly retry: number;
  readonly delayBeforeRetryMs: number;
  readonly warmupMs: number;
  readonly alpha: boolean;
}

export interface MiscCheckConfig extends CheckTiming {
  readonly kind: 'MISC_CHECK';
  readonly span: Span;
  readonly command: ScriptCommand;
  readonly timeoutMs: number;
  /** `misc_dynamic`. */
  readonly isDynamic: boolean;
}

/** Judged whenever the file was read; the times are for the look in between. */
export interface FileCheckConfig extends CheckTiming {
  readonly kind: 'FILE_CHECK';
  readonly span: Span;
  readonly trackFile: string;
  /** That of the track_file when absent. */
  readonly weight?: number;
  readonly isReversed: boolean;
}

/** Judged whenever the session came up or was lost; the times are for the look in between. */
export interface BfdCheckConfig extends CheckTiming {
  readonly kind: 'BFD_CHECK';
  readonly span: Span;
  /** Of the bfd_instance. */
  readonly name: string;
}

export type GroupMember =
  | { readonly kind: 'address'; readonly address: IpAddress; readonly port: number }
  /** `count` addresses from the first on; at most 2^16. */
  | {
      readonly kind: 'range';
      readonly first: IpAddress;
      readonly count: number;
      readonly port: number;
    }
  | { readonly kind: 'fwmark'; readonly fwmark: number };

export interface VirtualServerGroupConfig {
  readonly name: string;
  readonly span: Span;
  readonly members: readonly GroupMember[];
}

/** The block SSL: what SSL_GET shows to servers. */
export interface TlsClientConfig {
  readonly password?: Secret;
  readonly ca?: string;
  readonly certificate?: string;
  readonly key?: string;
}
