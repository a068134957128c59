/**
 * `log_unknown_vrids`: adverts for virtual routers that no instance here is. Every instance of a link hears
 * all of them, so what is unknown can be told only where all instances are known.
 */
import type { VrrpInstanceConfig } from '../config/model.ts';
import type { OtherRouter } from './ports.ts';

export class UnknownRouters {
  #configured: ReadonlySet<string> = new Set();
  /** Bounded by the 255 router ids of each family and interface. */
  readonly #told = new Set<string>();

  configure(instances: readonly VrrpInstanceConfig[]): void {
    this.#configured = new Set(instances.map(keyOf));
    this.#told.clear();
  }

  /** Whether this is the first advert of a router that is not configured: worth one line. */
  isNews(other: OtherRouter): boolean {
    const key = keyOf(other);
    if (this.#configured.has(key) || this.#told.has(key)) return false;
    this.#told.add(key);
    return true;
  }
}

function keyOf(router: Pick<OtherRouter, 'interface' | 'family' | 'virtualRouterId'>): string {
  return `${router.interface} ${router.family} ${router.virtualRouterId}`;
}
