/** `ADDRESS[/LENGTH]`, as networks and as host addresses. */
import {
  addressBytes,
  addressFromBytes,
  type Family,
  hostPrefixLength,
  type IpPrefix,
  parseAddress,
} from '../base/address.ts';
import type { Report } from './diagnostics.ts';
import type { Token } from './source.ts';

const EVERYTHING = new Set(['default', 'any', 'all', '0']);
const EVERYTHING_OF: Readonly<Record<Family, IpPrefix>> = {
  inet: { address: { family: 'inet', text: '0.0.0.0' }, prefixLength: 0 },
  inet6: { address: { family: 'inet6', text: '::' }, prefixLength: 0 },
};

/** The prefix that everything of a family is in. */
export function everythingOf(family: Family): IpPrefix {
  return EVERYTHING_OF[family];
}

/** True for words that mean every address, of whichever family the rest of the line is. */
export function isEverything(word: Token): boolean {
  return EVERYTHING.has(word.text);
}

/** A network: no bits behind its length. `what` names it in messages. */
export function readPrefix(word: Token, what: string, report: Report): IpPrefix | undefined {
  if (isEverything(word)) return everythingOf('inet');
  const prefix = parsePrefix(word.text);
  if (prefix === undefined) {
    report('invalidPrefix', word, { found: word.text, what });
    return undefined;
  }
  const network = networkOf(prefix);
  if (network.address.text !== prefix.address.text) {
    report('hostBitsSet', word, {
      found: word.text,
      network: `${network.address.text}/${network.prefixLength}`,
      longest: hostPrefixLength(prefix.address.family),
    });
  }
  return network;
}

/** An address with its length, host bits and all; undefined when it is none. */
export function parsePrefix(text: string): IpPrefix | undefined {
  const [, host = '', mask] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined) return undefined;
  const longest = hostPrefixLength(address.family);
  const prefixLength = mask === undefined ? longest : Number(mask);
  return prefixLength > longest ? undefined : { address, prefixLength };
}

function networkOf({ address, prefixLength }: IpPrefix): IpPrefix {
  const bytes = addressBytes(address);
  for (const [index, byte] of bytes.entries()) {
    const kept = Math.min(8, Math.max(0, prefixLength - index * 8));
    bytes[index] = byte & (0xff00 >> kept);
  }
  return { address: addressFromBytes(bytes), prefixLength };
}
