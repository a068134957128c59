/** Arbitrary tables for the laws, and one-line makers for the rows. */
import fc from 'fast-check';
import { type IpAddress, parseAddress } from '../../src/base/address.ts';
import { serviceName } from '../../src/config/names.ts';
import { hostNetmask } from '../../src/ipvs/desired.ts';
import type { Destination, Service, Table } from '../../src/ipvs/types.ts';

export function address(text: string): IpAddress {
  const parsed = parseAddress(text);
  if (parsed === undefined) throw new Error(`Not an address: ${text}`);
  return parsed;
}

/** Weight 1, direct routing, no thresholds, unless said. */
export function server(text: string, port: number, rest: Partial<Destination> = {}): Destination {
  return {
    address: address(text),
    port,
    forwardingMethod: 'droute',
    weight: 1,
    upperThreshold: 0,
    lowerThreshold: 0,
    ...rest,
  };
}

/** TCP, round robin, not persistent, unless said. */
export function service(
  text: string,
  port: number,
  destinations: readonly Destination[] = [],
  rest: Partial<Service> = {},
): Service {
  const parsed = address(text);
  return {
    protocol: 'tcp',
    address: parsed,
    port,
    scheduler: 'rr',
    flags: 0,
    timeoutS: 0,
    netmask: hostNetmask(parsed.family),
    destinations,
    ...rest,
  };
}

export function table(...services: readonly Service[]): Table {
  return new Map(services.map((each) => [serviceName(each), each]));
}

const arbitraryServer: fc.Arbitrary<Destination> = fc.record({
  address: fc.constantFrom(...['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1'].map(address)),
  port: fc.constantFrom(80, 8080),
  forwardingMethod: fc.constantFrom('masq', 'tunnel', 'droute', 'local'),
  weight: fc.constantFrom(0, 1, 2, 65535),
  upperThreshold: fc.constantFrom(0, 100),
  lowerThreshold: fc.constantFrom(0, 50),
});

const arbitraryService: fc.Arbitrary<Service> = fc
  .record({
    protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
    address: fc.constantFrom(...['10.50.0.1', '10.50.0.2', '2001:db8:50::1'].map(address)),
    port: fc.constantFrom(80, 443),
    scheduler: fc.constantFrom('rr', 'wlc', 'sh'),
    flags: fc.constantFrom(0, 1, 4),
    timeoutS: fc.constantFrom(0, 300),
    destinations: fc.uniqueArray(arbitraryServer, {
      maxLength: 6,
      selector: ({ address: { text }, port }) => `${text} ${port}`,
    }),
  })
  .map((each) => ({ ...each, netmask: hostNetmask(each.address.family) }));

export const arbitraryTable: fc.Arbitrary<Table> = fc
  .uniqueArray(arbitraryService, { maxLength: 6, selector: serviceName })
  .map((services) => table(...services));
