/**
 * What an instance hears: a datagram is decoded, admitted or refused, and becomes an event of the machine. Every
 * refusal is counted, and told once.
 */
import { type AdmissionMemory, admitAdvert, NOTHING_HEARD } from './admission.ts';
import type { Journal } from './journal.ts';
import type { Event, RouterConfig, VrrpState } from './machine.ts';
import { decodeAdvert } from './packet.ts';
import { PeerTable } from './peer-table.ts';
import type { InstancePorts, ReceivedAdvert } from './ports.ts';

const ROUTER_ID_OFFSET = 1;
/** Whole adverts from our segment that are refused for what they say: somebody else believes to be master. */
const RIVAL_REFUSALS: ReadonlySet<string> = new Set([
  'WRONG_VERSION',
  'INTERVAL_MISMATCH',
  'AUTH_TYPE_MISMATCH',
  'AUTH_FAILURE',
  'ADDRESS_LIST_REFUSED',
]);

type Ports = Pick<InstancePorts, 'clock' | 'onOtherRouter'>;

export class Reception {
  readonly #ports: Ports;
  readonly #journal: Journal;
  readonly #peers = new PeerTable();
  #memory: AdmissionMemory = NOTHING_HEARD;

  constructor(ports: Ports, journal: Journal) {
    this.#ports = ports;
    this.#journal = journal;
  }

  /** Those that were heard, for a snapshot. */
  peers(): ReturnType<PeerTable['snapshot']> {
    return this.#peers.snapshot();
  }

  checksumForms(): ReturnType<PeerTable['checksumForms']> {
    return this.#peers.checksumForms();
  }

  /** Undefined when nothing follows from it: another router id's, which is told, or refused. */
  read(datagram: ReceivedAdvert, config: RouterConfig, state: VrrpState): Event | undefined {
    const { source } = datagram;
    const virtualRouterId = datagram.payload[ROUTER_ID_OFFSET];
    if (virtualRouterId !== undefined && virtualRouterId !== config.virtualRouterId) {
      const { interface: device, family } = config;
      this.#journal.count('otherRouterIds');
      this.#ports.onOtherRouter?.({ interface: device, family, virtualRouterId, source });
      return undefined;
    }
    const decoded = decodeAdvert(datagram.payload, datagram);
    if (!decoded.ok) return this.#refuse(decoded, datagram, state);
    const { advert } = decoded;
    const { clock } = this.#ports;
    const nowMs = clock.realtimeMs();
    const own = config.primaryAddress;
    const admission = admitAdvert(advert, datagram, config, own, this.#memory, nowMs);
    if (!admission.ok) return this.#refuse(admission, datagram, state);
    this.#memory = admission.memory ?? this.#memory;
    this.#journal.count('advertsReceived');
    this.#peers.heard(source, advert, clock.monotonicMs());
    for (const remark of admission.remarks) {
      this.#journal.count(`remark.${remark}`);
      this.#journal.logOnce(remark, { source: source.text }, 'peculiar advert accepted');
    }
    const { priority, advertIntervalMs } = advert;
    return { kind: 'advertReceived', source, priority, advertIntervalMs };
  }

  /**
   * Whoever sends adverts for our router id believes to be master, also when we cannot accept them. Damaged,
   * routed, replayed and forged ones tell nothing.
   */
  #refuse(
    { code, detail }: { readonly code: string; readonly detail: string },
    { source }: ReceivedAdvert,
    state: VrrpState,
  ): Event | undefined {
    this.#journal.count(`refused.${code}`);
    this.#journal.logOnce(code, { source: source.text, detail }, 'advert refused');
    if (state !== 'MASTER' || !RIVAL_REFUSALS.has(code)) return undefined;
    return { kind: 'foreignMasterHeard', source, code };
  }
}
