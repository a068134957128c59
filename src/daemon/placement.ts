/**
 * What an instance puts on this machine while it is master, in this order, and takes away in reverse:
 * addresses (denied to the host itself first, with `no_accept`), then routes, then rules. A route may
 * name a virtual address as its source, so routes wait for the last address and go before the first.
 */
import type { Log } from '../base/log.ts';
import type { VirtualAddressConfig, VrrpInstanceConfig } from '../config/model.ts';
import type { AddressOutcome, AddressSpec, InterfaceAddress, LinkTable } from '../kernel/links.ts';
import type { RoutingTable } from '../kernel/routing.ts';
import { addressSpec, heldAddresses, isTracked } from '../vrrp/addresses.ts';
import type { RoutingContext } from '../vrrp/route-specs.ts';
import type { AddressFirewall } from './address-firewall.ts';
import type { Announcer } from './announcer.ts';
import { Followers } from './followers.ts';
import type { OwnInterfaces } from './own-interface.ts';

/** What all instances of the process share. */
export interface Grounds {
  readonly routing: RoutingTable;
  readonly routingContext: () => RoutingContext;
  readonly firewall: AddressFirewall;
  readonly announcer: Announcer;
  readonly ownInterfaces: OwnInterfaces;
}

export interface PlacementOptions extends Grounds {
  readonly links: LinkTable;
  readonly log: Log;
  readonly onRestored: (what: string) => void;
}

export class Placement {
  readonly #options: PlacementOptions;
  readonly #followers: Followers;
  readonly #held = new Set<string>();
  #config: VrrpInstanceConfig;

  constructor(config: VrrpInstanceConfig, options: PlacementOptions) {
    const { routing: table, routingContext: context, log, onRestored } = options;
    this.#config = config;
    this.#options = options;
    this.#followers = new Followers(config, {
      table,
      context,
      log,
      owner: config.name,
      onRestored,
    });
  }

  /** The routes and rules follow the last of the addresses. */
  add(virtual: VirtualAddressConfig): AddressOutcome {
    const isDenied = deniesOwnTraffic(this.#config);
    // Before the address is there: not one packet may slip in.
    if (isDenied) this.#options.firewall.deny(virtual.address);
    const outcome = this.#apply(virtual, (spec) => this.#options.links.addAddress(spec));
    if (!outcome.ok) return outcome;
    this.#held.add(keyOf(virtual));
    if (heldAddresses(this.#config).every((wanted) => this.#held.has(keyOf(wanted)))) {
      // The kernel drops a route whose source address goes, and does not tell.
      this.#followers.doubt();
      this.#followers.put();
    }
    return outcome;
  }

  /** An address that the configuration still has goes because the instance lets everything go. */
  remove(virtual: VirtualAddressConfig): AddressOutcome {
    const key = keyOf(virtual);
    this.#held.delete(key);
    if (heldAddresses(this.#config).some((wanted) => keyOf(wanted) === key)) {
      this.#followers.take();
    }
    const outcome = this.#apply(virtual, (spec) => this.#options.links.removeAddress(spec));
    if (outcome.ok) this.#options.firewall.allow(virtual.address);
    this.#options.announcer.forget(virtual.address);
    return outcome;
  }

  /** Before the instance itself learns of it: it then puts and takes the addresses that differ. */
  reconfigure(next: VrrpInstanceConfig): void {
    this.#config = next;
    this.#followers.reconfigure(next);
  }

  /** Whether an address that went was ours to put back: not with `no_track`. */
  isMissed(address: InterfaceAddress): boolean {
    const device = this.#options.links.byIndex(address.ifindex)?.name;
    return heldAddresses(this.#config).some(
      (virtual) =>
        virtual.device === device &&
        virtual.address.text === address.address.text &&
        isTracked(virtual),
    );
  }

  get followers(): Followers {
    return this.#followers;
  }

  close(): void {
    this.#followers.close();
  }

  #apply(
    virtual: VirtualAddressConfig,
    apply: (spec: AddressSpec) => AddressOutcome,
  ): AddressOutcome {
    const link = this.#options.links.byName(virtual.device);
    if (link === undefined) {
      return { ok: false, code: 'ENODEV', detail: `There is no interface ${virtual.device}` };
    }
    return apply(addressSpec(virtual, link.index));
  }
}

const PRIORITY_OWNER = 255;

/** RFC 9568 6.1 Accept_Mode: the owner of the address always accepts. */
export function deniesOwnTraffic(
  config: Pick<VrrpInstanceConfig, 'accepts' | 'priority'>,
): boolean {
  return config.accepts === false && config.priority !== PRIORITY_OWNER;
}

function keyOf({ device, address }: VirtualAddressConfig): string {
  return `${device} ${address.text}`;
}
