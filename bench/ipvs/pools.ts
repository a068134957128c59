/** The tables of the IPVS bench, in the words of each contender: lvs.conf, `ipvsadm -R`, operations. */
import { parseAddress } from '../../src/base/address.ts';
import { serviceName } from '../../src/config/names.ts';
import { netmaskOf } from '../../src/ipvs/desired.ts';
import { PLAIN_TUNNEL, type Service, type Table } from '../../src/ipvs/types.ts';
import { addressOf } from '../addresses.ts';

export interface Size {
  readonly services: number;
  readonly servers: number;
}

export interface Pool {
  readonly address: string;
  readonly servers: readonly string[];
}

const PORT = 80;

/** Services with their servers, spread evenly. */
export function poolsOf({ services, servers }: Size): readonly Pool[] {
  return Array.from({ length: services }, (_, index) => {
    const first = Math.floor((index * servers) / services);
    const last = Math.floor(((index + 1) * servers) / services);
    const own = Array.from({ length: last - first }, (_each, offset) =>
      addressOf(172, first + offset),
    );
    return { address: addressOf(10, index), servers: own };
  });
}

/** The weight of a server: 1, unless said. */
export type Weigh = (server: string) => number;
export const WEIGHT_ONE: Weigh = () => 1;
export const WEIGHT_TWO: Weigh = () => 2;

/** A configuration for lvsd and keepalived: nothing is checked, every server is in. */
export function configurationOf(pools: readonly Pool[], weigh: Weigh, head = ''): string {
  const blocks = pools.map(({ address, servers }) => {
    const members = servers.map(
      (server) => `  real_server ${server} ${PORT} {\n    weight ${weigh(server)}\n  }\n`,
    );
    const settings = '  lb_algo rr\n  lb_kind DR\n  protocol TCP\n';
    return `virtual_server ${address} ${PORT} {\n${settings}${members.join('')}}\n`;
  });
  return `global_defs {\n  router_id bench\n}\n${head}${blocks.join('')}`;
}

/** Input of `ipvsadm -R`. */
export function restoreLines(pools: readonly Pool[]): string {
  return pools
    .map(({ address, servers }) => {
      const at = `-t ${address}:${PORT}`;
      return [`-A ${at} -s rr`, ...servers.map((one) => `-a ${at} -r ${one}:${PORT} -g -w 1`)];
    })
    .map((lines) => `${lines.join('\n')}\n`)
    .join('');
}

/** Input of `ipvsadm -R` for each server. */
export function serverLines(
  pools: readonly Pool[],
  line: (service: string, server: string) => string,
): string {
  return pools
    .flatMap(({ address, servers }) =>
      servers.map((one) => `${line(`-t ${address}:${PORT}`, `-r ${one}:${PORT}`)}\n`),
    )
    .join('');
}

export function tableOf(pools: readonly Pool[], weigh: Weigh): Table {
  return new Map(pools.map((pool) => serviceOf(pool, weigh)).map((one) => [serviceName(one), one]));
}

export function serviceOf({ address, servers }: Pool, weigh: Weigh): Service {
  return {
    kind: 'address',
    protocol: 'tcp',
    address: parsed(address),
    port: PORT,
    scheduler: 'rr',
    flags: 0,
    timeoutS: 0,
    netmask: netmaskOf('inet'),
    engine: '',
    destinations: servers.map((server) => ({
      address: parsed(server),
      port: PORT,
      forwardingMethod: 'droute',
      weight: weigh(server),
      upperThreshold: 0,
      lowerThreshold: 0,
      tunnel: PLAIN_TUNNEL,
    })),
  };
}

function parsed(text: string) {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`Not an address: ${text}`);
  return address;
}
