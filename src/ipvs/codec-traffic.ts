/**
 * What the kernel counts of services and servers, for people who ask: totals, and rates that it
 * estimates itself every 2 s (net/netfilter/ipvs/ip_vs_est.c), so that one reading is enough.
 *
 *   STATS64 (12) nested, in SERVICE and in DEST, u64 each
 *   |- CONNS (1) INPKTS (2) OUTPKTS (3) INBYTES (4) OUTBYTES (5)   totals
 *   `- CPS (6) INPPS (7) OUTPPS (8) INBPS (9) OUTBPS (10)          a second; bytes, not bits
 */
import * as abi from './abi.ts';
import { type Decoded, type Fields, readCounter, readFields, readNested } from './fields.ts';
import type { Destination, DestinationStatus, Service, TrafficCounters } from './types.ts';

export interface Traffic {
  /** Since the entry was made. */
  readonly totals: TrafficCounters;
  /** A second. */
  readonly rates: TrafficCounters;
}

export interface ServerStatistics {
  readonly destination: Destination;
  readonly status: DestinationStatus;
  /** Absent when the kernel is too old (before 4.1) to send 64-bit counters. */
  readonly traffic: Traffic | undefined;
}

export interface ServiceStatistics {
  readonly service: Service;
  readonly servers: readonly ServerStatistics[];
  readonly traffic: Traffic | undefined;
}

export interface TableStatistics {
  /** `1.2.1`. */
  readonly version: string;
  /** Buckets of the connection table. */
  readonly size: number;
  readonly services: readonly ServiceStatistics[];
}

/** Of one message of a service dump. */
export function decodeServiceTraffic(attributes: Uint8Array): Traffic | undefined {
  return decodeTraffic(attributes, abi.IPVS_CMD_ATTR_SERVICE, abi.IPVS_SVC_ATTR_STATS64);
}

/** Of one message of a destination dump. */
export function decodeServerTraffic(attributes: Uint8Array): Traffic | undefined {
  return decodeTraffic(attributes, abi.IPVS_CMD_ATTR_DEST, abi.IPVS_DEST_ATTR_STATS64);
}

function decodeTraffic(attributes: Uint8Array, entry: number, stats: number): Traffic | undefined {
  const outer = readFields(attributes);
  const inner = outer.ok ? readNested(outer.value, entry, 'entry') : outer;
  const found: Decoded<Fields> = inner.ok ? readNested(inner.value, stats, 'STATS64') : inner;
  if (!found.ok) return undefined;
  const read = (type: number): number => readCounter(found.value, type);
  return {
    totals: {
      connections: read(abi.IPVS_STATS_ATTR_CONNS),
      inPackets: read(abi.IPVS_STATS_ATTR_INPKTS),
      outPackets: read(abi.IPVS_STATS_ATTR_OUTPKTS),
      inBytes: read(abi.IPVS_STATS_ATTR_INBYTES),
      outBytes: read(abi.IPVS_STATS_ATTR_OUTBYTES),
    },
    rates: {
      connections: read(abi.IPVS_STATS_ATTR_CPS),
      inPackets: read(abi.IPVS_STATS_ATTR_INPPS),
      outPackets: read(abi.IPVS_STATS_ATTR_OUTPPS),
      inBytes: read(abi.IPVS_STATS_ATTR_INBPS),
      outBytes: read(abi.IPVS_STATS_ATTR_OUTBPS),
    },
  };
}
