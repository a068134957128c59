/**
 * What one instance needs from the outside, injected: of the kernel only the types. The process that runs
 * the instances builds these from kernel/.
 */
import type { Family, IpAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import type { SendOutcome } from '../kernel/datagram.ts';
import type { AddressOutcome } from '../kernel/links.ts';
import type { Waking } from '../kernel/timer.ts';
import type { Action, TransitionReason, VrrpState } from './machine.ts';
import type { NoticeState, Report } from './notice.ts';
import type { OwnAdvert } from './own-advert.ts';
import type { RecordedStep } from './recording.ts';

/**
 * A one-shot timer for an absolute CLOCK_MONOTONIC deadline in ms; arming replaces. `isApproached`: to be
 * punctual it may call `onApproach` shortly before, then `onWait` until it comes, and neither when the
 * deadline is near already.
 */
export interface DeadlineTimerPort {
  arm(deadlineMs: number, isApproached: boolean): void;
  disarm(): void;
  close(): void;
}

export interface Transition {
  readonly name: string;
  readonly from: VrrpState;
  readonly to: VrrpState;
  readonly reason: TransitionReason;
  readonly priority: number;
}

/** A datagram with an advert in it, however it came. */
export interface ReceivedAdvert {
  /** What follows the IP or UDP header. */
  readonly payload: Uint8Array;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  /** TTL or hop limit; absent where the socket does not tell. */
  readonly ttl?: number;
  readonly ifindex?: number;
  /** When it arrived, monotonic ms; without it, now. */
  readonly receivedMs?: number;
}

/** An advert that is ready to be sent. */
export interface PreparedAdvert {
  /** Sends these bytes, at most once, with the outcome of `AdvertTransport.send`. */
  send(): SendOutcome;
  /** Goes the way of `send` as far as it can be gone without sending, so that nothing on it is cold. */
  rehearse(): void;
}

/** What carries adverts: multicast or unicast, protocol 112 or UDP. */
export interface AdvertTransport {
  /** To the group, or to every peer; fails with the first failure, after trying all. */
  send(advert: OwnAdvert): SendOutcome;
  /** Everything that a send of this advert takes but the sending: for one that must be punctual. */
  prepare(advert: OwnAdvert): PreparedAdvert;
  /** Deliver everything that has arrived to `receive`, now: a timeout is believed only after this. */
  drain(): void;
  /**
   * Only where `drain` cannot read by itself: calls back when the event loop has polled the socket. It
   * may call back late, so what was true before must be looked at again.
   */
  settle?(onSettled: () => void): void;
}

/** An advert for another virtual router on the same link. */
export interface OtherRouter {
  readonly interface: string;
  readonly family: Family;
  readonly virtualRouterId: number;
  readonly source: IpAddress;
}
/** Told outside beside the changes of state. */
export interface InstanceNotice {
  readonly name: string;
  readonly state: NoticeState;
  readonly priority: number;
  readonly reason: string;
}

/** How a handover went, as the instance sees it. */
export type HandoverEnd = Extract<Action, { kind: 'handedOver' }>['end'];

/** What a member says to its sync group. */
export type GroupNews = Extract<Action, { kind: 'tellGroup' }>['tells'];

export interface InstancePorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: AdvertTransport;
  /** Hears of adverts for other virtual routers, which may be configured beside this one. */
  onOtherRouter?(other: OtherRouter): void;
  newTimer(onExpire: () => void, waking: Waking): DeadlineTimerPort;
  readonly addresses: {
    add(address: VirtualAddressConfig): AddressOutcome;
    remove(address: VirtualAddressConfig): AddressOutcome;
  };
  /** One gratuitous ARP or neighbor advertisement; never blocks. */
  announce(device: string, address: IpAddress): SendOutcome;
  onTransition(transition: Transition): void;
  onNotice(notice: InstanceNotice): void;
  onReport(report: Report): void;
  /** Of a member of a sync group only. May call `forceByGroup` at once: it is queued. */
  tellGroup(news: GroupNews): void;
  /** Told every step, before its actions are performed. */
  readonly record?: (step: RecordedStep) => void;
}
