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
  else writeInet(new DataView(bytes.buffer), 0, address.text);
  return bytes;
}

/** Canonical dotted decimal, digit by digit, to offset `at`: a table has tens of thousands of them. */
export function writeInet(view: DataView, at: number, text: string): void {
  let offset = at;
  let part = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      view.setUint8(offset, part);
      offset += 1;
      part = 0;
    } else part = part * 10 + code - ZERO;
  }
  view.setUint8(offset, part);
}

/** A name from one of the tables above; that it is there is the type's promise. */
export function known<Name extends string>(numbers: ReadonlyMap<Name, number>, name: Name): number {
  const number = numbers.get(name);
  if (number === undefined) throw new Error(`No number for ${name}`);
  return number;
}
