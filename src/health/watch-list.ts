/**
 * Who is watched: the servers of every service, the checkers that they go by, and who shares which. A reload
 * keeps what it can (roster.ts says what): services that are the very objects that they were are not looked into.
 */
import type { Clock } from '../base/clock.ts';
import type { CheckerConfig, VirtualServerConfig } from '../config/model.ts';
import { serviceName } from '../config/names.ts';
import type { Checker } from './checker.ts';
import {
  type CheckerFate,
  checkerKey,
  matchCheckers,
  planServers,
  type ServerPlan,
} from './roster.ts';
import { WatchedServer } from './watched-server.ts';

/** Whether servers are up, by name. */
export type Verdicts = ReadonlyMap<string, boolean>;

export interface WatchListPorts {
  readonly clock: Clock;
  /** A checker that is new, or takes the place of another; `isUp`: before its first check. */
  readonly checkerFor: (
    config: CheckerConfig,
    fate: CheckerFate<Checker>,
    isUp: boolean,
  ) => Checker;
}

export interface Adopted {
  /** Nobody goes by these any more. */
  readonly dropped: readonly Checker[];
  /** Servers whose checkers are others than before, or may say something else. */
  readonly concerned: ReadonlySet<WatchedServer>;
}

const NOBODY: ReadonlySet<WatchedServer> = new Set();

export class WatchList {
  readonly #ports: WatchListPorts;
  readonly #servers = new Map<string, WatchedServer>();
  /** The servers of each service that is watched, in the order of the configuration. */
  #rosters: ReadonlyMap<VirtualServerConfig, readonly WatchedServer[]> = new Map();
  /** By checkerKey. */
  readonly #checkers = new Map<string, Checker>();
  /** The servers that go by a checker's verdict. */
  readonly #users = new Map<Checker, Set<WatchedServer>>();

  constructor(ports: WatchListPorts) {
    this.#ports = ports;
  }

  get users(): ReadonlyMap<Checker, ReadonlySet<WatchedServer>> {
    return this.#users;
  }

  usersOf(checker: Checker): ReadonlySet<WatchedServer> {
    return this.#users.get(checker) ?? NOBODY;
  }

  server(name: string): WatchedServer | undefined {
    return this.#servers.get(name);
  }

  names(): Iterable<string> {
    return this.#servers.keys();
  }

  /** As the configuration has them. */
  inOrder(): readonly WatchedServer[] {
    return [...this.#rosters.values()].flat();
  }

  /** From now on these services, and no others. `inherited`: what a predecessor left. */
  adopt(services: readonly VirtualServerConfig[], inherited: Verdicts): Adopted {
    const before = this.#rosters;
    // Of two services with one name the first counts: then none can be passed over.
    const areDistinct = areNamesDistinct(before.keys()) && areNamesDistinct(services);
    const stays = new Set(areDistinct ? services.filter((each) => before.has(each)) : []);
    const left = new Map<string, WatchedServer>();
    for (const [service, servers] of before) {
      if (!stays.has(service)) for (const server of servers) left.set(server.name, server);
    }
    const checkersLeft = this.#release(left.values());
    const rosters = new Map<VirtualServerConfig, readonly WatchedServer[]>();
    const adopted: WatchedServer[] = [];
    for (const service of services) {
      const kept = stays.has(service) ? before.get(service) : rosters.get(service);
      const servers = kept ?? this.#adoptService(service, { left, inherited });
      rosters.set(service, servers);
      if (kept === undefined) adopted.push(...servers);
    }
    this.#rosters = rosters;
    const dropped = [...checkersLeft].filter((checker) => this.#users.get(checker)?.size === 0);
    for (const checker of dropped) {
      this.#users.delete(checker);
      this.#checkers.delete(checkerKey(checker.config));
    }
    return { dropped, concerned: this.#concerned(adopted) };
  }

  /** These servers are not watched any more. Returns what they were checked by. */
  #release(servers: Iterable<WatchedServer>): ReadonlySet<Checker> {
    const left = new Set<Checker>();
    for (const server of servers) {
      this.#servers.delete(server.name);
      for (const checker of server.checkers) {
        left.add(checker);
        this.#users.get(checker)?.delete(server);
      }
    }
    return left;
  }

  #adoptService(
    service: VirtualServerConfig,
    { left, inherited }: { left: ReadonlyMap<string, WatchedServer>; inherited: Verdicts },
  ): readonly WatchedServer[] {
    const servers: WatchedServer[] = [];
    for (const plan of planServers([service]).values()) {
      if (this.#servers.has(plan.name)) continue;
      const server = this.#adoptServer(plan, left.get(plan.name), inherited.get(plan.name));
      this.#servers.set(plan.name, server);
      for (const checker of server.checkers) {
        const users = this.#users.get(checker);
        if (users === undefined) this.#users.set(checker, new Set([server]));
        else users.add(server);
      }
      servers.push(server);
    }
    return servers;
  }

  /** These, and those that share a checker with them: joining it may have changed its verdict. */
  #concerned(servers: readonly WatchedServer[]): ReadonlySet<WatchedServer> {
    const sharers = servers.flatMap(({ checkers }) =>
      checkers.flatMap((checker) => [...(this.#users.get(checker) ?? [])]),
    );
    return new Set([...servers, ...sharers]);
  }

  #adoptServer(
    plan: ServerPlan,
    server: WatchedServer | undefined,
    inherited: boolean | undefined,
  ): WatchedServer {
    const fates = matchCheckers(server?.checkers ?? [], plan.checkers);
    const checkers = plan.checkers.map((config, index) => {
      const key = checkerKey(config);
      const fate = fates[index] ?? { kind: 'add' };
      const known = this.#checkers.get(key);
      if (known !== undefined) join(known, config, fate, inherited);
      const wasUp = inherited ?? (server?.isUp === true || !config.alpha);
      const checker = known ?? this.#ports.checkerFor(config, fate, wasUp);
      this.#checkers.set(key, checker);
      return checker;
    });
    if (server === undefined)
      return new WatchedServer(plan, checkers, this.#ports.clock.realtimeMs());
    server.reconfigure(plan.weight, checkers);
    return server;
  }
}

/**
 * Who asks the same goes by the same verdict. Before the first check the less trusting view counts; but a
 * server that a predecessor left in the table is not cut on account of another.
 */
function join(
  checker: Checker,
  config: CheckerConfig,
  fate: CheckerFate<Checker>,
  inherited: boolean | undefined,
): void {
  checker.config = config;
  if (checker.state.hasRun) return;
  const wasDown = fate.kind === 'restart' && !fate.previous.state.isUp;
  if (wasDown) checker.state = { ...checker.state, isUp: false };
  else if (inherited === true) checker.state = { ...checker.state, isUp: true };
}

function areNamesDistinct(services: Iterable<VirtualServerConfig>): boolean {
  const all = [...services];
  return new Set(all.map(serviceName)).size === all.length;
}
