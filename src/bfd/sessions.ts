/**
 * All sessions of this host: hands each what arrives for it and what is due, sends what it says, tells every
 * change. Thin: what a session does is in session.ts, which one is meant in reception.ts.
 */
import type { Family } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { BfdInstanceConfig } from '../config/model-vrrp.ts';
import type { BfdListener, BfdSender, BfdSenderOptions } from '../kernel/bfd-socket.ts';
import type { SendOutcome } from '../kernel/datagram.ts';
import type { Datagram, ReceiverHandlers } from '../kernel/datagram-receiver.ts';
import { type ControlPacket, describeDiagnostic, encodePacket } from './packet.ts';
import { admit, type Receiver } from './reception.ts';
import {
  deadlineOf,
  type Moment,
  openSession,
  type Session,
  type SessionAction,
  type SessionConfig,
  type SessionEvent,
  step,
} from './session.ts';
import {
  type BfdSnapshot,
  noCounts,
  reportOf,
  type SessionReport,
  snapshotOf,
} from './snapshot.ts';

/** RFC 5881 section 4, RFC 5883 section 5. */
export const SINGLE_HOP_PORT = 3784;
export const MULTIHOP_PORT = 4784;
/** RFC 5881 section 4. */
const SOURCE_PORT_MIN = 49_152;
const SOURCE_PORTS = 16_384;
/** A port that somebody else has is tried again. */
const LISTEN_AGAIN_MS = 1_000;
const DISCRIMINATOR_MAX = 0xffff_ffff;

export interface SessionsPorts {
  readonly clock: Clock;
  readonly log: Log;
  /** 0 to 1, as Math.random. */
  readonly random: () => number;
  readonly newTimer: (onExpire: () => void) => { arm(deadlineMs: number): void; close(): void };
  /** Both throw errors with a `code`. */
  readonly openListener: (family: Family, port: number, handlers: ReceiverHandlers) => BfdListener;
  readonly openSender: (options: BfdSenderOptions) => BfdSender;
  readonly onReport: (report: SessionReport) => void;
}

interface Entry extends Receiver {
  instance: BfdInstanceConfig;
  session: Session;
  sender: BfdSender | undefined;
  /** The same for as long as the session lasts (RFC 5881 section 4). */
  sourcePort: number;
  sinceMs: number;
  hasBeenUp: boolean;
  downDiagnostic: number | undefined;
  trouble: string | undefined;
  readonly counts: ReturnType<typeof noCounts>;
}

type ListenerName = `${Family} ${number}`;

export class Sessions {
  readonly #ports: SessionsPorts;
  readonly #timer: ReturnType<SessionsPorts['newTimer']>;
  readonly #entries = new Map<string, Entry>();
  readonly #byDiscriminator = new Map<number, Entry>();
  readonly #listeners = new Map<ListenerName, BfdListener>();
  /** Why a listener that is needed is not there. */
  readonly #refusedListeners = new Map<ListenerName, string>();
  #listenAgainMs: number | undefined;
  #armedMs = Number.POSITIVE_INFINITY;
  /** Datagrams that no session was meant by, by why. */
  readonly #strangers = new Map<string, number>();

  constructor(ports: SessionsPorts) {
    this.#ports = ports;
    this.#timer = ports.newTimer(() => this.#expire());
  }

