/**
 * Walks a router through an election with nothing attached: it takes over, hears a better router, steps
 * back, takes over again, resigns. V8 compiles a function when it first runs, so without this the
 * compiling of the takeover's code is paid for in the takeover.
 */
import type { IpAddress } from '../base/address.ts';
import { silentLog } from '../base/log.ts';
import type { VrrpInstanceConfig } from '../config/model.ts';
import { encodeAnnouncement, MAC_LENGTH } from '../vrrp/announce.ts';
import { nextSequence } from '../vrrp/auth-hmac.ts';
import { VrrpInstance } from '../vrrp/instance.ts';
import { advertDatagrams, advertGroup, isUnicast } from '../vrrp/own-advert.ts';

const ROUNDS = 3;
/** Enough for a takeover, the bursts after it and a few adverts. */
const EXPIRIES_PER_ROUND = 12;
const BETTER_PRIORITY = 254;
const TTL = 255;
const DONE = { ok: true } as const;
const CHANGED = { ok: true, changed: true } as const;

/** `peer` is an address of the family other than `source`; it says that it is better. */
export function rehearse(config: VrrpInstanceConfig, source: IpAddress, peer: IpAddress): void {
  let nowMs = 0;
  let armedMs: number | undefined;
  let approach = (): void => {};
  let expire = (): void => {};
  let sequence: bigint | undefined;
  const mac = new Uint8Array(MAC_LENGTH);
  const instance = new VrrpInstance(config, source, {
    clock: { monotonicMs: () => nowMs, realtimeMs: () => nowMs },
    log: silentLog,
    transport: {
      send: (advert) => {
        advertDatagrams(advert);
        return DONE;
      },
      prepare: (advert) => {
        advertDatagrams(advert);
        return { send: () => DONE, rehearse: () => {} };
      },
      drain: () => {},
    },
    newTimer: (onExpire, waking) => {
      approach = waking.onApproach;
      expire = onExpire;
      return {
        arm: (deadlineMs) => {
          armedMs = deadlineMs;
        },
        disarm: () => {
          armedMs = undefined;
        },
        close: () => {},
      };
    },
    addresses: { add: () => CHANGED, remove: () => CHANGED },
    announce: (_device, address) => {
      encodeAnnouncement(address, mac);
      return DONE;
    },
    onTransition: () => {},
    onNotice: () => {},
    onReport: () => {},
    tellGroup: () => {},
  });
  const pass = (): void => {
    for (let expiry = 0; expiry < EXPIRIES_PER_ROUND && armedMs !== undefined; expiry += 1) {
      nowMs = Math.max(nowMs, armedMs);
      approach();
      armedMs = undefined;
      expire();
    }
  };
  const destination = isUnicast(config) ? source : advertGroup(config);
  const heard = { config: asHeardFrom(config, source), source: peer, priority: BETTER_PRIORITY };
  instance.start({ linkUp: true, resumeAsMaster: false });
  for (let round = 0; round < ROUNDS; round += 1) {
    pass();
    if (config.hmac !== undefined) sequence = nextSequence(sequence, nowMs, config.hmac);
    for (const { payload } of advertDatagrams(heard, sequence)) {
      instance.receive({ payload, source: peer, destination, ttl: TTL, ifindex: 0 });
    }
  }
  pass();
  instance.stop(() => {});
  pass();
  instance.close();
}

/** What the peer's configuration would be: it speaks to us where we speak to it. */
function asHeardFrom(config: VrrpInstanceConfig, us: IpAddress): VrrpInstanceConfig {
  if (!isUnicast(config)) return config;
  const { span } = config;
  return { ...config, unicastPeers: [{ span, address: us }] };
}
