/**
 * One VRRP instance, driven: feeds events to the state machine, performs its actions strictly in order,
 * and feeds their outcomes back as events. Decides nothing itself.
 *
 *    receive, linkChanged, stop … --> queue --> step --> actions --> ports
 *            timer --> drain, re-check --^        outcomes --^
 */
import type { IpAddress } from '../base/address.ts';
import { AddressService } from './address-service.ts';
import { type Due, Expiry } from './expiry.ts';
import { initialState, step } from './fsm.ts';
import { Journal } from './journal.ts';
import type {
  Action,
  Event,
  GroupOrder,
  MemberConfig,
  RouterConfig,
  State,
  Step,
  VrrpState,
} from './machine.ts';
import { encodeOwnAdvert, type OwnAdvert } from './own-advert.ts';
import type { HandoverEnd, InstancePorts, PreparedAdvert, ReceivedAdvert } from './ports.ts';
import type { Tracking } from './priority.ts';
import { Reception } from './reception.ts';
import { handoverObstacle } from './release.ts';
import { type InstanceSnapshot, snapshotOf } from './snapshot.ts';

export type { InstanceNotice, InstancePorts, Transition } from './ports.ts';
export type { InstanceSnapshot } from './snapshot.ts';

/** A takeover that was planned for its deadline is carried out as planned so long after it, ms. */
const PUNCTUAL_MS = 5;

interface StartOptions {
  readonly linkUp: boolean;
  readonly resumeAsMaster: boolean;
  readonly awaitsChecks?: boolean;
}

/** What a deadline that is near will do, unless anything happens before it. */
interface PlannedStep {
  readonly due: Due;
  readonly step: Step;
  readonly advert: PreparedAdvert;
}

type OutcomeEvent = Extract<Event, { kind: 'addressesApplied' }>;

export class VrrpInstance {
  readonly #ports: InstancePorts;
  readonly #expiry: Expiry;
  readonly #journal: Journal;
  readonly #addresses: AddressService;
  readonly #reception: Reception;
  readonly #queue: { readonly event: Event; readonly atMs?: number | undefined }[] = [];
  #config: RouterConfig;
  #state: State;
  #isRunning = false;
  #isClosed = false;
  #sinceMs: number;
  #reason = 'NOT_STARTED';
  #lastAdvertSentMs: number | undefined;
  #onReleased: (() => void) | undefined;
  #onHandedOver: ((end: HandoverEnd) => void) | undefined;
  #contributions: Tracking['contributions'] = [];
  #planned: PlannedStep | undefined;
  /** The advert of the planned step that is being performed. */
  #plannedAdvert: PreparedAdvert | undefined;

