/**
 * The IPVS table as data. Words are the kernel's (linux/ip_vs.h). What we compare (config) is never
 * mixed with what the kernel counts (stats).
 */
import type { IpAddress } from '../base/address.ts';
import type { ForwardingMethod, TransportProtocol } from '../config/model.ts';

/** Who a service is: the kernel's own identity of it. */
export interface ServiceKey {
  readonly protocol: TransportProtocol;
  readonly address: IpAddress;
  readonly port: number;
}

export interface Service extends ServiceKey {
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
}

/** A destination as dumped: with what the kernel counts. */
export interface DestinationStatus {
  readonly activeConnections: number;
  readonly inactiveConnections: number;
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

/** `tcp 10.0.0.1:80`: Map key, and how a service is named to people. */
export type ServiceName = string;

/** Wanted or actual: services by name. */
export type Table = ReadonlyMap<ServiceName, Service>;
