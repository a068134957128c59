/**
 * The IPVS table as data. Words are the kernel's (linux/ip_vs.h). What we compare (config) is never
 * mixed with what the kernel counts (stats).
 */
import type { IpAddress } from '../base/address.ts';
import type { ForwardingMethod } from '../config/model.ts';
import type { ServiceEndpoint } from '../config/names.ts';

/** Who a service is: the kernel's own identity of it. */
export type ServiceKey = ServiceEndpoint;

export type Service = ServiceKey & ServiceSettings;

export interface ServiceSettings {
  readonly scheduler: string;
  /**
   * IP_VS_SVC_F_* bits that a configuration can set (persistent 1, one-packet 4, scheduler flags
   * 8..32).
   */
  readonly flags: number;
  /** Persistence timeout, whole seconds; 0 when not persistent. */
  readonly timeoutS: number;
  /** 0xffffffff for a /32, or the IPv6 prefix length: IPVS_SVC_ATTR_NETMASK. */
  readonly netmask: number;
  /** Persistence engine: `sip`; empty for none. */
  readonly engine: string;
  readonly destinations: readonly Destination[];
}

export interface DestinationKey {
  readonly address: IpAddress;
  readonly port: number;
}

export interface Destination extends DestinationKey {
  /** What a configuration can ask for, and two more that a kernel may show. */
  readonly forwardingMethod: ForwardingMethod | 'local' | 'bypass';
  readonly weight: number;
  readonly upperThreshold: number;
  readonly lowerThreshold: number;
  /** How `tunnel` wraps packets; ipip without a port for every other method. */
  readonly tunnel: Tunnel;
}

export interface Tunnel {
  readonly type: 'ipip' | 'gue' | 'gre';
  /** UDP port of gue; 0 otherwise. */
  readonly port: number;
  /** IP_VS_TUNNEL_ENCAP_FLAG_*: 0 none, 1 checksum, 2 remote checksum offload. */
  readonly flags: number;
}

export const PLAIN_TUNNEL: Tunnel = { type: 'ipip', port: 0, flags: 0 };

/** A destination as dumped: with what the kernel counts. */
export interface DestinationStatus {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
  /** Persistence templates that point at it. */
  readonly persistentConnections: number;
  /** Absent when the kernel is too old (before 4.1) to send 64-bit counters. */
  readonly counters?: TrafficCounters;
}

/** Totals since the entry was made; the kernel sums them every 2 s, so they lag. */
export interface TrafficCounters {
  readonly connections: number;
  readonly inPackets: number;
  readonly outPackets: number;
  readonly inBytes: number;
  readonly outBytes: number;
}

/** `tcp 10.0.0.1:80`, `fwmark 7`: Map key, and how a service is named to people. */
export type ServiceName = string;

/** Wanted or actual: services by name. */
export type Table = ReadonlyMap<ServiceName, Service>;
