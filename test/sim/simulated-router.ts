/**
 * One director on the simulated segment: the real VrrpInstance of src/, and below it what a kernel, a
 * supervisor and a power cord would do to it.
 *
 *    VrrpInstance ── ports ──▶ held addresses, armed timer, wire (the network)
 *         ▲                         │
 *         └── drain, receive ── socket buffer ◀── the network
 */
import { silentLog } from '../../src/base/log.ts';
import type { SendOutcome } from '../../src/kernel/datagram.ts';
import { nextSequence } from '../../src/vrrp/auth-hmac.ts';
import { VrrpInstance } from '../../src/vrrp/instance.ts';
import type { RouterConfig, VrrpState } from '../../src/vrrp/machine.ts';
import type { OwnAdvert } from '../../src/vrrp/own-advert.ts';
import type { GroupNews, InstancePorts, ReceivedAdvert } from '../../src/vrrp/ports.ts';
import type { Tracking } from '../../src/vrrp/priority.ts';

/** A socket buffer is finite; what comes after is dropped, as the kernel does. */
const SOCKET_BUFFER = 256;
/** What the first checks of the servers take. */
const CHECKED_AFTER_INTERVALS = 2;
/** So long before a deadline that must be punctual its timer tells that it is near. */
const APPROACH_MS = 3;

/** What the router reaches outside itself. */
export interface Surroundings {
  nowMs(): number;
  /** Puts the advert on the wire; false when the link is down. */
  transmit(from: SimulatedRouter, advert: OwnAdvert, sequence: bigint | undefined): boolean;
  note(router: SimulatedRouter, what: string): void;
  /** The law of senders: called before the advert is on the wire. */
  onAdvert(router: SimulatedRouter, priority: number): void;
  /** Runs `run` after `ms`. */
  later(ms: number, run: () => void): void;
}

export class SimulatedRouter {
  readonly index: number;
  config: RouterConfig;
  /** Undefined: no process. */
  instance: VrrpInstance | undefined;
  /** The state that was last told; the instance's own is already the next one while actions run. */
  toldState: VrrpState = 'INIT';
  isStopping = false;
  /** A process died and nobody has yet dealt with what it left. */
  isOrphaned = false;
  armedMs: number | undefined;
  stalledUntilMs = 0;
  isLinkUp = true;
  refusesAdditions = false;
  refusesRemovals = false;
  /** The last moment at which the kernel refused us something. */
  refusedAtMs = Number.NEGATIVE_INFINITY;
  realtimeOffsetMs = 0;
  transitions = 0;
  advertsSent = 0;
  readonly socket: ReceivedAdvert[] = [];
  /** Virtual addresses in the kernel of this machine: they outlive a process, not a machine. */
  readonly held = new Set<string>();
  #onExpire: () => void = () => {};
  readonly #around: Surroundings;
  /** What enters the core, for recordings. */
  onStep: InstancePorts['record'];
  /** What a member says to its sync group. */
  onGroupNews: (news: GroupNews) => void = () => {};
  /** What is tracked comes to; undefined where nothing is. */
  tracking: Tracking | undefined;
  /** The last sequence number of auth_hmac: of a process, the next one begins with the clock again. */
  #sequence: bigint | undefined;

  constructor(index: number, config: RouterConfig, around: Surroundings) {
    this.index = index;
    this.config = config;
    this.#around = around;
  }

  get state(): VrrpState | undefined {
    return this.instance?.state;
  }

  get name(): string {
    return this.config.name;
  }

  isStalled(nowMs: number): boolean {
    return this.stalledUntilMs > nowMs;
  }

