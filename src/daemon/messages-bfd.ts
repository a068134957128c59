/** What the supervisor and the bfd process say to one another; see messages.ts. */
import type { BfdSnapshot, SessionReport } from '../bfd/snapshot.ts';
import type { BfdInstanceConfig } from '../config/model-vrrp.ts';
import type { FromAnyChild } from './messages.ts';

export type ToBfd =
  /** At the start, and at every reload; answered by `configured`. */
  | {
      readonly kind: 'configure';
      readonly id: number;
      readonly instances: readonly BfdInstanceConfig[];
    }
  | { readonly kind: 'snapshot'; readonly id: number }
  | { readonly kind: 'stop' };

export type FromBfd =
  | FromAnyChild['log' | 'stopped']
  | { readonly kind: 'heartbeat' }
  | { readonly kind: 'configured'; readonly id: number }
  /** All sessions before `configured`, then each at every change. */
  | { readonly kind: 'report'; readonly report: SessionReport }
  | {
      readonly kind: 'snapshot';
      readonly id: number;
      readonly sessions: readonly BfdSnapshot[];
      /** Datagrams that were for no session, by why. */
      readonly strangers: Readonly<Record<string, number>>;
    };

export const BFD_HEARTBEAT_MS = 125;
/** One that is silent for so long hangs: its neighbours have noticed by then. */
export const BFD_HEARTBEAT_TIMEOUT_MS = 1_000;