  /**
   * From now on these sessions. Who is talked to, and as who, makes a session the same: it stays as it is, told
   * of its new intervals; those that are removed say AdminDown.
   */
  configure(instances: readonly BfdInstanceConfig[]): void {
    const wanted = new Map(instances.map((instance) => [identityOf(instance), instance]));
    for (const [identity, entry] of this.#entries) {
      const next = wanted.get(identity);
      if (next === undefined) this.#remove(identity, entry);
      else this.#reconfigure(entry, next);
    }
    for (const [identity, instance] of wanted) {
      if (!this.#entries.has(identity)) this.#add(identity, instance);
    }
    this.#listen();
    for (const entry of this.#entries.values()) this.#ports.onReport(reportOf(entry));
    this.#arm();
  }

  snapshot(): readonly BfdSnapshot[] {
    return Array.from(this.#entries.values(), snapshotOf);
  }

  /** Datagrams that were for no session, by why. */
  strangers(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#strangers].sort());
  }

  /** Every session says AdminDown; all sockets are closed. */
  close(): void {
    for (const [identity, entry] of this.#entries) this.#remove(identity, entry);
    for (const listener of this.#listeners.values()) listener.close();
    this.#listeners.clear();
    this.#timer.close();
  }

  #add(identity: string, instance: BfdInstanceConfig): void {
    const { clock, random } = this.#ports;
    const discriminator = this.#freeDiscriminator();
    const entry: Entry = {
      ...receiverOf(instance, discriminator),
      instance,
      session: openSession(configOf(instance), discriminator, this.#moment()),
      sender: undefined,
      sourcePort: SOURCE_PORT_MIN + Math.floor(random() * SOURCE_PORTS),
      sinceMs: clock.realtimeMs(),
      hasBeenUp: false,
      downDiagnostic: undefined,
      trouble: undefined,
      counts: noCounts(),
    };
    this.#entries.set(identity, entry);
    this.#byDiscriminator.set(discriminator, entry);
  }

  #reconfigure(entry: Entry, instance: BfdInstanceConfig): void {
    if (entry.ttl !== instance.ttl) {
      entry.sender?.close();
      entry.sender = undefined;
    }
    entry.instance = instance;
    Object.assign(entry, receiverOf(instance, entry.discriminator));
    this.#step(entry, { kind: 'configured', config: configOf(instance) });
  }

  #remove(identity: string, entry: Entry): void {
    this.#step(entry, { kind: 'closed' });
    entry.sender?.close();
    this.#entries.delete(identity);
    this.#byDiscriminator.delete(entry.discriminator);
  }

  #freeDiscriminator(): number {
    for (;;) {
      const discriminator = 1 + Math.floor(this.#ports.random() * DISCRIMINATOR_MAX);
      if (!this.#byDiscriminator.has(discriminator)) return discriminator;
    }
  }

  /** Opens the listeners that are needed, closes the others. */
  #listen(): void {
    const needed = neededPorts(Array.from(this.#entries.values(), ({ instance }) => instance));
    const names = new Set(needed.map(({ name }) => name));
    for (const [name, listener] of this.#listeners) {
      if (names.has(name)) continue;
      listener.close();
      this.#listeners.delete(name);
    }
    this.#refusedListeners.clear();
    for (const port of needed) if (!this.#listeners.has(port.name)) this.#openListener(port);
    const { clock } = this.#ports;
    this.#listenAgainMs =
      this.#refusedListeners.size === 0 ? undefined : clock.monotonicMs() + LISTEN_AGAIN_MS;
    for (const entry of this.#entries.values()) this.#setTrouble(entry);
  }

  #openListener({ name, family, port }: NeededPort): void {
    const isMultihop = port === MULTIHOP_PORT;
    try {
      const listener = this.#ports.openListener(family, port, {
        onReceive: (datagram) => this.#receive(datagram, isMultihop),
        onError: ({ code, message }) =>
          this.#ports.log.warn({ code, port, message }, 'bfd receive'),
      });
      this.#listeners.set(name, listener);
    } catch (error) {
      const { code = '', message } = error as Error & { readonly code?: string };
      const why = code === 'EADDRINUSE' ? 'another BFD daemon has it' : message;
      this.#refusedListeners.set(name, `UDP port ${port} cannot be opened: ${why}`);
    }
  }

  #setTrouble(entry: Entry): void {
    const trouble = this.#refusedListeners.get(listenerNameOf(entry));
    if (trouble === entry.trouble) return;
    entry.trouble = trouble;
    const { log, onReport } = this.#ports;
    if (trouble !== undefined) log.error({ session: entry.instance.name, trouble }, 'bfd trouble');
    onReport(reportOf(entry));
  }

  #receive(datagram: Datagram, isMultihop: boolean): void {
    const admission = admit(
      { ...datagram, isMultihop },
      {
        byDiscriminator: (discriminator) => this.#byDiscriminator.get(discriminator),
        all: () => this.#entries.values(),
      },
    );
    const { receiver } = admission;
    if (!admission.ok) {
      count(receiver === undefined ? this.#strangers : receiver.counts.refused, admission.code);
      return;
    }
    const { receivedMs = this.#ports.clock.monotonicMs() } = datagram;
    admission.receiver.counts.received += 1;
    this.#step(admission.receiver, { kind: 'packet', packet: admission.packet, receivedMs });
  }

  /** What is due; after a stall, what arrived meanwhile comes first. */
  #expire(): void {
    this.#armedMs = Number.POSITIVE_INFINITY;
    for (const listener of this.#listeners.values()) listener.drain();
    const nowMs = this.#ports.clock.monotonicMs();
    for (const entry of this.#entries.values()) {
      const deadlineMs = deadlineOf(entry.session);
      if (deadlineMs !== undefined && deadlineMs <= nowMs) this.#step(entry, { kind: 'timer' });
    }
    if (this.#listenAgainMs !== undefined && this.#listenAgainMs <= nowMs) this.#listen();
    this.#arm();
  }

  #moment(): Moment {
    return { nowMs: this.#ports.clock.monotonicMs(), chance: this.#ports.random() };
  }

  #step(entry: Entry, event: SessionEvent): void {
    const { session, actions } = step(entry.session, event, this.#moment());
    entry.session = session;
    for (const action of actions) this.#perform(entry, action);
    // One that is later needs no system call: the timer finds nothing to do and is armed again.
    const deadlineMs = deadlineOf(session);
    if (deadlineMs !== undefined && deadlineMs < this.#armedMs) this.#armAt(deadlineMs);
  }

  #perform(entry: Entry, action: SessionAction): void {
    switch (action.kind) {
      case 'send':
        this.#send(entry, action.packet);
        return;
      case 'changed':
        this.#changed(entry, action);
        return;
      default:
        action satisfies never;
    }
  }

  #send(entry: Entry, packet: ControlPacket): void {
    const outcome = this.#trySend(entry, encodePacket(packet));
    if (outcome.ok) entry.counts.sent += 1;
    else count(entry.counts.sendErrors, outcome.code);
  }

  #trySend(entry: Entry, bytes: Uint8Array): SendOutcome {
    try {
      entry.sender ??= this.#openSender(entry);
    } catch (error) {
      const { code = 'UNKNOWN', message } = error as Error & { readonly code?: string };
      return { ok: false, code, detail: message };
    }
    return entry.sender.send(bytes);
  }

  #openSender({ instance, sourcePort }: Entry): BfdSender {
    const { neighbor, source, ttl } = instance;
    return this.#ports.openSender({
      neighbor,
      port: portOf(instance),
      ...(source === undefined ? {} : { source }),
      ttl,
      sourcePort,
    });
  }

