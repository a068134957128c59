/** The VRRP side of the model: scripts and other trackers, groups, routes and rules. */
import type { Family, IpAddress, IpPrefix } from '../base/address.ts';
import type { Span } from './model-span.ts';

/** Text that must not be shown: a dump replaces every value of this kind. */
export interface Secret {
  readonly kind: 'secret';
  readonly text: string;
}

/** A command as keepalived runs it: no shell, the words of the file. */
export interface ScriptCommand {
  /** With a slash, or looked up in PATH. */
  readonly path: string;
  readonly args: readonly string[];
  /** `script_user` when absent. */
  readonly user?: string;
  readonly group?: string;
}

/** What a named tracker adds to the priority. */
export interface TrackerWeight {
  /** 0: a failure is FAULT. */
  readonly weight: number;
  /** `reverse`: counts the other way round. */
  readonly isReversed: boolean;
}

export interface VrrpScriptConfig extends TrackerWeight {
  readonly name: string;
  readonly span: Span;
  /** `script "</path"` only asks whether the file can be read. */
  readonly probe:
    | { readonly kind: 'run'; readonly command: ScriptCommand }
    | { readonly kind: 'readable'; readonly path: string };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  readonly rise: number;
  readonly fall: number;
  /** `init_fail`. */
  readonly startsFailed: boolean;
}

export interface TrackFileConfig extends TrackerWeight {
  readonly name: string;
  readonly span: Span;
  readonly path: string;
  /** `init_file`: written at start where the file is absent, or always. */
  readonly initial?: { readonly value: number; readonly overwrites: boolean };
}

export interface TrackProcessConfig extends TrackerWeight {
  readonly name: string;
  readonly span: Span;
  readonly command: string;
  /** Compared only when there are some, or with `param_match`. */
  readonly args: readonly string[];
  readonly match: 'exact' | 'initial' | 'partial';
  readonly quorum: number;
  readonly quorumMax?: number;
  readonly forkDelayMs: number;
  readonly terminateDelayMs: number;
  readonly usesFullCommand: boolean;
}

export interface BfdInstanceConfig extends TrackerWeight {
  readonly name: string;
  readonly span: Span;
  readonly neighbor: IpAddress;
  readonly source?: IpAddress;
  readonly minRxMs: number;
  readonly minTxMs: number;
  readonly idleTxMs: number;
  readonly multiplier: number;
  readonly isPassive: boolean;
  /** `ttl` or `hoplimit`. */
  readonly ttl: number;
  readonly maxHops: number;
  readonly isMultihop: boolean;
  /** Both when the file names neither. */
  readonly isForVrrp: boolean;
  readonly isForChecker: boolean;
}

/** A line of `track_script` and its like. */
export interface TrackLine {
  readonly span: Span;
  readonly name: string;
  /** Absent: the tracker's own. */
  readonly weight?: number;
  readonly isReversed?: boolean;
}

export interface Trackers {
  readonly scripts: readonly TrackLine[];
  readonly interfaces: readonly TrackLine[];
  readonly processes: readonly TrackLine[];
  readonly files: readonly TrackLine[];
  readonly bfds: readonly TrackLine[];
  /** Services by endpoint, `192.168.10.188:80`. */
  readonly virtualServers: readonly TrackLine[];
}

export interface NotifyScripts {
  readonly master?: ScriptCommand;
  readonly backup?: ScriptCommand;
  readonly fault?: ScriptCommand;
  readonly stop?: ScriptCommand;
  readonly deleted?: ScriptCommand;
  readonly masterRxLowerPri?: ScriptCommand;
  /** `notify`: every change, with type, name, state and priority as arguments. */
  readonly any?: ScriptCommand;
}

export interface SyncGroupConfig {
  readonly name: string;
  readonly span: Span;
  readonly members: readonly string[];
  readonly trackers?: Trackers;
  readonly notify?: NotifyScripts;
  /** `sync_group_tracking_weight`. */
  readonly usesMemberWeights: boolean;
  readonly notifiesPriorityChanges: boolean;
}

export interface NamedGroupConfig {
  readonly name: string;
  readonly span: Span;
  readonly members: readonly string[];
}

export interface GarpGroupConfig {
  readonly span: Span;
  readonly garpIntervalMs: number;
  readonly gnaIntervalMs: number;
  readonly interfaces: readonly string[];
}

export interface InterfaceDelayConfig {
  readonly interface: string;
  readonly downMs: number;
  readonly upMs: number;
}

/** An option of a route or rule that has no field of its own: its name and its words. */
export interface LineOption {
  readonly name: string;
  readonly values: readonly string[];
}

export interface RouteConfig {
  readonly span: Span;
  readonly family: Family;
  /** `unicast` unless written: `blackhole`, `unreachable`, … */
  readonly type: string;
  readonly destination: IpPrefix;
  /** `src`: the preferred source address. */
  readonly source?: IpAddress;
  readonly via?: IpAddress;
  readonly device?: string;
  /** Number, or name in rt_tables; absent: main. */
  readonly table?: string;
  readonly metric?: number;
  readonly nextHops: readonly NextHopConfig[];
  /** False: `no_track`. */
  readonly isTracked: boolean;
  readonly trackGroup?: string;
  readonly options: readonly LineOption[];
}

export interface NextHopConfig {
  readonly via?: IpAddress;
  readonly device?: string;
  readonly weight?: number;
  readonly options: readonly LineOption[];
}

