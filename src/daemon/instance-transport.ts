/**
 * What carries the adverts of one instance: opens the endpoint that its configuration asks for and makes
 * the bytes for each destination.
 *
 *    VrrpInstance ── OwnAdvert ──▶ InstanceTransport ── datagrams ──▶ raw socket (protocol 112) or UDP
 *         ▲                                                                │
 *         └──────────────────────────── receive ◀──────────────────────────┘
 */
import type { IpAddress } from '../base/address.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { openVrrpEndpoint, type SendOutcome } from '../kernel/datagram.ts';
import { nextSequence } from '../vrrp/auth-hmac.ts';
import {
  type AdvertDatagram,
  advertDatagrams,
  advertGroup,
  isSealed,
  isUnicast,
  type OwnAdvert,
} from '../vrrp/own-advert.ts';
import type { AdvertTransport, PreparedAdvert, ReceivedAdvert } from '../vrrp/ports.ts';
import { openUdpEndpoint } from '../vrrp/transport-udp.ts';

const TTL = 255;

export interface TransportOptions {
  readonly config: VrrpInstanceConfig;
  readonly link: { readonly index: number; readonly name: string };
  readonly source: IpAddress;
  /** Wall clock, ms since 1970: the sequence numbers of auth_hmac. */
  readonly realtimeMs: () => number;
  readonly onReceive: (advert: ReceivedAdvert) => void;
  readonly onError: (code: string, detail: string) => void;
  /** For one resignation beside a process that may still hold the port. */
  readonly isSendOnly?: boolean;
}

/** What the two kinds of endpoint have in common. */
interface Carrier {
  send(payload: Uint8Array, destination: IpAddress, isRehearsal?: boolean): SendOutcome;
  drain?(): void;
  settle?(onSettled: () => void): void;
  close(): void;
}

export class InstanceTransport implements AdvertTransport {
  readonly settle?: (onSettled: () => void) => void;
  readonly #carrier: Carrier;
  readonly #realtimeMs: () => number;
  #sequence: bigint | undefined;

  constructor(carrier: Carrier, realtimeMs: () => number) {
    this.#carrier = carrier;
    this.#realtimeMs = realtimeMs;
    if (carrier.settle !== undefined) this.settle = carrier.settle;
  }

  /** One number for all peers: they get the same sealed advert. */
  send(advert: OwnAdvert): SendOutcome {
    return this.#sendAll(advertDatagrams(advert, this.#number(advert)));
  }

  /** What fails in a rehearsal fails again when it is sent. */
  prepare(advert: OwnAdvert): PreparedAdvert {
    const datagrams = advertDatagrams(advert, this.#number(advert));
    return {
      send: () => this.#sendAll(datagrams),
      rehearse: () => {
        this.#sendAll(datagrams, true);
      },
    };
  }

  drain(): void {
    this.#carrier.drain?.();
  }

  close(): void {
    this.#carrier.close();
  }

  #sendAll(datagrams: readonly AdvertDatagram[], isRehearsal = false): SendOutcome {
    let failed: SendOutcome | undefined;
    for (const { payload, destination } of datagrams) {
      const outcome = this.#carrier.send(payload, destination, isRehearsal);
      if (!outcome.ok) failed ??= outcome;
    }
    return failed ?? { ok: true };
  }

  #number({ config }: OwnAdvert): bigint | undefined {
    if (config.hmac === undefined || !isSealed(config)) return undefined;
    this.#sequence = nextSequence(this.#sequence, this.#realtimeMs(), config.hmac);
    return this.#sequence;
  }
}

/** The kernel, or whoever holds the port, refuses the endpoint. `code` is the errno's name. */
export class TransportRefused extends Error {
  readonly code: string;

  constructor(code: string, detail: string) {
    super(detail);
    this.code = code;
  }
}

/** Throws SysError (protocol 112) or TransportRefused (UDP) when there is no endpoint to be had. */
export function openTransport(options: TransportOptions): InstanceTransport {
  const carrier = options.config.transport?.kind === 'udp' ? openUdp(options) : openRaw(options);
  return new InstanceTransport(carrier, options.realtimeMs);
}

function openRaw({ config, link, source, onReceive, onError }: TransportOptions): Carrier {
  const { family, unicastTtl, receiveBufferBytes } = config;
  return openVrrpEndpoint({
    ifindex: link.index,
    ifname: link.name,
    family,
    source,
    ...(isUnicast(config) ? {} : { group: advertGroup(config) }),
    ...(unicastTtl === undefined ? {} : { unicastTtl }),
    ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
    onReceive,
    onError: (error) => onError(error.code, error.message),
  });
}

function openUdp(options: TransportOptions): Carrier {
  const { config, link, source, onReceive, onError, isSendOnly } = options;
  const { transport, unicastTtl = TTL, receiveBufferBytes } = config;
  const peerPort = transport?.kind === 'udp' ? transport.port : 0;
  const opening = openUdpEndpoint({
    source,
    port: isSendOnly === true ? 0 : peerPort,
    peerPort,
    ifname: link.name,
    ttl: unicastTtl,
    ...(receiveBufferBytes === undefined ? {} : { receiveBufferBytes }),
    onReceive,
    onError,
  });
  if (!opening.ok) throw new TransportRefused(opening.code, opening.detail);
  return opening.endpoint;
}
