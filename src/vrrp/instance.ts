/**
 * One VRRP instance, driven: feeds events to the state machine, performs its actions strictly in order,
 * and feeds their outcomes back as events. Decides nothing itself.
 *
 *    receive, linkChanged, stop … --> queue --> step --> actions --> ports
 *            timer --> drain, re-check --^        outcomes --^
 */
import type { IpAddress } from '../base/address.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import type { AddressOutcome } from '../kernel/links.ts';
import { type AdmissionMemory, admitAdvert, NOTHING_HEARD } from './admission.ts';
import { burstOrder } from './announce.ts';
import { initialState, step } from './fsm.ts';
import type {
  Action,
  Event,
  GroupOrder,
  MemberConfig,
  RouterConfig,
  State,
  TimerName,
  VrrpState,
} from './machine.ts';
import { encodeOwnAdvert } from './own-advert.ts';
import { decodeAdvert } from './packet.ts';
import { PeerTable } from './peer-table.ts';
import type { DeadlineTimerPort, HandoverEnd, InstancePorts, ReceivedAdvert } from './ports.ts';
import type { Tracking } from './priority.ts';
import { handoverObstacle } from './release.ts';
import { type InstanceSnapshot, snapshotOf } from './snapshot.ts';

export type { InstanceNotice, InstancePorts, Transition } from './ports.ts';
export type { InstanceSnapshot } from './snapshot.ts';

/** Timers believed in one expiry; more than that at one moment is a defect of the machine. */
const TIMERS_PER_EXPIRY_MAX = 16;
const ROUTER_ID_OFFSET = 1;
/** Whole adverts from our segment that are refused for what they say: somebody else believes to be master. */
const RIVAL_REFUSALS: ReadonlySet<string> = new Set([
  'WRONG_VERSION',
  'INTERVAL_MISMATCH',
  'AUTH_TYPE_MISMATCH',
  'AUTH_FAILURE',
  'ADDRESS_LIST_REFUSED',
]);

type OutcomeEvent = Extract<Event, { kind: 'addressesApplied' }>;

export class VrrpInstance {
  readonly #ports: InstancePorts;
  readonly #timer: DeadlineTimerPort;
  readonly #queue: { readonly event: Event; readonly atMs?: number | undefined }[] = [];
  readonly #deadlines = new Map<TimerName, number>();
  readonly #counters = new Map<string, number>();
  /** Virtual addresses the kernel holds for us. */
  readonly #present = new Set<string>();
  /** What was logged already in this state. */
  readonly #logged = new Set<string>();
  #config: RouterConfig;
  #state: State;
  #isRunning = false;
  #isClosed = false;
  #armedMs: number | undefined;
  #sinceMs: number;
  #reason = 'NOT_STARTED';
  #lastAdvertSentMs: number | undefined;
  #memory: AdmissionMemory = NOTHING_HEARD;
  readonly #peers = new PeerTable();
  #isSettling = false;
  #onReleased: (() => void) | undefined;
  #onHandedOver: ((end: HandoverEnd) => void) | undefined;
  #contributions: Tracking['contributions'] = [];