  /** Throws when the configuration does not fit into an advert: here, not at the first takeover. */
  constructor(config: MemberConfig, primaryAddress: IpAddress, ports: InstancePorts) {
    this.#config = { ...config, primaryAddress };
    encodeOwnAdvert(config, primaryAddress, config.priority);
    this.#ports = ports;
    this.#state = initialState(this.#config);
    this.#sinceMs = ports.clock.realtimeMs();
    this.#journal = new Journal(ports.log, () => ({
      instance: this.#config.name,
      state: this.#state.name,
    }));
    this.#addresses = new AddressService(ports, this.#journal);
    this.#reception = new Reception(ports, this.#journal);
    this.#expiry = new Expiry(ports, (due) => this.#feed(timerFired(due)), {
      prepare: (due) => this.#plan(due),
      wait: () => this.#planned?.advert.rehearse(),
    });
  }

  /**
   * Begins, once. `resumeAsMaster`: become MASTER at once, for a restarted process that was master a
   * moment ago; without it what a predecessor left on the interface is taken off first. `awaitsChecks`: no
   * living master is preempted before `serversChecked`.
   */
  start(options: StartOptions): void {
    const { linkUp: isLinkUp, resumeAsMaster, awaitsChecks = false } = options;
    const held = awaitsChecks ? { awaitsChecks } : {};
    this.#feed({ kind: 'started', isLinkUp, resumeAsMaster, ...held });
  }

  /** From here on a living master of lower priority is preempted. */
  serversChecked(): void {
    this.#feed({ kind: 'serversChecked' });
  }

  /** An advert; for other routers' ids it is told and ignored, and anything bad is counted. */
  receive(datagram: ReceivedAdvert): void {
    if (this.#isClosed) return;
    const event = this.#reception.read(datagram, this.#config, this.#state.name);
    if (event !== undefined) this.#feed(event, datagram.receivedMs);
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
    this.#journal.count('addressConflicts');
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
      counters: this.#journal.counters,
      lastAdvertSentMs: this.#lastAdvertSentMs,
      peers: this.#reception.peers(),
      contributions: this.#contributions,
    });
  }

  /** Ends at once, without a word on the wire and with the addresses as they are. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#expiry.close();
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
    this.#expiry.arm();
  }

  /**
   * The takeover's advert is what ends the wait of everybody else: it is decided and made while we wait.
   * The machine is asked what it would do at the deadline, and nothing of it is done.
   */
  #plan(due: Due): void {
    if (this.#isClosed || this.#isRunning) return;
    const planned = step(this.#config, this.#state, timerFired(due), due.deadlineMs);
    const [first] = planned.actions;
    if (first?.kind !== 'sendAdvert') return;
    const advert = this.#ports.transport.prepare(this.#ownAdvert(first.priority));
    this.#planned = { due, step: planned, advert };
  }

  /** What was planned for this very event; whatever else happens makes it void. */
  #takePlanned(event: Event, happenedMs: number): PlannedStep | undefined {
    const planned = this.#planned;
    this.#planned = undefined;
    if (event.kind !== 'timerFired' || planned === undefined) return undefined;
    const { timer, deadlineMs } = planned.due;
    // We may have stood still between the two: the machine is asked again, with the time that it is.
    if (happenedMs - deadlineMs > PUNCTUAL_MS) return undefined;
    return event.timer === timer && event.deadlineMs === deadlineMs ? planned : undefined;
  }

  #run(event: Event, happenedMs: number): void {
    const config = this.#config;
    const planned = this.#takePlanned(event, happenedMs);
    const atMs = planned?.due.deadlineMs ?? happenedMs;
    const { state, actions } = planned?.step ?? step(config, this.#state, event, atMs);
    this.#plannedAdvert = planned?.advert;
    this.#ports.record?.({ atMs, config, event, actions });
    if (state.name !== this.#state.name) this.#journal.beginState();
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
        outcomes.push({
          kind: 'addressesApplied',
          wanted: 'present',
          ok: this.#addresses.add(action),
        });
        return;
      case 'removeAddresses':
        outcomes.push({
          kind: 'addressesApplied',
          wanted: 'absent',
          ok: this.#addresses.remove(action),
        });
        return;
      case 'announce':
        this.#announce(action);
        return;
      case 'notify':
        this.#notify(action);
        return;
      case 'setTimer':
        this.#expiry.set(action.timer, action.deadlineMs);
        return;
      case 'clearTimer':
        this.#expiry.clear(action.timer);
        return;
      case 'count':
        this.#journal.count(action.name);
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

  #ownAdvert(priority: number): OwnAdvert {
    const config = this.#config;
    const peerForms = this.#reception.checksumForms();
    return { config, source: config.primaryAddress, priority, peerForms };
  }

  #sendAdvert(priority: number): void {
    const planned = this.#plannedAdvert;
    this.#plannedAdvert = undefined;
    const outcome = planned?.send() ?? this.#ports.transport.send(this.#ownAdvert(priority));
    if (outcome.ok) {
      this.#journal.count(priority === 0 ? 'priorityZeroSent' : 'advertsSent');
      this.#lastAdvertSentMs = this.#ports.clock.monotonicMs();
      return;
    }
    this.#journal.count('sendFailures');
    this.#journal.logOnce(outcome.code, { detail: outcome.detail }, 'advert not sent');
  }

  #announce(action: Extract<Action, { kind: 'announce' }>): void {
    const announced = this.#addresses.announce(action);
    if (action.burst === 'restored') this.#tellRestored(announced.map(({ address }) => address));
  }

  #notify({ from, to, reason }: Extract<Action, { kind: 'notify' }>): void {
    this.#sinceMs = this.#ports.clock.realtimeMs();
    this.#reason = reason;
    const { name } = this.#config;
    const { priority } = this.#state;
    this.#ports.log.info({ instance: name, from, to, reason, priority }, 'state change');
    this.#ports.onTransition({ name, from, to, reason, priority });
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

  #tellRestored(addresses: readonly IpAddress[]): void {
    const { name: instance } = this.#config;
    for (const { text } of addresses) {
      this.#ports.onReport({ name: 'addressRestored', instance, fields: { address: text } });
    }
    const restored = addresses.map(({ text }) => text).join(' ');
    this.#journal.logOnce(`restored ${restored}`, { addresses: restored }, 'taken away, put back');
  }
}

function timerFired(due: Due): Extract<Event, { kind: 'timerFired' }> {
  return { kind: 'timerFired', ...due };
}
