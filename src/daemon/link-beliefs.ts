/**
 * The links of this process as `interface_up_down_delays` has them seen: the timers behind
 * vrrp/link-belief.ts. A link that no delay is set for is what the kernel says.
 */
import type { InterfaceDelayConfig } from '../config/model-vrrp.ts';
import type { Link } from '../kernel/links.ts';
import { type LinkBelief, type LinkDelays, seeLink, waitForLink } from '../vrrp/link-belief.ts';
import type { CancelTimer, SetTimer } from './timers.ts';

export interface LinkBeliefsOptions {
  readonly setTimer: SetTimer;
  readonly monotonicMs: () => number;
  /** A change has lasted: the link is to be looked at again. */
  readonly onBelieved: (ifindex: number) => void;
}

interface Watched {
  readonly name: string;
  belief: LinkBelief;
  cancel: CancelTimer | undefined;
}

export class LinkBeliefs {
  readonly #options: LinkBeliefsOptions;
  readonly #watched = new Map<number, Watched>();
  #delays: ReadonlyMap<string, LinkDelays> = new Map();

  constructor(options: LinkBeliefsOptions) {
    this.#options = options;
  }

  /** A change that waits already keeps its time, unless its interface has no delay any more. */
  configure(delays: readonly InterfaceDelayConfig[], links: readonly Link[]): void {
    this.#delays = new Map(delays.map((delay) => [delay.interface, delay]));
    const hurried: number[] = [];
    for (const [ifindex, { name, belief }] of this.#watched) {
      if (this.#delays.has(name)) continue;
      this.#forget(ifindex);
      if (belief.changesAtMs !== undefined) hurried.push(ifindex);
    }
    for (const link of links) this.see(link, link.index);
    for (const ifindex of hurried) this.#options.onBelieved(ifindex);
  }

  /** The kernel shows a link, or shows that it is gone: that is believed at once. */
  see(link: Link | undefined, ifindex: number): void {
    const known = this.#watched.get(ifindex);
    const delays = link === undefined ? undefined : this.#delays.get(link.name);
    if (link === undefined || delays === undefined || (known && known.name !== link.name)) {
      this.#forget(ifindex);
    }
    if (link === undefined || delays === undefined) return;
    const before = this.#watched.get(ifindex);
    const nowMs = this.#options.monotonicMs();
    const belief = seeLink(before?.belief, isUsable(link), delays, nowMs);
    this.#keep(ifindex, link.name, belief);
  }

  /** There, up and with a carrier, as far as it is believed. */
  isUp(link: Link | undefined): boolean {
    if (link === undefined) return false;
    return this.#watched.get(link.index)?.belief.isUp ?? isUsable(link);
  }

  close(): void {
    for (const ifindex of [...this.#watched.keys()]) this.#forget(ifindex);
  }

  #keep(ifindex: number, name: string, belief: LinkBelief): void {
    const known = this.#watched.get(ifindex);
    const isWaiting = known !== undefined && known.belief.changesAtMs === belief.changesAtMs;
    if (isWaiting && known.belief.isUp === belief.isUp) return;
    known?.cancel?.();
    const watched: Watched = { name, belief, cancel: undefined };
    this.#watched.set(ifindex, watched);
    if (belief.changesAtMs !== undefined) this.#arm(ifindex, watched, belief.changesAtMs);
  }

  #arm(ifindex: number, watched: Watched, dueMs: number): void {
    const { setTimer, monotonicMs, onBelieved } = this.#options;
    watched.cancel = setTimer(Math.max(0, Math.ceil(dueMs - monotonicMs())), () => {
      const belief = waitForLink(watched.belief, monotonicMs());
      watched.cancel = undefined;
      // A timer of Node may be early by a fraction of a millisecond.
      if (belief === watched.belief) this.#arm(ifindex, watched, dueMs);
      else {
        watched.belief = belief;
        onBelieved(ifindex);
      }
    });
  }

  #forget(ifindex: number): void {
    this.#watched.get(ifindex)?.cancel?.();
    this.#watched.delete(ifindex);
  }
}

function isUsable(link: Link): boolean {
  return link.isUp && link.hasCarrier;
}
