/**
 * Everything beside the instances that the vrrp process holds on this machine: static items, the way
 * to routes, rules and nf_tables, the announcer. One object, made at start and closed at stop.
 */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Config } from '../config/model.ts';
import type { InterfaceAddress, LinkTable } from '../kernel/links.ts';
import { RoutingTable } from '../kernel/routing.ts';
import { type RoutingNames, readRoutingNames } from '../kernel/routing-names.ts';
import type { Report } from '../vrrp/notice.ts';
import { ROUTE_PROTOCOL, type RoutingContext, routeSpec, ruleSpec } from '../vrrp/route-specs.ts';
import { AddressFirewall } from './address-firewall.ts';
import { Announcer } from './announcer.ts';
import type { Followers } from './followers.ts';
import { OwnInterfaces } from './own-interface.ts';
import { deniesOwnTraffic, type Grounds } from './placement.ts';
import { StaticPlacement } from './static-placement.ts';

/** Name of the nf_tables table where `nftables` names none. */
const DEFAULT_TABLE = 'lvsd';

export interface HostStateOptions {
  readonly config: Config;
  readonly links: LinkTable;
  readonly clock: Clock;
  readonly log: Log;
  readonly resumeAsMaster: ReadonlySet<string>;
  /** Routes and rules of the instances, for news of the kernel. */
  readonly followers: () => readonly Followers[];
  /** Instances that lack a static item of their track group. */
  readonly onStaticFault: (instances: ReadonlySet<string>) => void;
  readonly onReport: (report: Report) => void;
}

export class HostState {
  readonly #options: HostStateOptions;
  readonly #routing: RoutingTable;
  readonly #firewall: AddressFirewall;
  readonly #announcer: Announcer;
  readonly #ownInterfaces: OwnInterfaces;
  readonly #statics: StaticPlacement;
  #names: RoutingNames;
  #isWatching = false;

  /** Takes away what a dead predecessor left, and puts the static items. Throws SysError. */
  constructor(options: HostStateOptions) {
    const { config, links, clock, log } = options;
    this.#options = options;
    this.#names = readRoutingNames();
    this.#routing = RoutingTable.open();
    this.#firewall = new AddressFirewall(config.globalDefs.nftablesTable ?? DEFAULT_TABLE, log);
    this.#announcer = new Announcer({
      links,
      monotonicMs: () => clock.monotonicMs(),
      onFailure: (device, code) => log.warn({ device, code }, 'announcement not sent'),
    });
    this.#announcer.configure(config.garpGroups ?? []);
    this.#firewall.prepare(config.vrrpInstances.some(deniesOwnTraffic));
    this.#ownInterfaces = new OwnInterfaces(links, log);
    this.#ownInterfaces.removeLeftovers(config.vrrpInstances);
    this.#removeLeftovers();
    this.#statics = new StaticPlacement({
      links,
      log,
      routing: this.#routing,
      routingContext: () => this.#context(),
      onFault: options.onStaticFault,
      onRestored: (what) => {
        log.warn({ what }, 'a static item was taken away, put back');
        options.onReport({ name: 'addressRestored', instance: 'static', fields: { what } });
      },
    });
    this.#watch(config);
    this.#statics.apply(config);
  }

  get grounds(): Grounds {
    return {
      routing: this.#routing,
      routingContext: () => this.#context(),
      firewall: this.#firewall,
      announcer: this.#announcer,
      ownInterfaces: this.#ownInterfaces,
    };
  }

  /** Before the instances are. */
  reconfigure(config: Config): void {
    this.#names = readRoutingNames();
    this.#announcer.configure(config.garpGroups ?? []);
    this.#watch(config);
    this.#statics.apply(config);
  }

  linkChanged(): void {
    this.#statics.linkChanged();
    for (const followers of this.#options.followers()) followers.doubt();
  }

  addressChanged(address: InterfaceAddress, isPresent: boolean): void {
    this.#statics.addressChanged(address, isPresent);
  }

  /** After the instances have let go. */
  close(): void {
    this.#statics.remove();
    this.#announcer.close();
    this.#ownInterfaces.close();
    this.#firewall.close();
    this.#routing.close();
  }

  #context(): RoutingContext {
    const { links } = this.#options;
    return { names: this.#names, ifindex: (device) => links.byName(device)?.index };
  }

  /** Rules first: what they send somewhere must not meet an empty table. */
  #removeLeftovers(): void {
    const { config, resumeAsMaster, log } = this.#options;
    const resumed = config.vrrpInstances.filter(({ name }) => resumeAsMaster.has(name));
    const routes = [...resumed.flatMap((one) => one.routes ?? []), ...(config.staticRoutes ?? [])];
    const rules = [...resumed.flatMap((one) => one.rules ?? []), ...(config.staticRules ?? [])];
    const keptRules = rules.flatMap((rule) => {
      const result = ruleSpec(rule, this.#context());
      return result.ok ? [result.spec] : [];
    });
    const keptRoutes = routes.flatMap((route) => {
      const result = routeSpec(route, this.#context());
      return result.ok ? [result.spec] : [];
    });
    const removedRules = this.#routing.removeRulesOf(ROUTE_PROTOCOL, keptRules);
    const removedRoutes = this.#routing.removeRoutesOf(ROUTE_PROTOCOL, keptRoutes);
    if (removedRules + removedRoutes === 0) return;
    log.info({ routes: removedRoutes, rules: removedRules }, 'removed leftover routes and rules');
  }

  /** A router's table is in motion all day: who has no routes does not listen to it. */
  #watch(config: Config): void {
    const { staticRoutes: routes = [], staticRules: rules = [] } = config;
    const isNeeded = [{ routes, rules }, ...config.vrrpInstances].some(
      (owner) => (owner.routes ?? []).length + (owner.rules ?? []).length > 0,
    );
    if (!isNeeded || this.#isWatching) return;
    this.#isWatching = true;
    const all = (): readonly Followers[] => [this.#statics.followers, ...this.#options.followers()];
    this.#routing.watch(ROUTE_PROTOCOL, {
      onRouteGone: (route) => {
        for (const followers of all()) followers.routeGone(route);
      },
      onRuleGone: () => {
        for (const followers of all()) followers.ruleGone();
      },
      onEventsLost: () => {
        for (const followers of all()) followers.doubt();
      },
    });
  }
}
