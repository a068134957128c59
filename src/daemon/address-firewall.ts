/**
 * `no_accept`: packets to a virtual address that this host would itself accept are dropped. One table
 * of nf_tables holds the addresses; it is made with the first denied address, thrown away at an orderly
 * stop, and made anew, empty, by the next start after a crash.
 */
import type { IpAddress } from '../base/address.ts';
import type { Log } from '../base/log.ts';
import { SysError } from '../kernel/libc.ts';
import { NetlinkSocket } from '../kernel/netlink-socket.ts';
import {
  BATCH_BEGIN,
  BATCH_END,
  encodeAllow,
  encodeDeny,
  encodeFreshTable,
  encodeTableRemoval,
  NETLINK_NETFILTER,
  type NftMessage,
} from '../kernel/nftables.ts';

export class AddressFirewall {
  readonly #table: string;
  readonly #log: Log;
  #socket: NetlinkSocket | undefined;
  readonly #denied = new Map<string, IpAddress>();
  #isMade = false;
  #hasFailed = false;

  constructor(table: string, log: Log) {
    this.#table = table;
    this.#log = log;
  }

  /**
   * Before the first address: takes away what a dead predecessor left, and makes the table when this
   * configuration has something to deny, so that a takeover need not.
   */
  prepare(isNeeded: boolean): void {
    if (isNeeded) this.#make();
    else this.#removeLeftover();
  }

  /** Drops what is sent to this address from now on. Failing is told, and leaves it accepted. */
  deny(address: IpAddress): void {
    if (this.#denied.has(address.text)) return;
    if (!this.#isMade) this.#make();
    if (this.#isMade && this.#send([encodeDeny(this.#table, address)], 'deny')) {
      this.#denied.set(address.text, address);
    }
  }

  allow(address: IpAddress): void {
    if (!this.#denied.delete(address.text)) return;
    this.#send([encodeAllow(this.#table, address)], 'allow');
  }

  /** Takes the table away. */
  close(): void {
    if (this.#isMade) this.#send(encodeTableRemoval(this.#table), 'remove the table');
    this.#isMade = false;
    this.#socket?.close();
    this.#socket = undefined;
  }

  #make(): void {
    this.#isMade = this.#send(encodeFreshTable(this.#table, [...this.#denied.values()]), 'set up');
  }

  /** A kernel without nf_tables has no table of ours: no word about it. */
  #removeLeftover(): void {
    const socket = this.#open();
    socket?.transaction([BATCH_BEGIN, ...encodeTableRemoval(this.#table), BATCH_END]);
  }

  #send(messages: readonly NftMessage[], what: string): boolean {
    const socket = this.#open();
    if (socket === undefined) return false;
    const outcome = socket.transaction([BATCH_BEGIN, ...messages, BATCH_END]);
    if (outcome.ok) return true;
    const { code, detail } = outcome;
    if (!this.#hasFailed) this.#log.error({ table: this.#table, what, code, detail }, REFUSED);
    this.#hasFailed = true;
    return false;
  }

  #open(): NetlinkSocket | undefined {
    if (this.#socket !== undefined) return this.#socket;
    try {
      this.#socket = NetlinkSocket.open(NETLINK_NETFILTER);
      return this.#socket;
    } catch (error) {
      if (!(error instanceof SysError)) throw error;
      if (!this.#hasFailed) this.#log.error({ code: error.code }, error.message);
      this.#hasFailed = true;
      return undefined;
    }
  }
}

const TRIAL_TABLE = 'lvsd_trial';

/** Why nf_tables cannot be used: tried with a table that comes and goes in one transaction. */
export function tryFirewall(): { readonly code: string; readonly detail: string } | undefined {
  let socket: NetlinkSocket | undefined;
  try {
    socket = NetlinkSocket.open(NETLINK_NETFILTER);
    const removal = encodeTableRemoval(TRIAL_TABLE);
    const outcome = socket.transaction([BATCH_BEGIN, ...removal, BATCH_END]);
    return outcome.ok ? undefined : { code: outcome.code, detail: outcome.detail };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return { code: error.code, detail: error.message };
  } finally {
    socket?.close();
  }
}

const REFUSED = 'nf_tables refuses: packets to addresses with no_accept are accepted';
