/**
 * What is wanted of the table, from the configuration and the verdicts, kept up to date at the cost
 * of what changed: of thousands of services only those with news are judged again, and the others
 * keep their very object, by which the reconciler knows that nothing is to be done. No clock in
 * here: time comes as an argument.
 */
import type { Config, RealServerConfig, VirtualServerConfig } from '../config/model.ts';
import { serverName, serviceName } from '../config/names.ts';
import { groupsByName, type ServerGroups } from '../config/service-endpoints.ts';
import { desiredServices, tableOf } from './desired.ts';
import type { DrainPolicy } from './drain.ts';
import { type LvsNotice, serverLine, serviceLine } from './notice.ts';
import { judgePool, type PoolJudgement, type Verdict } from './pool.ts';
import type { Destination, Service, ServiceName, Table } from './types.ts';

export interface Wish {
  readonly table: Table;
  readonly notices: readonly LvsNotice[];
  /** Ask again then, though no verdict changes: a slow start goes on. Monotonic ms. */
  readonly nextChangeMs?: number;
}

/** One virtual_server as it is shown. */
export interface PoolSnapshot {
  readonly name: string;
  /** The IPVS services that it is. */
  readonly services: readonly string[];
  readonly hasQuorum: boolean;
  readonly liveWeight: number;
  readonly quorum: number;
  readonly hysteresis: number;
  readonly relief: PoolJudgement['relief'];
}

interface Entry {
  config: VirtualServerConfig;
  judgement: PoolJudgement | undefined;
  services: readonly Service[];
  /** Its servers, by serverName. */
  servers: ReadonlyMap<string, RealServerConfig>;
}

const UNKNOWN: Verdict = { isUp: false };

export class Intent {
  readonly #entries = new Map<string, Entry>();
  readonly #verdicts = new Map<string, Verdict>();
  /** serverName -> virtual_server. */
  readonly #servers = new Map<string, Entry>();
  #groups: ServerGroups = new Map();
  readonly #dirty = new Set<Entry>();
  #notices: LvsNotice[] = [];
  #table: Table = new Map();
  /** IPVS service -> the virtual_server that it is, or was until it was removed. */
  #origins = new Map<ServiceName, Entry>();
  #freesTemplates = false;
  #notifiesInitial = false;
  #isReconfigured = false;

