/**
 * /proc/net/ip_vs, the whole table as text, and which services differ from the text before. It costs
 * the kernel a tenth of what the servers cost through netlink, so that a large table can be looked
 * at all the time. What it does not show: thresholds, how a tunnel wraps, scheduler flags.
 *
 *     TCP  0A320001:0050 wlc persistent 300000 FFFFFFFF
 *       -> 0A000001:0050      Route   1      0          0
 *     UDP  [2001:0db8:0000:0000:0000:0000:0000:0001]:0035 rr ops
 *     FWM  00000007 rr                                           of IPv4 or of IPv6: it does not say
 *
 * (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show.) A server's line ends with its active and
 * inactive connections, `%-10d %-10d\n`, which say nothing about the configuration. The kernel gives
 * the text in pieces and the table may change between two: entries are then missing or there twice,
 * and their services differ from the text before or from the one after. Pure.
 */
import { addressFromBytes, type IpAddress, parseAddress } from '../base/address.ts';
import { serviceName } from '../config/names.ts';
import type { ServiceKey, ServiceName } from './types.ts';

const NEWLINE = 10;
const SPACE = 32;
/** `%-10d %-10d\n` */
const COUNTS_LENGTH = 22;
const FIRST_SIZE = 64 * 1024;
const NOTHING: ReadonlySet<ServiceName> = new Set();

export class Listing {
  /** The last whole text, without counts. */
  #known = Buffer.alloc(0);
  #next = Buffer.alloc(FIRST_SIZE);
  #length = 0;
  #lineStart = 0;

  /** Forgets the text that was begun. */
  begin(): void {
    this.#length = 0;
    this.#lineStart = 0;
  }

  /** The next piece of the text, wherever it was cut. */
  add(piece: Uint8Array): void {
    if (this.#length + piece.length > this.#next.length) this.#grow(piece.length);
    const next = this.#next;
    let length = this.#length;
    for (let index = 0; index < piece.length; index += 1) {
      const byte = piece[index] ?? 0;
      next[length] = byte;
      length += 1;
      if (byte !== NEWLINE) continue;
      if (next[this.#lineStart] === SPACE && length - this.#lineStart > COUNTS_LENGTH) {
        length -= COUNTS_LENGTH;
        next[length] = NEWLINE;
        length += 1;
      }
      this.#lineStart = length;
    }
    this.#length = length;
  }

  /**
   * The text is whole: the services that were added, removed or changed since the one before. All,
   * after the first.
   */
  finish(): ReadonlySet<ServiceName> {
    const text = this.#next.subarray(0, this.#length);
    if (text.equals(this.#known)) return NOTHING;
    const changed = changedServices(blocksOf(this.#known), blocksOf(text));
    this.#known = Buffer.from(text);
    return changed;
  }

  #grow(more: number): void {
    const larger = Buffer.alloc(2 * (this.#length + more));
    this.#next.copy(larger, 0, 0, this.#length);
    this.#next = larger;
  }
}

type Blocks = ReadonlyMap<string, string>;

/** `TCP 0A320001:0050`, and all its lines. Two services with one mark are one block. */
function blocksOf(text: Buffer): Blocks {
  const blocks = new Map<string, string>();
  for (const [block, name = ''] of text.toString('latin1').matchAll(BLOCK_PATTERN)) {
    blocks.set(name, (blocks.get(name) ?? '') + block);
  }
  return blocks;
}

const BLOCK_PATTERN = /^((?:TCP|UDP|SCTP|FWM) +\S+) .*\n(?: .*\n)*/gm;

function changedServices(before: Blocks, after: Blocks): ReadonlySet<ServiceName> {
  const names = new Set<ServiceName>();
  for (const [name, block] of after) {
    if (before.get(name) !== block) for (const key of keysOf(name)) names.add(serviceName(key));
  }
  for (const name of before.keys()) {
    if (!after.has(name)) for (const key of keysOf(name)) names.add(serviceName(key));
  }
  return names;
}

const PROTOCOLS = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' } as const;

function keysOf(name: string): readonly ServiceKey[] {
  const mark = /^FWM +([0-9A-F]{8})$/.exec(name)?.[1];
  if (mark !== undefined) {
    const fwmark = Number.parseInt(mark, 16);
    return (['inet', 'inet6'] as const).map((family) => ({ kind: 'fwmark', fwmark, family }));
  }
  const [, word = '', text = '', port = ''] =
    /^(TCP|UDP|SCTP) +(\S+):([0-9A-F]{4})$/.exec(name) ?? [];
  const protocol = PROTOCOLS[word as keyof typeof PROTOCOLS];
  const address = addressOf(text);
  if (protocol === undefined || address === undefined) return [];
  return [{ kind: 'address', protocol, address, port: Number.parseInt(port, 16) }];
}

/** `0A320001`, `[2001:0db8:…]`. */
function addressOf(text: string): IpAddress | undefined {
  if (/^[0-9A-F]{8}$/.test(text)) return addressFromBytes(Buffer.from(text, 'hex'));
  return parseAddress(text.replace(/^\[|\]$/g, ''));
}
