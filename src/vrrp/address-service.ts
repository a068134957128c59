/** Performs what the state machine wants done with the virtual addresses, and knows which the kernel holds. */
import type { IpAddress } from '../base/address.ts';
import type { VirtualAddressConfig } from '../config/model.ts';
import type { AddressOutcome } from '../kernel/links.ts';
import { burstOrder } from './announce.ts';
import type { Journal } from './journal.ts';
import type { Action } from './machine.ts';
import type { InstancePorts } from './ports.ts';

export class AddressService {
  readonly #ports: Pick<InstancePorts, 'addresses' | 'announce'>;
  readonly #journal: Journal;
  /** Virtual addresses the kernel holds for us. */
  readonly #present = new Set<string>();

  constructor(ports: Pick<InstancePorts, 'addresses' | 'announce'>, journal: Journal) {
    this.#ports = ports;
    this.#journal = journal;
  }

  /** Tries all; false when the kernel refused one. */
  add({ addresses }: Extract<Action, { kind: 'addAddresses' }>): boolean {
    let isComplete = true;
    for (const address of addresses) {
      const outcome = this.#ports.addresses.add(address);
      if (outcome.ok) {
        this.#present.add(placeOf(address));
        continue;
      }
      isComplete = false;
      this.#present.delete(placeOf(address));
      this.#logRefusal('address not added', address.address, outcome);
    }
    return isComplete;
  }

  /** Tries all; false when the kernel refused one. */
  remove({ addresses }: Extract<Action, { kind: 'removeAddresses' }>): boolean {
    let isComplete = true;
    for (const address of addresses) {
      const outcome = this.#ports.addresses.remove(address);
      this.#present.delete(placeOf(address));
      if (outcome.ok) continue;
      isComplete = false;
      this.#logRefusal('address not removed', address.address, outcome);
    }
    return isComplete;
  }

  /** Announces those that are there; says which. */
  announce({
    addresses,
    repeat,
  }: Extract<Action, { kind: 'announce' }>): readonly VirtualAddressConfig[] {
    const present = addresses.filter((address) => this.#present.has(placeOf(address)));
    for (const { device, address } of burstOrder(present, repeat)) {
      const outcome = this.#ports.announce(device, address);
      this.#journal.count(outcome.ok ? 'announcementsSent' : 'announcementFailures');
      if (outcome.ok) continue;
      const fields = { address: address.text, device, detail: outcome.detail };
      this.#journal.logOnce(`announce ${outcome.code}`, fields, 'address not announced');
    }
    return present;
  }

  #logRefusal(message: string, address: IpAddress, outcome: AddressOutcome & { ok: false }): void {
    const { code, detail } = outcome;
    this.#journal.logOnce(`${message} ${code}`, { address: address.text, detail }, message);
  }
}

function placeOf({ device, address }: VirtualAddressConfig): string {
  return `${device} ${address.text}`;
}
