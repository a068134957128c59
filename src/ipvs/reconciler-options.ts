/** What a reconciler is given, and how much it does before the rest of the process has its turn. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { IpvsPort } from './client.ts';
import type { GoalsOptions } from './goals.ts';

/** Looking and carrying out stop after this long for the rest of the process to have its turn. */
export const SLICE_MS = 20;
/** Time in each look for servers whose text is as before. */
export const ROUND_MS = 10;
/** Compared at once. */
export const SLICE_SERVERS = 1000;
/** Sent to the kernel at once. */
export const SLICE_OPERATIONS = 250;

export interface ReconcilerTimer {
  /** Absolute, monotonic milliseconds; replaces an earlier deadline. */
  arm(deadlineMs: number): void;
  disarm(): void;
  close(): void;
}

export interface ReconcilerOptions extends GoalsOptions {
  readonly client: IpvsPort;
  readonly log: Log;
  readonly clock: Clock;
  /** Processor time of this process, ms. */
  cpuMs(): number;
  /** File with the names of our services; in a directory that does not outlive the boot. */
  readonly ownershipPath: string;
  newTimer(onExpire: () => void): ReconcilerTimer;
  /**
   * Why a server is in or out, by serverName: `passed HTTP_GET`. The plan's own reason otherwise.
   */
  readonly reasonOf?: (serverName: string) => string | undefined;
  /** Take over wanted services that somebody else made, instead of refusing to start. */
  readonly adopt?: boolean;
}
