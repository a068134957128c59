/**
 * static_ipaddress, static_routes and static_rules: there while the daemon runs, whatever the state of
 * its instances. Put back when somebody takes them away; what a reload removes goes, what it adds comes,
 * the rest is not touched. An item whose track group names instances keeps these in FAULT while it
 * cannot be had.
 */
import type { Log } from '../base/log.ts';
import type { Config, VirtualAddressConfig } from '../config/model.ts';
import type { InterfaceAddress, LinkTable } from '../kernel/links.ts';
import type { RoutingTable } from '../kernel/routing.ts';
import { addressSpec, isTracked, planAddresses } from '../vrrp/addresses.ts';
import type { RoutingContext } from '../vrrp/route-specs.ts';
import { Followers } from './followers.ts';

export interface StaticPlacementOptions {
  readonly links: LinkTable;
  readonly routing: RoutingTable;
  readonly routingContext: () => RoutingContext;
  readonly log: Log;
  /** These instances lack something they depend on; empty: none does. Told when it changes. */
  readonly onFault: (instances: ReadonlySet<string>) => void;
  /** Somebody took this away, and it was put back: `address 10.0.0.1`. */
  readonly onRestored: (what: string) => void;
}

type StaticConfig = Pick<
  Config,
  'staticAddresses' | 'staticRoutes' | 'staticRules' | 'trackGroups'
>;

export class StaticPlacement {
  readonly #options: StaticPlacementOptions;
  readonly #followers: Followers;
  #config: StaticConfig = {};
  #held: readonly VirtualAddressConfig[] = [];
  #missingAddresses: ReadonlySet<string> = new Set();
  #missingFollowers: ReadonlySet<string> = new Set();
  #told = '';

  constructor(options: StaticPlacementOptions) {
    const { routing: table, routingContext: context, log } = options;
    this.#options = options;
    this.#followers = new Followers(
      {},
      {
        table,
        context,
        log,
        owner: 'static',
        onRestored: options.onRestored,
        onMissing: (groups) => {
          this.#missingFollowers = new Set(groups);
          this.#tell();
        },
      },
    );
  }

  get followers(): Followers {
    return this.#followers;
  }

  /** At start and at reload. */
  apply(config: StaticConfig): void {
    this.#config = config;
    this.#settle();
    this.#followers.reconfigure({
      ...(config.staticRoutes === undefined ? {} : { routes: config.staticRoutes }),
      ...(config.staticRules === undefined ? {} : { rules: config.staticRules }),
    });
    this.#followers.put();
    this.#tell();
  }

  /** An interface came or went: what could not be put on it may be possible now. */
  linkChanged(): void {
    this.#settle();
    this.#followers.doubt();
    this.#tell();
  }

  addressChanged(address: InterfaceAddress, isPresent: boolean): void {
    if (isPresent) {
      // A route may have waited for it.
      if (this.#missingFollowers.size > 0) this.#followers.doubt();
      this.#tell();
      return;
    }
    const device = this.#options.links.byIndex(address.ifindex)?.name;
    const lost = this.#held.find(
      (one) => one.device === device && one.address.text === address.address.text,
    );
    if (lost === undefined) return;
    if (isTracked(lost)) {
      this.#held = this.#held.filter((one) => one !== lost);
      this.#options.onRestored(`address ${lost.address.text}`);
    }
    this.linkChanged();
  }

  /** At an orderly stop. */
  remove(): void {
    this.#followers.take();
    this.#config = {};
    this.#settle();
    this.#followers.close();
  }

  #settle(): void {
    const { removed, added, kept } = planAddresses(this.#held, this.#config.staticAddresses ?? []);
    for (const address of removed) this.#change(address, 'removeAddress');
    const missing = new Set<string>();
    const put = added.filter((address) => {
      const isPut = this.#change(address, 'addAddress');
      if (!isPut && address.trackGroup !== undefined) missing.add(address.trackGroup);
      return isPut;
    });
    this.#held = [...kept, ...put];
    this.#missingAddresses = missing;
  }

  #change(address: VirtualAddressConfig, change: 'addAddress' | 'removeAddress'): boolean {
    const { links, log } = this.#options;
    const link = links.byName(address.device);
    if (link === undefined) return change === 'removeAddress';
    const outcome = links[change](addressSpec(address, link.index));
    if (!outcome.ok) {
      const { code, detail } = outcome;
      log.warn({ address: address.address.text, code, detail }, `static address: ${change}`);
    }
    return outcome.ok;
  }

  #tell(): void {
    const groups = new Set([...this.#missingAddresses, ...this.#missingFollowers]);
    const instances = new Set(
      (this.#config.trackGroups ?? [])
        .filter(({ name }) => groups.has(name))
        .flatMap(({ members }) => members),
    );
    const text = [...instances].join(' ');
    if (text === this.#told) return;
    this.#told = text;
    this.#options.onFault(instances);
  }
}