  /**
   * Wants this configuration from now on; what is in both keeps its quorum and its verdicts.
   * `initialVerdict` is asked about servers that are new. A service that is the very object that was
   * wanted is not looked into.
   */
  configure(config: Config, initialVerdict: (serverName: string) => Verdict): void {
    this.#groups = groupsByName(config.virtualServerGroups);
    this.#notifiesInitial = config.globalDefs.rsInitNotifies === true;
    this.#freesTemplates = config.globalDefs.expiresQuiescentTemplates === true;
    this.#isReconfigured = true;
    const before = new Map(this.#entries);
    const wanted = firstOfEachName(config.virtualServers);
    const left = [...before].filter(([name, entry]) => entry.config !== wanted.get(name));
    const serversLeft = left.flatMap(([, entry]) =>
      Array.from(entry.servers, ([name, server]) => ({ name, server, entry })),
    );
    for (const { name } of serversLeft) this.#servers.delete(name);
    this.#entries.clear();
    this.#dirty.clear();
    for (const [name, each] of wanted) {
      const known = before.get(name);
      const entry = known ?? {
        config: each,
        judgement: undefined,
        services: [],
        servers: new Map(),
      };
      this.#entries.set(name, entry);
      if (!isSame(entry.config, each) || each.kind === 'group') this.#dirty.add(entry);
      if (entry.judgement === undefined) this.#dirty.add(entry);
      if (known?.config === each) continue;
      entry.config = each;
      this.#adoptServers(entry, initialVerdict);
    }
    for (const { name, server, entry } of serversLeft) {
      if (this.#servers.has(name)) continue;
      this.#farewellServer(name, entry.config, server);
      this.#verdicts.delete(name);
    }
    for (const [name, entry] of left) if (!wanted.has(name)) this.#farewellService(entry);
  }

  /** One that can be told anything without this one knowing: to see what would come of it. */
  copy(): Intent {
    const copies = new Map<Entry, Entry>();
    const copyOf = (entry: Entry): Entry => {
      const known = copies.get(entry) ?? { ...entry };
      copies.set(entry, known);
      return known;
    };
    const copy = new Intent();
    for (const [name, entry] of this.#entries) copy.#entries.set(name, copyOf(entry));
    for (const [name, verdict] of this.#verdicts) copy.#verdicts.set(name, verdict);
    for (const [name, entry] of this.#servers) copy.#servers.set(name, copyOf(entry));
    for (const [name, entry] of this.#origins) copy.#origins.set(name, copyOf(entry));
    return copy;
  }

  /** A server went up or down, or its weight changed; unknown names are of no interest. */
  setVerdict(name: string, verdict: Verdict, reason: string): void {
    const entry = this.#servers.get(name);
    if (entry === undefined) return;
    const before = this.#verdicts.get(name);
    this.#verdicts.set(name, verdict);
    this.#dirty.add(entry);
    if (before?.isUp !== verdict.isUp) {
      this.#tellServer(name, { reason, isInitial: false, isUp: verdict.isUp });
    }
  }

  /** The wanted table at `nowMs`, and what happened since the last call. */
  wish(nowMs: number): Wish {
    let isNew = this.#dirty.size > 0 || this.#isReconfigured;
    this.#isReconfigured = false;
    for (const entry of this.#entries.values()) {
      const dueMs = entry.judgement?.nextChangeMs ?? Number.POSITIVE_INFINITY;
      if (this.#dirty.has(entry) || dueMs <= nowMs) {
        this.#judge(entry, nowMs);
        isNew = true;
      }
    }
    this.#dirty.clear();
    if (isNew) {
      this.#table = tableOf([...this.#entries.values()].flatMap(({ services }) => services));
      this.#nameOrigins();
    }
    const notices = this.#notices;
    this.#notices = [];
    const changes = [...this.#entries.values()].flatMap(
      ({ judgement }) => judgement?.nextChangeMs ?? [],
    );
    return {
      table: this.#table,
      notices,
      ...(changes.length === 0 ? {} : { nextChangeMs: changes.reduce((a, b) => Math.min(a, b)) }),
    };
  }

  /** How long servers that leave this IPVS service are drained, also when it is removed itself. */
  drainPolicyOf(service: ServiceName): DrainPolicy {
    const timeoutMs = this.#origins.get(service)?.config.drainTimeoutMs ?? 0;
    return { timeoutMs, freesTemplates: this.#freesTemplates };
  }

  /** Whether this server is still in the file, and its checks say that it is down. */
  hasFailed(service: ServiceName, destination: Destination): boolean {
    const config = this.#origins.get(service)?.config;
    if (config === undefined) return false;
    const { address } = destination;
    return [destination.port, 0].some(
      (port) => this.#verdicts.get(serverName(config, { address, port }))?.isUp === false,
    );
  }

  /** What an orderly stop tells: quorum_down and notify_down of services with `omega`. */
  farewell(): readonly LvsNotice[] {
    for (const { config, servers } of this.#entries.values()) {
      for (const [name, server] of servers) this.#farewellServer(name, config, server);
    }
    for (const entry of this.#entries.values()) this.#farewellService(entry);
    const notices = this.#notices;
    this.#notices = [];
    return notices;
  }

  snapshot(): readonly PoolSnapshot[] {
    return Array.from(this.#entries, ([name, { config, judgement, services }]) => ({
      name,
      services: services.map(serviceName),
      hasQuorum: judgement?.hasQuorum ?? false,
      liveWeight: judgement?.liveWeight ?? 0,
      quorum: config.quorum ?? 1,
      hysteresis: config.hysteresis ?? 0,
      relief: judgement?.relief ?? 'none',
    }));
  }

  #adoptServers(entry: Entry, initialVerdict: (serverName: string) => Verdict): void {
    const servers = new Map<string, RealServerConfig>();
    for (const server of [...entry.config.realServers, ...(entry.config.backupPool ?? [])]) {
      const name = serverName(entry.config, server);
      if (!servers.has(name)) servers.set(name, server);
    }
    entry.servers = servers;
    for (const name of servers.keys()) {
      this.#servers.set(name, entry);
      if (this.#verdicts.has(name)) continue;
      const verdict = initialVerdict(name);
      this.#verdicts.set(name, verdict);
      this.#dirty.add(entry);
      this.#tellServer(name, { reason: 'START', isInitial: true, isUp: verdict.isUp });
    }
  }

  /** Those that are gone are remembered as long as they would be drained. */
  #nameOrigins(): void {
    const origins = new Map<ServiceName, Entry>();
    for (const [name, entry] of this.#origins) {
      if ((entry.config.drainTimeoutMs ?? 0) > 0) origins.set(name, entry);
    }
    for (const entry of this.#entries.values()) {
      for (const service of entry.services) origins.set(serviceName(service), entry);
    }
    this.#origins = origins;
  }

  #judge(entry: Entry, nowMs: number): void {
    const { config } = entry;
    const before = entry.judgement;
    const judgement = judgePool({
      service: config,
      verdictOf: (server) => this.#verdicts.get(serverName(config, server)) ?? UNKNOWN,
      hadQuorum: before?.hasQuorum ?? false,
      nowMs,
    });
    entry.judgement = judgement;
    entry.services = keepEqual(
      entry.services,
      desiredServices(config, this.#groups, judgement.members),
    );
    if (before?.hasQuorum !== judgement.hasQuorum) this.#tellService(entry, before === undefined);
  }

  #tellService({ config, judgement }: Entry, isInitial: boolean): void {
    if (judgement === undefined) return;
    const { hasQuorum, liveWeight, threshold } = judgement;
    const state = hasQuorum ? 'UP' : 'DOWN';
    // keepalived runs quorum_down at the start only where a sorry server steps in.
    const isQuiet = isInitial && !hasQuorum && config.sorryServer === undefined;
    const command = isQuiet ? undefined : hasQuorum ? config.quorumUp : config.quorumDown;
    this.#notices.push({
      object: 'VS',
      name: serviceName(config),
      state,
      reason: `live weight ${liveWeight}, threshold ${threshold}`,
      isInitial,
      line: serviceLine(config, state),
      ...(command === undefined ? {} : { command }),
    });
  }

  #tellServer(
    name: string,
    news: { readonly reason: string; readonly isInitial: boolean; readonly isUp: boolean },
  ): void {
    const entry = this.#servers.get(name);
    const server = entry?.servers.get(name);
    if (entry === undefined || server === undefined) return;
    const { isUp, isInitial, reason } = news;
    // Tens of thousands of servers that are as expected are no news, unless the file wants them told.
    if (isInitial && !this.#notifiesInitial) return;
    const state = isUp ? 'UP' : 'DOWN';
    const command = isUp ? server.notifyUp : server.notifyDown;
    this.#notices.push({
      object: 'RS',
      name,
      state,
      reason,
      isInitial,
      line: serverLine(entry.config, server, state),
      ...(command === undefined ? {} : { command }),
    });
  }