export interface RuleConfig {
  readonly span: Span;
  readonly family: Family;
  readonly isNegated: boolean;
  readonly from?: IpPrefix;
  readonly to?: IpPrefix;
  readonly table?: string;
  readonly priority?: number;
  readonly fwmark?: string;
  readonly inputDevice?: string;
  readonly outputDevice?: string;
  /** `lookup` (with `table`), `goto`, `nop`, or a type such as `blackhole`. */
  readonly action: string;
  readonly gotoPriority?: number;
  readonly isTracked: boolean;
  readonly trackGroup?: string;
  readonly options: readonly LineOption[];
}

export interface UnicastPeerConfig {
  readonly span: Span;
  readonly address: IpAddress;
  readonly minTtl?: number;
  readonly maxTtl?: number;
}

export interface HmacKeyConfig {
  readonly id: number;
  readonly source: /** Read with the configuration: hexadecimal digits. Absent where the disk was not asked. */
    | { readonly kind: 'file'; readonly path: string; readonly key?: Secret }
    | { readonly kind: 'hex' | 'ascii'; readonly key: Secret };
}

export interface HmacConfig {
  readonly keys: readonly HmacKeyConfig[];
  readonly activeKey: number;
  readonly antiReplay: 'time' | 'monotonic';
  readonly timeWindowMs: number;
  readonly mode: 'enforce' | 'permissive' | 'receive-only';
}

/** `use_vmac` or `use_ipvlan`: the addresses sit on an interface made for the instance. */
export interface OwnInterfaceConfig {
  readonly kind: 'vmac' | 'ipvlan';
  /** Made up from the virtual router id when absent. */
  readonly name?: string;
  /** Below which it is made; the instance's interface when absent. */
  readonly parent?: string;
  readonly mac?: string;
  readonly address?: IpPrefix;
  readonly ipvlanMode?: 'bridge' | 'private' | 'vepa';
  readonly notifiesByNetlink: boolean;
  readonly group?: string;
}

/** A macvlan for the addresses of one family on one interface. */
export interface AddressInterfaceConfig {
  readonly name: string;
  /** Below which it is made. */
  readonly parent: string;
  readonly family: Family;
}

/** What an instance may say beyond the election itself; absent is not configured. */
export interface VrrpInstanceOptions {
  readonly authentication?: { readonly type: 'PASS' | 'AH'; readonly password: Secret };
  readonly hmac?: HmacConfig;
  readonly transport?: { readonly kind: 'ip' } | { readonly kind: 'udp'; readonly port: number };
  /** `unicast_src_ip`, or `mcast_src_ip`. */
  readonly sourceAddress?: IpAddress;
  /** `mcast_dst_ip`, or the global group. */
  readonly multicastGroup?: IpAddress;
  /** Present with a `unicast_peer` block. */
  readonly unicastPeers?: readonly UnicastPeerConfig[];
  readonly unicastTtl?: number;
  /** `kernel_rx_buf_size`. */
  readonly receiveBufferBytes?: number;
  readonly checksUnicastSource?: boolean;
  readonly tracksSourceAddress?: boolean;
  readonly faultsWithoutPeer?: boolean;
  readonly oldUnicastChecksum?: 'always' | 'never';
  readonly trackers?: Trackers;
  /** False: `dont_track_primary`. */
  readonly tracksInterface?: boolean;
  readonly notify?: NotifyScripts;
  readonly notifiesPriorityChanges?: boolean;
  readonly routes?: readonly RouteConfig[];
  readonly rules?: readonly RuleConfig[];
  readonly ownInterface?: OwnInterfaceConfig;
  readonly vmacTransmitsOnBase?: boolean;
  readonly usesVmacForAddresses?: boolean;
  /** `use_vmac_addr`: macvlans made for the addresses on interfaces other than the instance's. */
  readonly addressInterfaces?: readonly AddressInterfaceConfig[];
  readonly vrf?: string;
  readonly promotesSecondaries?: boolean;
  readonly isStrict?: boolean;
  /** `skip_check_adv_addr`: strict mode compares the address list of each new master only. */
  readonly skipsAddressCheck?: boolean;
  /** False: `no_accept`, or strict without being the owner. */
  readonly accepts?: boolean;
  readonly lowerPrioNoAdvert?: boolean;
  readonly higherPrioSendAdvert?: boolean;
  readonly ownerIgnoresAdverts?: boolean;
  readonly checksumVersion3As2?: boolean;
  /** Missed adverts before a takeover, 3. */
  readonly downTimerAdverts?: number;
  /** `timer_expired_backup`: the priority from which on it steps down when it was late. */
  readonly timerExpiredBackup?: number;
  readonly garpExtraInterface?: { readonly isForAll: boolean; readonly intervalMs: number };
  /** Gaps between announcements on one interface. */
  readonly garpIntervalMs?: number;
  readonly gnaIntervalMs?: number;
  readonly hasWitness?: boolean;
}

/** Blocks outside instances; absent is not configured. */
export interface VrrpBlocks {
  readonly vrrpScripts?: readonly VrrpScriptConfig[];
  readonly vrrpSyncGroups?: readonly SyncGroupConfig[];
  readonly trackFiles?: readonly TrackFileConfig[];
  readonly trackProcesses?: readonly TrackProcessConfig[];
  readonly bfdInstances?: readonly BfdInstanceConfig[];
  readonly trackGroups?: readonly NamedGroupConfig[];
  readonly garpGroups?: readonly GarpGroupConfig[];
  readonly staticRoutes?: readonly RouteConfig[];
  readonly staticRules?: readonly RuleConfig[];
  readonly interfaceDelays?: readonly InterfaceDelayConfig[];
  readonly netNamespace?: string;
  /** `net_namespace_ipvs`; '' is the namespace that lvsd was started in. */
  readonly netNamespaceIpvs?: string;
  readonly instanceName?: string;
  readonly childWaitTimeMs?: number;
}
