/**
 * What one instance needs from the outside, injected: of the kernel only the types. The process that runs
 * the instances builds these from kernel/.
 */
import type { IpAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import type { SendOutcome } from '../kernel/datagram.ts';
import type { AddressOutcome } from '../kernel/links.ts';
import type { TransitionReason, VrrpState } from './machine.ts';
import type { RecordedStep } from './recording.ts';

/** A one-shot timer for an absolute CLOCK_MONOTONIC deadline in ms; arming replaces. */
export interface DeadlineTimerPort {
  arm(deadlineMs: number): void;
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

export interface InstancePorts {
  readonly clock: Clock;
  readonly log: Log;
  readonly transport: {
    send(payload: Uint8Array): SendOutcome;
    /** Deliver everything that has arrived to `receive`, now: a timeout is believed only after this. */
    drain(): void;
  };
  newTimer(onExpire: () => void): DeadlineTimerPort;
  readonly addresses: {
    add(address: VirtualAddressConfig): AddressOutcome;
    remove(address: VirtualAddressConfig): AddressOutcome;
  };
  /** One gratuitous ARP or neighbor advertisement; never blocks. */
  announce(device: string, address: IpAddress): SendOutcome;
  onTransition(transition: Transition): void;
  /** Told every step, before its actions are performed. */
  readonly record?: (step: RecordedStep) => void;
}
