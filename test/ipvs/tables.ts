/** Arbitrary tables for the laws, and one-line makers for the rows. */
import fc from 'fast-check';
import { type Family, type IpAddress, parseAddress } from '../../src/base/address.ts';
import type { TransportProtocol } from '../../src/config/model.ts';
import { serviceName } from '../../src/config/names.ts';
import { familyOfEndpoint } from '../../src/config/service-endpoints.ts';
import { netmaskOf } from '../../src/ipvs/desired.ts';
import {
  type Destination,
  PLAIN_TUNNEL,
  type Service,
  type ServiceKey,
  type ServiceSettings,
  type Table,
} from '../../src/ipvs/types.ts';

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
    tunnel: PLAIN_TUNNEL,
    ...rest,
  };
}

/** TCP, round robin, not persistent, unless said. */
export function service(
  text: string,
  port: number,
  destinations: readonly Destination[] = [],
  rest: Partial<ServiceSettings> & { readonly protocol?: TransportProtocol } = {},
): Extract<Service, { kind: 'address' }> {
  const parsed = address(text);
  return {
    kind: 'address',
    protocol: 'tcp',
    address: parsed,
    port,
    scheduler: 'rr',
    flags: 0,
    timeoutS: 0,
    netmask: netmaskOf(parsed.family),
    engine: '',
    destinations,
    ...rest,
  };
}

/** By firewall mark; IPv4, round robin, not persistent, unless said. */
export function marked(
  fwmark: number,
  destinations: readonly Destination[] = [],
  rest: Partial<ServiceSettings> & { readonly family?: Family } = {},
): Extract<Service, { kind: 'fwmark' }> {
  const { family = 'inet', ...settings } = rest;
  return {
    kind: 'fwmark',
    fwmark,
    family,
    scheduler: 'rr',
    flags: 0,
    timeoutS: 0,
    netmask: netmaskOf(family),
    engine: '',
    destinations,
    ...settings,
  };
}

export function table(...services: readonly Service[]): Table {
  return new Map(services.map((each) => [serviceName(each), each]));
}

const arbitraryTunnel = fc.constantFrom(
  PLAIN_TUNNEL,
  { type: 'gue', port: 6080, flags: 1 } as const,
  { type: 'gre', port: 0, flags: 2 } as const,
);

const arbitraryServer: fc.Arbitrary<Destination> = fc.record({
  address: fc.constantFrom(...['10.0.0.1', '10.0.0.2', '10.0.0.3', '2001:db8::1'].map(address)),
  port: fc.constantFrom(80, 8080),
  forwardingMethod: fc.constantFrom('masq', 'tunnel', 'droute', 'local'),
  weight: fc.constantFrom(0, 1, 2, 65535),
  upperThreshold: fc.constantFrom(0, 100),
  lowerThreshold: fc.constantFrom(0, 50),
  tunnel: arbitraryTunnel,
});

const arbitrarySettings: fc.Arbitrary<ServiceSettings> = fc.record({
  scheduler: fc.constantFrom('rr', 'wlc', 'sh'),
  flags: fc.constantFrom(0, 1, 4, 24, 32),
  timeoutS: fc.constantFrom(0, 300),
  netmask: fc.constant(0),
  engine: fc.constantFrom('', 'sip'),
  destinations: fc.uniqueArray(arbitraryServer, {
    maxLength: 6,
    selector: ({ address: { text }, port }) => `${text} ${port}`,
  }),
});

const arbitraryKey: fc.Arbitrary<ServiceKey> = fc.oneof(
  fc.record({
    kind: fc.constant('address' as const),
    protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
    address: fc.constantFrom(...['10.50.0.1', '10.50.0.2', '2001:db8:50::1'].map(address)),
    port: fc.constantFrom(80, 443),
  }),
  fc.record({
    kind: fc.constant('fwmark' as const),
    fwmark: fc.constantFrom(1, 7, 2 ** 32 - 1),
    family: fc.constantFrom('inet', 'inet6'),
  }),
);

const arbitraryService: fc.Arbitrary<Service> = fc
  .tuple(arbitraryKey, arbitrarySettings, fc.constantFrom(undefined, 24))
  .map(([key, settings, prefixLength]) => {
    const netmask = netmaskOf(familyOfEndpoint(key), prefixLength);
    return { ...key, ...settings, netmask };
  });

export const arbitraryTable: fc.Arbitrary<Table> = fc
  .uniqueArray(arbitraryService, { maxLength: 6, selector: serviceName })
  .map((services) => table(...services));