  #farewellServer(name: string, service: VirtualServerConfig, server: RealServerConfig): void {
    const command = server.notifyDown;
    if (service.omega !== true || command === undefined) return;
    if (this.#verdicts.get(name)?.isUp !== true) return;
    const line = serverLine(service, server, 'DOWN');
    const isInitial = false;
    this.#notices.push({
      object: 'RS',
      name,
      state: 'DOWN',
      reason: 'STOP',
      isInitial,
      line,
      command,
    });
  }

  #farewellService({ config, judgement }: Entry): void {
    const command = config.quorumDown;
    if (config.omega !== true || command === undefined || judgement?.hasQuorum !== true) return;
    const name = serviceName(config);
    const line = serviceLine(config, 'DOWN');
    const isInitial = false;
    this.#notices.push({
      object: 'VS',
      name,
      state: 'DOWN',
      reason: 'STOP',
      isInitial,
      line,
      command,
    });
  }
}

/** Of two with one name the first counts, as in keepalived. */
function firstOfEachName(
  services: readonly VirtualServerConfig[],
): ReadonlyMap<string, VirtualServerConfig> {
  const first = new Map<string, VirtualServerConfig>();
  for (const service of services) {
    const name = serviceName(service);
    if (!first.has(name)) first.set(name, service);
  }
  return first;
}

/** The old objects where nothing differs. */
function keepEqual(before: readonly Service[], after: readonly Service[]): readonly Service[] {
  const known = new Map(before.map((service) => [serviceName(service), service]));
  return after.map((service) => {
    const old = known.get(serviceName(service));
    return old !== undefined && isSame(old, service) ? old : service;
  });
}

function isSame(a: object, b: object): boolean {
  if (a === b) return true;
  const meaning = (value: object): string =>
    JSON.stringify(value, (key, member: unknown) => (key === 'span' ? undefined : member));
  return meaning(a) === meaning(b);
}
