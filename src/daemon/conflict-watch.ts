/**
 * Looks for another host that has an address of ours: after a takeover, when the former master has had
 * its time to let go, every address is asked for once and the link listened to for some seconds. It is
 * never in the way: the takeover is over, its adverts and announcements are out.
 *
 *   MASTER ── settling ──▶ probe, listen ── 10 s ──▶ end
 *                              │ claim
 *                              └── settling, still master ──▶ onConflict, once per address and MAC
 *
 * A claim is not believed at once either: a router that preempts us announces the addresses before its
 * advert makes us yield.
 */
import type { Family } from '../base/address.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import { SysError } from '../kernel/libc.ts';
import type { Link, LinkTable } from '../kernel/links.ts';
import { openPacketListener, type PacketListener } from '../kernel/packet-listener.ts';
import { MAC_LENGTH } from '../vrrp/announce.ts';
import { type Claim, decodeClaim, macText, settlingMs } from '../vrrp/arp-probe.ts';
import type { Announcer } from './announcer.ts';

const LISTEN_MS = 10_000;
/** A link where everybody answers for everything is told by a few of them. */
const CONFLICTS_MAX = 64;

export interface AddressConflict extends Claim {
  readonly device: string;
}

export interface ConflictWatchOptions {
  readonly links: LinkTable;
  readonly announcer: Announcer;
  readonly onConflict: (conflict: AddressConflict) => void;
  /** The kernel refuses to let us look. */
  readonly onError: (error: SysError) => void;
}

export class ConflictWatch {
  readonly #options: ConflictWatchOptions;
  readonly #listeners: PacketListener[] = [];
  /** Not told yet: what a claim must outlive. */
  readonly #pending = new Set<string>();
  readonly #told = new Set<string>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: ConflictWatchOptions) {
    this.#options = options;
  }

  /** We became master, or hold other addresses than before (`isNew` false). */
  begin(addresses: readonly VirtualAddressConfig[], advertIntervalMs: number, isNew = true): void {
    this.#stop();
    if (isNew) this.#told.clear();
    const waitMs = settlingMs(advertIntervalMs);
    this.#after(waitMs, () => {
      try {
        this.#probe(addresses, waitMs);
      } catch (error) {
        if (!(error instanceof SysError)) throw error;
        this.#stop();
        this.#options.onError(error);
      }
    });
  }

  /** We are master no more: what was not told is not true any more. */
  end(): void {
    this.#stop();
    this.#told.clear();
  }

  #probe(addresses: readonly VirtualAddressConfig[], settleMs: number): void {
    const { links, announcer } = this.#options;
    for (const device of new Set(addresses.map((one) => one.device))) {
      const link = links.byName(device);
      if (link === undefined || !isEthernet(link)) continue;
      const here = addresses.filter((one) => one.device === device);
      for (const family of new Set(here.map(({ address }) => address.family))) {
        this.#listen(link, family, new Set(here.map(({ address }) => address.text)), settleMs);
      }
      for (const { address } of here) announcer.probe(device, address);
    }
    this.#after(LISTEN_MS, () => this.#close());
  }

  #listen(link: Link, family: Family, held: ReadonlySet<string>, settleMs: number): void {
    const listener = openPacketListener({
      ifindex: link.index,
      family,
      onFrame: (frame) => {
        const claim = decodeClaim(frame);
        if (claim === undefined || !held.has(claim.address.text)) return;
        this.#hear({ ...claim, device: link.name }, settleMs);
      },
      onError: () => {},
    });
    this.#listeners.push(listener);
  }

  #hear(conflict: AddressConflict, settleMs: number): void {
    const key = `${conflict.address.text} ${conflict.mac}`;
    if (this.#told.has(key) || this.#pending.has(key)) return;
    if (this.#told.size + this.#pending.size >= CONFLICTS_MAX) return;
    // With use_vmac the next master has our MAC; and a bridge shows us our own frames again.
    if (this.#options.links.links().some(({ mac }) => macText(mac) === conflict.mac)) return;
    this.#pending.add(key);
    this.#after(settleMs, () => {
      this.#pending.delete(key);
      this.#told.add(key);
      this.#options.onConflict(conflict);
    });
  }

  #after(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }

  #stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#pending.clear();
    this.#close();
  }

  #close(): void {
    for (const listener of this.#listeners.splice(0)) listener.close();
  }
}

/** Not a loopback, nor a tunnel: nobody else is there to be asked. */
function isEthernet({ mac }: Link): boolean {
  return mac.length === MAC_LENGTH && mac.some((byte) => byte !== 0);
}