  /** Throws when the configuration does not fit into an advert: here, not at the first takeover. */
  constructor(config: MemberConfig, primaryAddress: IpAddress, ports: InstancePorts) {
    this.#config = { ...config, primaryAddress };
    encodeOwnAdvert(config, primaryAddress, config.priority);
    this.#ports = ports;
    this.#state = initialState(this.#config);
    this.#sinceMs = ports.clock.realtimeMs();
    this.#timer = ports.newTimer(
      () => this.#expire(),
      () => this.#approach(),
    );
  }

  /**
   * Begins, once. `resumeAsMaster`: become MASTER at once, for a restarted process that was master a
   * moment ago; without it what a predecessor left on the interface is taken off first.
   */
  start(options: { readonly linkUp: boolean; readonly resumeAsMaster: boolean }): void {
    const { linkUp, resumeAsMaster } = options;
    this.#feed({ kind: 'started', isLinkUp: linkUp, resumeAsMaster });
  }

  /** An advert; for other routers' ids it is told and ignored, and anything bad is counted. */
  receive(datagram: ReceivedAdvert): void {
    if (this.#isClosed) return;
    const { source } = datagram;
    const virtualRouterId = datagram.payload[ROUTER_ID_OFFSET];
    if (virtualRouterId !== undefined && virtualRouterId !== this.#config.virtualRouterId) {
      const { interface: device, family } = this.#config;
      this.#count('otherRouterIds');
      this.#ports.onOtherRouter?.({ interface: device, family, virtualRouterId, source });
      return;
    }
    const decoded = decodeAdvert(datagram.payload, datagram);
    if (!decoded.ok) {
      this.#refuse(decoded.code, decoded.detail, source);
      return;
    }
    const { advert } = decoded;
    const { primaryAddress } = this.#config;
    const nowMs = this.#ports.clock.realtimeMs();
    const admission = admitAdvert(
      advert,
      datagram,
      this.#config,
      primaryAddress,
      this.#memory,
      nowMs,
    );
    if (!admission.ok) {
      this.#refuse(admission.code, admission.detail, source);
      return;
    }
    this.#memory = admission.memory ?? this.#memory;
    this.#count('advertsReceived');
    this.#peers.heard(source, advert, this.#ports.clock.monotonicMs());
    for (const remark of admission.remarks) {
      this.#count(`remark.${remark}`);
      this.#logOnce(remark, { source: source.text }, 'peculiar advert accepted');
    }
    const { priority, advertIntervalMs } = advert;
    const { receivedMs } = datagram;
    this.#feed({ kind: 'advertReceived', source, priority, advertIntervalMs }, receivedMs);
  }

  /** Carrier or administrative state of the instance's interface changed. */
  linkChanged(isUp: boolean): void {
    this.#feed({ kind: 'linkChanged', isUp });
  }

  /** What is tracked changed: the effective priority, what of it is a fault, and how it came to be. */
  trackingChanged({ priority, faults, contributions }: Tracking): void {
    this.#contributions = contributions;
    this.#feed({ kind: 'trackingChanged', priority, faults });
  }

  /** The sync group decided; `by` is the member that made it necessary. */
  forceByGroup(order: GroupOrder, by: string): void {
    this.#feed({ kind: 'groupForced', order, by });
  }

  /**
   * Hands mastership to another router, make before break. Calls back once, at the end: at once when this
   * instance is not the one to do it; one handover at a time.
   */
  handOver(onEnd: (end: HandoverEnd) => void): void {
    if (this.#onHandedOver !== undefined) {
      onEnd({ ok: false, code: 'BUSY' });
      return;
    }
    this.#onHandedOver = onEnd;
    this.#feed({ kind: 'handoverRequested' });
  }

  /** Why `handOver` would be refused now; undefined when it can begin. */
  handoverObstacle(): Extract<HandoverEnd, { ok: false }>['code'] | undefined {
    return handoverObstacle(this.#config, this.#state);
  }

  /** The kernel said that this address is gone from its interface; our own removals may be told too. */
  addressRemoved(address: IpAddress): void {
    this.#feed({ kind: 'addressRemoved', address });
  }

  /**
   * Another host on the link says that an address of ours is at its MAC, and the next master it is not.
   * While we let go, it may well be.
   */
  addressClaimed(device: string, address: IpAddress, mac: string): void {
    if (this.#state.name !== 'MASTER' || this.#state.isReleasing) return;
    this.#count('addressConflicts');
    const { name: instance } = this.#config;
    const fields = { address: address.text, mac, device };
    this.#ports.log.error({ instance, ...fields }, 'another host answers for a virtual address');
    this.#ports.onReport({ name: 'addressConflict', instance, fields });
  }

  /**
   * The same instance with another configuration, mastership kept. Throws when it does not fit into an
   * advert, or is another instance: router id, interface, version and family are its identity, its name
   * is not.
   */
  reconfigure(config: MemberConfig): void {
    const previous = this.#config;
    const identity = ['virtualRouterId', 'interface', 'version', 'family'] as const;
    const changed = identity.filter((key) => config[key] !== previous[key]);
    if (changed.length > 0) {
      throw new Error(`Instance ${previous.name} cannot change its ${changed.join(', ')}`);
    }
    encodeOwnAdvert(config, previous.primaryAddress, config.priority);
    this.#config = { ...config, primaryAddress: previous.primaryAddress };
    this.#feed({ kind: 'configChanged', previous });
  }

  /**
   * Orderly release, make before break: says priority 0, goes on serving until the successor's advert is
   * heard (at most about two advert intervals), then takes the addresses off. Calls back once.
   */
  stop(onReleased: () => void): void {
    this.#onReleased ??= onReleased;
    this.#feed({ kind: 'stopped' });
  }

  /** When our last advert went out, monotonic ms: undefined before the first. */
  get lastAdvertSentMs(): number | undefined {
    return this.#lastAdvertSentMs;
  }

  get state(): VrrpState {
    return this.#state.name;
  }

  snapshot(): InstanceSnapshot {
    return snapshotOf({
      config: this.#config,
      state: this.#state,
      sinceMs: this.#sinceMs,
      reason: this.#reason,
      counters: this.#counters,
      lastAdvertSentMs: this.#lastAdvertSentMs,
      peers: this.#peers.snapshot(),
      contributions: this.#contributions,
    });
  }

  /** Ends at once, without a word on the wire and with the addresses as they are. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer.close();
  }

  /** `atMs`: when it happened, where that is known better than as now. */
  #feed(event: Event, atMs?: number): void {
    if (this.#isClosed) return;
    this.#queue.push({ event, atMs });
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#run(next.event, next.atMs ?? this.#ports.clock.monotonicMs());
      }
    } finally {
      this.#isRunning = false;
    }
    this.#arm();
  }

  #run(event: Event, atMs: number): void {
    const config = this.#config;
    const { state, actions } = step(config, this.#state, event, atMs);
    this.#ports.record?.({ atMs, config, event, actions });
    if (state.name !== this.#state.name) this.#logged.clear();
    this.#state = state;
    const outcomes: OutcomeEvent[] = [];
    for (const action of actions) this.#perform(action, outcomes);
    // What the kernel answered belongs to these actions: it goes before anything that came meanwhile.
    this.#queue.unshift(...outcomes.map((outcome) => ({ event: outcome })));
  }

  #perform(action: Action, outcomes: OutcomeEvent[]): void {
    switch (action.kind) {
      case 'sendAdvert':
        this.#sendAdvert(action.priority);
        return;
      case 'addAddresses':
        outcomes.push({ kind: 'addressesApplied', wanted: 'present', ok: this.#add(action) });
        return;
      case 'removeAddresses':
        outcomes.push({ kind: 'addressesApplied', wanted: 'absent', ok: this.#remove(action) });
        return;
      case 'announce':
        this.#announce(action);
        return;
      case 'notify':
        this.#notify(action);
        return;
      case 'setTimer':
        this.#deadlines.set(action.timer, action.deadlineMs);
        return;
      case 'clearTimer':
        this.#deadlines.delete(action.timer);
        return;
      case 'count':
        this.#count(action.name);
        return;
      case 'notice':
        this.#ports.onNotice({
          name: this.#config.name,
          state: action.state,
          priority: this.#state.priority,
          reason: action.reason,
        });
        return;
      case 'report':
        this.#report(action);
        return;
      case 'tellGroup':
        this.#ports.tellGroup(action.tells);
        return;
      case 'handedOver': {
        const onEnd = this.#onHandedOver;
        this.#onHandedOver = undefined;
        onEnd?.(action.end);
        return;
      }
      case 'released':
        this.#onReleased?.();
        this.#onReleased = undefined;
    }
  }

  /**
   * Believing a timeout: after a stall the timer runs before the datagrams that arrived meanwhile, so
   * these are heard first. They may move the deadline; only one that is still due is told to the machine.
   */
  #expire(): void {
    if (this.#isClosed) return;
    this.#armedMs = undefined;
    const { transport } = this.#ports;
    transport.drain();
    if (transport.settle === undefined) {
      this.#believe();
    } else if (!this.#isSettling) {
      this.#isSettling = true;
      transport.settle(() => {
        this.#isSettling = false;
        this.#believe();
      });
    }
  }

  #believe(): void {
    if (this.#isClosed) return;
    for (let fired = 0; ; fired += 1) {
      const due = this.#earliest();
      if (due === undefined || due.deadlineMs > this.#ports.clock.monotonicMs()) break;
      if (fired === TIMERS_PER_EXPIRY_MAX) throw new Error(`The timer ${due.timer} fires for ever`);
      this.#deadlines.delete(due.timer);
      this.#feed({ kind: 'timerFired', ...due });
    }
    this.#arm();
  }

  /** A takeover is near: what has arrived may put it off, and then nobody waits for it awake. */
  #approach(): void {
    if (!this.#isClosed) this.#ports.transport.drain();
  }

  #earliest(): { readonly timer: TimerName; readonly deadlineMs: number } | undefined {
    let earliest: { timer: TimerName; deadlineMs: number } | undefined;
    for (const [timer, deadlineMs] of this.#deadlines) {
      if (earliest === undefined || deadlineMs < earliest.deadlineMs) {
        earliest = { timer, deadlineMs };
      }
    }
    return earliest;
  }

  #arm(): void {
    // While settling the timer has expired already and need not again.
    if (this.#isClosed || this.#isSettling) return;
    const earliest = this.#earliest();
    if (earliest?.deadlineMs === this.#armedMs) return;
    this.#armedMs = earliest?.deadlineMs;
    if (earliest === undefined) this.#timer.disarm();
    else this.#timer.arm(earliest.deadlineMs, earliest.timer === 'masterDown');
  }

  #sendAdvert(priority: number): void {
    const outcome = this.#ports.transport.send({
      config: this.#config,
      source: this.#config.primaryAddress,
      priority,
      peerForms: this.#peers.checksumForms(),
    });
    if (outcome.ok) {
      this.#count(priority === 0 ? 'priorityZeroSent' : 'advertsSent');
      this.#lastAdvertSentMs = this.#ports.clock.monotonicMs();
      return;
    }
    this.#count('sendFailures');
    this.#logOnce(outcome.code, { detail: outcome.detail }, 'advert not sent');
  }

  #add({ addresses }: Extract<Action, { kind: 'addAddresses' }>): boolean {
    let isComplete = true;
    for (const address of addresses) {
      const outcome = this.#ports.addresses.add(address);
      if (outcome.ok) {
        this.#present.add(placeOf(address));
        continue;
      }
      isComplete = false;
      this.#present.delete(placeOf(address));
      this.#logAddress('address not added', address.address, outcome);
    }
    return isComplete;
  }

  #remove({ addresses }: Extract<Action, { kind: 'removeAddresses' }>): boolean {
    let isComplete = true;
    for (const address of addresses) {
      const outcome = this.#ports.addresses.remove(address);
      this.#present.delete(placeOf(address));
      if (outcome.ok) continue;
      isComplete = false;
      this.#logAddress('address not removed', address.address, outcome);
    }
    return isComplete;
  }

  #announce({ addresses, repeat, burst }: Extract<Action, { kind: 'announce' }>): void {
    const present = addresses.filter((address) => this.#present.has(placeOf(address)));
    if (burst === 'restored') this.#logRestored(present.map(({ address }) => address));
    for (const { device, address } of burstOrder(present, repeat)) {
      const outcome = this.#ports.announce(device, address);
      this.#count(outcome.ok ? 'announcementsSent' : 'announcementFailures');
      if (outcome.ok) continue;
      const fields = { address: address.text, device, detail: outcome.detail };
      this.#logOnce(`announce ${outcome.code}`, fields, 'address not announced');
    }
  }

  #notify({ from, to, reason }: Extract<Action, { kind: 'notify' }>): void {
    this.#sinceMs = this.#ports.clock.realtimeMs();
    this.#reason = reason;
    const { name } = this.#config;
    const { priority } = this.#state;
    this.#ports.log.info({ instance: name, from, to, reason, priority }, 'state change');
    this.#ports.onTransition({ name, from, to, reason, priority });
  }

  #refuse(code: string, detail: string, source: IpAddress): void {
    this.#count(`refused.${code}`);
    this.#logOnce(code, { source: source.text, detail }, 'advert refused');
    this.#heardForeignMaster(source, code);
  }

  /**
   * Whoever sends adverts for our router id believes to be master, also when we cannot accept them. Damaged,
   * routed, replayed and forged ones tell nothing.
   */
  #heardForeignMaster(source: IpAddress, code: string): void {
    if (this.#state.name !== 'MASTER' || !RIVAL_REFUSALS.has(code)) return;
    this.#feed({ kind: 'foreignMasterHeard', source, code });
  }

  #report({ name, rival }: Extract<Action, { kind: 'report' }>): void {
    const { address, priority, refused } = rival;
    const fields = {
      peer: address.text,
      ...(priority === undefined ? {} : { priority }),
      ...(refused === undefined ? {} : { refused }),
    };
    const { name: instance } = this.#config;
    const isDetected = name === 'splitBrainDetected';
    const message = isDetected ? 'split brain: another master' : 'split brain is over';
    this.#ports.log[isDetected ? 'error' : 'info']({ instance, ...fields }, message);
    this.#ports.onReport({ name, instance, fields });
  }

  #logRestored(addresses: readonly IpAddress[]): void {
    const { name: instance } = this.#config;
    for (const { text } of addresses) {
      this.#ports.onReport({ name: 'addressRestored', instance, fields: { address: text } });
    }
    const restored = addresses.map(({ text }) => text).join(' ');
    this.#logOnce(`restored ${restored}`, { addresses: restored }, 'taken away, put back');
  }

  #logAddress(message: string, address: IpAddress, outcome: AddressOutcome & { ok: false }): void {
    const { code, detail } = outcome;
    this.#logOnce(`${message} ${code}`, { address: address.text, detail }, message);
  }

  /** At most once per name and state: what repeats is counted, not logged. */
  #logOnce(name: string, fields: Readonly<Record<string, string>>, message: string): void {
    if (this.#logged.has(name)) return;
    this.#logged.add(name);
    const { name: instance } = this.#config;
    this.#ports.log.warn({ instance, code: name, state: this.#state.name, ...fields }, message);
  }

  #count(name: string): void {
    this.#counters.set(name, (this.#counters.get(name) ?? 0) + 1);
  }
}

function placeOf({ device, address }: VirtualAddressConfig): string {
  return `${device} ${address.text}`;
}
