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
}

const UNKNOWN: Verdict = { isUp: false };

export class Intent {
  readonly #entries = new Map<string, Entry>();
  readonly #verdicts = new Map<string, Verdict>();
  /** serverName -> virtual_server and server. */
  #servers = new Map<string, { readonly entry: Entry; readonly server: RealServerConfig }>();
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
   * `initialVerdict` is asked about servers that are new.
   */
  configure(config: Config, initialVerdict: (serverName: string) => Verdict): void {
    this.#groups = groupsByName(config.virtualServerGroups);
    this.#notifiesInitial = config.globalDefs.rsInitNotifies === true;
    this.#freesTemplates = config.globalDefs.expiresQuiescentTemplates === true;
    const before = new Map(this.#entries);
    const serversBefore = this.#servers;
    this.#entries.clear();
    this.#servers = new Map();
    this.#dirty.clear();
    this.#isReconfigured = true;
    for (const each of config.virtualServers) {
      const name = serviceName(each);
      if (this.#entries.has(name)) continue;
      const entry = before.get(name) ?? { config: each, judgement: undefined, services: [] };
      before.delete(name);
      this.#entries.set(name, entry);
      if (!isSame(entry.config, each) || each.kind === 'group') this.#dirty.add(entry);
      if (entry.judgement === undefined) this.#dirty.add(entry);
      entry.config = each;
      this.#adoptServers(entry, initialVerdict);
    }
    for (const [name, { entry, server }] of serversBefore) {
      if (this.#servers.has(name)) continue;
      this.#farewellServer(name, entry.config, server);
      this.#verdicts.delete(name);
    }
    for (const entry of before.values()) this.#farewellService(entry);
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
    for (const [name, { entry, server }] of this.#servers) {
      copy.#servers.set(name, { entry: copyOf(entry), server });
    }
    for (const [name, entry] of this.#origins) copy.#origins.set(name, copyOf(entry));
    return copy;
  }

  /** A server went up or down, or its weight changed; unknown names are of no interest. */
  setVerdict(name: string, verdict: Verdict, reason: string): void {
    const known = this.#servers.get(name);
    if (known === undefined) return;
    const before = this.#verdicts.get(name);
    this.#verdicts.set(name, verdict);
    this.#dirty.add(known.entry);
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
    for (const [name, { entry, server }] of this.#servers) {
      this.#farewellServer(name, entry.config, server);
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
    for (const server of [...entry.config.realServers, ...(entry.config.backupPool ?? [])]) {
      const name = serverName(entry.config, server);
      if (this.#servers.has(name)) continue;
      this.#servers.set(name, { entry, server });
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
    const known = this.#servers.get(name);
    if (known === undefined) return;
    const { isUp, isInitial, reason } = news;
    // Tens of thousands of servers that are as expected are no news, unless the file wants them told.
    if (isInitial && !this.#notifiesInitial) return;
    const { entry, server } = known;
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
