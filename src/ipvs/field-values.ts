/** How values stand in the fields of an IPVS message: families, addresses, names that are numbers. */
import { addressBytes, type Family, type IpAddress } from '../base/address.ts';
import * as abi from './abi.ts';

const DOT = 46;
const ZERO = 48;

export function familyNumber(family: Family): number {
  return family === 'inet' ? abi.AF_INET : abi.AF_INET6;
}

/** union nf_inet_addr: the address, then zeros. */
export function inetAddressBytes(address: IpAddress): Uint8Array {
  const bytes = new Uint8Array(abi.INET_ADDRESS_SIZE);
  if (address.family === 'inet6') bytes.set(addressBytes(address));
  else writeInet(bytes, address.text);
  return bytes;
}

/** Canonical dotted decimal, digit by digit: a table has tens of thousands of them. */
function writeInet(bytes: Uint8Array, text: string): void {
  let part = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === DOT) part += 1;
    else bytes[part] = (bytes[part] ?? 0) * 10 + code - ZERO;
  }
}

/** A name from one of the tables above; that it is there is the type's promise. */
export function known<Name extends string>(numbers: ReadonlyMap<Name, number>, name: Name): number {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`No number for ${name}`);
  return number;
}