  boot(resumeAsMaster: boolean): void {
    if (this.instance !== undefined) return;
    this.isStopping = false;
    this.isOrphaned = false;
    this.toldState = 'INIT';
    this.socket.length = 0;
    // The daemon clears away what a predecessor left that is no longer wanted (daemon/leftovers.ts).
    const wanted = new Set(this.config.virtualAddresses.map(({ address }) => address.text));
    for (const text of this.held) if (!wanted.has(text)) this.held.delete(text);
    const instance = new VrrpInstance(this.config, this.config.primaryAddress, this.#ports());
    this.instance = instance;
    this.#sequence = undefined;
    if (this.tracking !== undefined) instance.trackingChanged(this.tracking);
    // Every other one has servers behind it, which are checked some time after the start.
    const awaitsChecks = this.index % 2 === 1 && !resumeAsMaster;
    instance.start({ linkUp: this.isLinkUp, resumeAsMaster, awaitsChecks });
    if (awaitsChecks) {
      this.#around.later(CHECKED_AFTER_INTERVALS * this.config.advertIntervalMs, () => {
        if (this.instance === instance) instance.serversChecked();
      });
    }
  }

  /** SIGTERM. */
  stop(): void {
    if (this.instance === undefined || this.isStopping) return;
    this.isStopping = true;
    this.instance.stop(() => {
      this.#around.note(this, 'released');
      this.#end();
    });
  }

  /** Power off: nothing said, nothing left. */
  crash(): void {
    this.#end();
    this.held.clear();
    this.isOrphaned = false;
  }

  /** SIGKILL of the process: its kernel keeps the addresses. */
  die(): void {
    if (this.instance === undefined) return;
    this.#end();
    this.isOrphaned = this.held.size > 0;
  }

  track(tracking: Tracking): void {
    this.tracking = tracking;
    this.instance?.trackingChanged(tracking);
  }

  reload(config: RouterConfig): void {
    if (this.isStopping) return;
    this.config = config;
    this.instance?.reconfigure(config);
  }

  /** Everything that is due now, in the order that this wake-up happened to see it. */
  wake(isTimerFirst: boolean): void {
    if (isTimerFirst) this.#fire();
    while (this.instance !== undefined) {
      const datagram = this.socket.shift();
      if (datagram === undefined) break;
      this.instance.receive(datagram);
    }
    if (!isTimerFirst) this.#fire();
  }

  arrive(datagram: ReceivedAdvert): void {
    if (this.instance === undefined || !this.isLinkUp) return;
    if (this.socket.length < SOCKET_BUFFER) this.socket.push(datagram);
  }

  #fire(): void {
    if (this.armedMs === undefined || this.armedMs > this.#around.nowMs()) return;
    this.armedMs = undefined;
    this.#onExpire();
  }

  #end(): void {
    this.instance?.close();
    this.instance = undefined;
    this.isStopping = false;
    this.armedMs = undefined;
    this.socket.length = 0;
  }

  #number(): bigint | undefined {
    const { hmac } = this.config;
    if (hmac === undefined) return undefined;
    this.#sequence = nextSequence(this.#sequence, this.#realtimeMs(), hmac);
    return this.#sequence;
  }

  #realtimeMs(): number {
    return 1_700_000_000_000 + this.#around.nowMs() + this.realtimeOffsetMs;
  }

  #send(advert: OwnAdvert): SendOutcome {
    const around = this.#around;
    const { virtualAddresses, advertIntervalMs } = this.config;
    const isStale =
      advert.config.virtualAddresses !== virtualAddresses ||
      advert.config.advertIntervalMs !== advertIntervalMs;
    if (isStale) throw new Error(`${this.name} sends an advert of a configuration it has no more`);
    around.onAdvert(this, advert.priority);
    if (!around.transmit(this, advert, this.#number())) {
      return { ok: false, code: 'ENETDOWN', detail: 'simulated' };
    }
    this.advertsSent += 1;
    return { ok: true };
  }

  #ports(): InstancePorts {
    const around = this.#around;
    const refusal = { ok: false, code: 'ENOMEM', detail: 'simulated' } as const;
    return {
      clock: {
        monotonicMs: () => around.nowMs(),
        realtimeMs: () => this.#realtimeMs(),
      },
      log: silentLog,
      transport: {
        send: (advert) => this.#send(advert),
        prepare: (advert) => ({ send: () => this.#send(advert), rehearse: () => {} }),
        drain: () => {
          for (const datagram of this.socket.splice(0)) this.instance?.receive(datagram);
        },
      },
      newTimer: (onExpire, waking) => {
        this.#onExpire = onExpire;
        return {
          arm: (deadlineMs, isApproached) => {
            this.armedMs = deadlineMs;
            if (!isApproached) return;
            const waitMs = deadlineMs - APPROACH_MS - around.nowMs();
            around.later(Math.max(0, waitMs), () => {
              const isAwake = !this.isStalled(around.nowMs());
              if (this.armedMs === deadlineMs && isAwake) waking.onApproach();
            });
          },
          disarm: () => {
            this.armedMs = undefined;
          },
          close: () => {
            this.armedMs = undefined;
          },
        };
      },
      addresses: {
        add: ({ address }) => {
          if (this.refusesAdditions) {
            this.refusedAtMs = around.nowMs();
            return refusal;
          }
          const changed = !this.held.has(address.text);
          this.held.add(address.text);
          return { ok: true, changed };
        },
        remove: ({ address }) => {
          if (this.refusesRemovals) {
            this.refusedAtMs = around.nowMs();
            return refusal;
          }
          const changed = this.held.delete(address.text);
          // The kernel tells every removal, our own too, a little later.
          if (changed) around.later(0.2, () => this.instance?.addressRemoved(address));
          return { ok: true, changed };
        },
      },
      announce: () => ({ ok: true }),
      // Beside the changes of state nothing is looked at here.
      onNotice: () => {},
      onReport: () => {},
      tellGroup: (news) => this.onGroupNews(news),
      onTransition: ({ from, to, reason }) => {
        this.toldState = to;
        this.transitions += 1;
        around.note(this, `${from} -> ${to}: ${reason}`);
      },
      ...(this.onStep === undefined ? {} : { record: this.onStep }),
    };
  }
}
