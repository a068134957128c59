/** What the other routers of a group show of themselves; bounded, the one silent longest is forgotten. */
import type { IpAddress } from '../base/address.ts';
import type { Advert, ChecksumForm } from './packet.ts';

/** More than that never speak for one group, except in a flood. */
const PEERS_MAX = 16;

export interface PeerSnapshot {
  readonly address: string;
  readonly priority: number;
  /** What its checksum covers; version 2 and IPv6 have one form each. */
  readonly checksumForm: ChecksumForm;
  /** How its last advert was authenticated. */
  readonly authentication: 'none' | 'PASS' | 'HMAC';
  /** Monotonic ms of its last advert. */
  readonly lastHeardMs: number;
}

export class PeerTable {
  readonly #peers = new Map<string, PeerSnapshot>();

  /** An advert that was accepted. */
  heard(source: IpAddress, advert: Advert, nowMs: number): void {
    const { text: address } = source;
    this.#peers.delete(address);
    this.#peers.set(address, {
      address,
      priority: advert.priority,
      checksumForm: advert.checksumForm,
      authentication: authenticationOf(advert),
      lastHeardMs: nowMs,
    });
    const [oldest] = this.#peers.keys();
    if (this.#peers.size > PEERS_MAX && oldest !== undefined) this.#peers.delete(oldest);
  }

  checksumForms(): ReadonlyMap<string, ChecksumForm> {
    return new Map([...this.#peers].map(([address, { checksumForm }]) => [address, checksumForm]));
  }

  snapshot(): readonly PeerSnapshot[] {
    return [...this.#peers.values()];
  }
}

function authenticationOf({ sealed, authType }: Advert): PeerSnapshot['authentication'] {
  if (sealed !== undefined) return 'HMAC';
  return authType === 0 ? 'none' : 'PASS';
}