  #changed(entry: Entry, change: Extract<SessionAction, { kind: 'changed' }>): void {
    const { clock, log, onReport } = this.#ports;
    const { from, to } = change;
    entry.sinceMs = clock.realtimeMs();
    if (to === 'Up') {
      entry.counts.ups += 1;
      entry.hasBeenUp = true;
    } else if (from === 'Up') {
      entry.counts.downs += 1;
    }
    if (to !== 'Up' && to !== 'Init') entry.downDiagnostic = change.diagnostic;
    const { name, neighbor } = entry.instance;
    const reason = describeDiagnostic(change.diagnostic);
    const level = to === 'Up' || from === 'Up' ? 'info' : 'debug';
    log[level]({ session: name, neighbor: neighbor.text, from, to, reason }, 'bfd session');
    onReport(reportOf(entry));
  }

  #arm(): void {
    let earliestMs = this.#listenAgainMs ?? Number.POSITIVE_INFINITY;
    for (const { session } of this.#entries.values()) {
      earliestMs = Math.min(earliestMs, deadlineOf(session) ?? Number.POSITIVE_INFINITY);
    }
    if (earliestMs < this.#armedMs) this.#armAt(earliestMs);
  }

  #armAt(deadlineMs: number): void {
    this.#armedMs = deadlineMs;
    this.#timer.arm(deadlineMs);
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function identityOf({ neighbor, source, isMultihop }: BfdInstanceConfig): string {
  return `${neighbor.text} ${source?.text ?? '*'} ${isMultihop}`;
}

function portOf({ isMultihop }: { readonly isMultihop: boolean }): number {
  return isMultihop ? MULTIHOP_PORT : SINGLE_HOP_PORT;
}

function listenerNameOf({ neighbor, isMultihop }: BfdInstanceConfig | Receiver): ListenerName {
  return `${neighbor.family} ${portOf({ isMultihop })}`;
}

export interface NeededPort {
  readonly name: ListenerName;
  readonly family: Family;
  readonly port: number;
}

/** What these sessions hear on; each once. */
export function neededPorts(instances: readonly BfdInstanceConfig[]): readonly NeededPort[] {
  const ports = instances.map((instance): [ListenerName, NeededPort] => {
    const name = listenerNameOf(instance);
    return [name, { name, family: instance.neighbor.family, port: portOf(instance) }];
  });
  return [...new Map(ports).values()];
}

function receiverOf(instance: BfdInstanceConfig, discriminator: number): Receiver {
  const { neighbor, source, isMultihop, ttl, maxHops } = instance;
  return {
    discriminator,
    neighbor,
    ...(source === undefined ? {} : { source }),
    isMultihop,
    ttl,
    maxHops,
  };
}

function configOf(instance: BfdInstanceConfig): SessionConfig {
  const { minTxMs, minRxMs, idleTxMs, multiplier, isPassive } = instance;
  return { minTxMs, minRxMs, idleTxMs, multiplier, isPassive };
}
