/** What global_defs says beyond the router's name and socket; absent is not configured. */
import type { IpAddress } from '../base/address.ts';
import type { ScriptCommand, Secret } from './model-vrrp.ts';

export interface ListenEndpoint {
  readonly address: IpAddress;
  readonly port: number;
}

export interface NotifyFifoConfig {
  readonly path: string;
  readonly script?: ScriptCommand;
}

export interface SyncDaemonConfig {
  readonly interface: string;
  /** vrrp_instance whose state decides which side this is; absent: both run. */
  readonly instance?: string;
  readonly syncId?: number;
  readonly maxLength?: number;
  readonly port?: number;
  readonly ttl?: number;
  readonly group?: IpAddress;
}

export interface SharedStateConfig {
  /** May hold a password. */
  readonly url?: Secret;
  readonly sentinel?: { readonly name: string; readonly servers: readonly string[] };
  readonly keyPrefix: string;
  readonly ttlMs: number;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly usesTls: boolean;
}

/** A command of the supervisor with its time. */
export interface TimedScript {
  readonly command: ScriptCommand;
  readonly timeoutMs: number;
}

/** `keep`: as they are; `drain`: through weight 0, within drain_timeout; `remove`: at once. */
export type LvsStopPolicy = 'keep' | 'drain' | 'remove';

export interface GlobalOptions {
  readonly httpListen?: readonly ListenEndpoint[];
  /** /var/lib/lvsd when absent. */
  readonly stateDirectory?: string;
  /** What a script that cannot be run means; `fail` when absent. */
  readonly scriptFailure?: 'fail' | 'ignore';
  readonly sharedState?: SharedStateConfig;
  readonly scriptUser?: { readonly user: string; readonly group?: string };
  readonly hasScriptSecurity?: boolean;
  readonly rsInitNotifies?: boolean;
  readonly defaultInterface?: string;
  /** `nftables [TABLE]`. */
  readonly nftablesTable?: string;
  /** `vmac_prefix`; `vrrp` when absent. */
  readonly vmacPrefix?: string;
  readonly dynamicInterfaces?: 'fixed' | 'mayChange';
  readonly startupDelayMs?: number;
  readonly delayAfterBootMs?: number;
  readonly logsUnknownVrids?: boolean;
  readonly disablesLocalIgmp?: boolean;
  readonly notifyFifo?: NotifyFifoConfig;
  readonly vrrpNotifyFifo?: NotifyFifoConfig;
  readonly lvsNotifyFifo?: NotifyFifoConfig;
  readonly writesFifoOnReload?: boolean;
  readonly syncDaemon?: SyncDaemonConfig;
  readonly lvsTimeouts?: {
    readonly tcpMs?: number;
    readonly tcpFinMs?: number;
    readonly udpMs?: number;
  };
  /** net.ipv4.vs.expire_nodest_conn and its kin; as the kernel has them when absent. */
  readonly expiresNodestConnections?: boolean;
  readonly expiresQuiescentTemplates?: boolean;
  readonly connectionReuseMode?: number;
  readonly flushesLvs?: boolean;
  readonly flushesLvsOnStop?: 'all' | 'own';
  /** `lvs_stop_policy`: what becomes of our IPVS services at a stop; `remove` when absent. */
  readonly lvsStopPolicy?: LvsStopPolicy;
  readonly startupScript?: TimedScript;
  readonly shutdownScript?: TimedScript;
  readonly reloadFile?: string;
  readonly reloadTimeFile?: string;
  readonly repeatsReload?: boolean;
}
