/** Everything the daemon shows of itself, as plain data: what `lvsd status --json` prints. */
import type { BfdSnapshot } from '../bfd/snapshot.ts';
import type { ServerHealth } from '../health/engine.ts';
import type { PoolSnapshot } from '../ipvs/intent.ts';
import type { ReconcilerSnapshot } from '../ipvs/snapshot.ts';
import type { InstanceSnapshot } from '../vrrp/snapshot.ts';
import type { FifoStatus, NotifyStatus, TrackerStatus } from './outside.ts';

/** What the health process knows: verdicts, and the table as the kernel last showed it. */
export interface HealthSnapshot {
  readonly servers: readonly ServerHealth[];
  /** Every virtual_server: its quorum, and the IPVS services that it is. */
  readonly pools?: readonly PoolSnapshot[];
  readonly ipvs: ReconcilerSnapshot;
}

export type ProcessState = 'running' | 'restarting' | 'not-needed';

export interface ProcessStatus {
  readonly state: ProcessState;
  readonly pid?: number;
  readonly restarts: number;
}

/** What the bfd process knows. */
export interface BfdStatus {
  readonly sessions: readonly BfdSnapshot[];
  /** Datagrams that were for no session, by why they were discarded. */
  readonly strangers: Readonly<Record<string, number>>;
}

/** Times are ISO 8601; in snapshots, `…Ms` are milliseconds since 1970 unless said otherwise. */
export interface DaemonStatus {
  readonly protocol: number;
  readonly version: string;
  readonly pid: number;
  readonly configFile: string;
  readonly configId: string;
  readonly startedAt: string;
  readonly loadedAt: string;
  readonly processes: {
    readonly vrrp: ProcessStatus;
    readonly health: ProcessStatus;
    readonly bfd: ProcessStatus;
  };
  readonly vrrp: readonly InstanceSnapshot[];
  readonly trackers: readonly TrackerStatus[];
  readonly notify: {
    readonly scripts: readonly NotifyStatus[];
    readonly fifos: readonly FifoStatus[];
  };
  readonly health?: HealthSnapshot;
  readonly bfd?: BfdStatus;
}
