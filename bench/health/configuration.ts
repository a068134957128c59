/** The file that both daemons are given. */
import { addressOf } from '../addresses.ts';
import { PORT, VICTIM_PORT } from './servers.ts';

export type CheckKind = 'TCP_CHECK' | 'HTTP_GET';

export interface Load {
  readonly kind: CheckKind;
  readonly targets: number;
  /** Servers more, that will be killed. */
  readonly victims: number;
}

/** delay_loop of all of them. */
export const INTERVAL_MS = 1000;

const SERVERS_PER_SERVICE = 100;

/** Addresses of lo, which listens to all of 127.0.0.0/8. */
export function targetAddress(index: number): string {
  return addressOf(127, index);
}

export const VICTIM_ADDRESS = '127.8.0.1';

export function configurationOf({ kind, targets, victims }: Load): string {
  const servers = [
    ...Array.from({ length: victims }, (_, index) => `${VICTIM_ADDRESS} ${VICTIM_PORT + index}`),
    ...Array.from({ length: targets }, (_, index) => `${targetAddress(index)} ${PORT}`),
  ].map((name) => `  real_server ${name} {\n${checkerOf(kind)}  }\n`);
  const services: string[] = [];
  for (let first = 0; first < servers.length; first += SERVERS_PER_SERVICE) {
    const members = servers.slice(first, first + SERVERS_PER_SERVICE).join('');
    const port = 1000 + services.length;
    services.push(`virtual_server 127.9.0.1 ${port} {\n${SETTINGS}${members}}\n`);
  }
  return `global_defs {\n  router_id bench\n}\n${services.join('')}`;
}

const SETTINGS = '  delay_loop 1\n  lb_algo rr\n  lb_kind NAT\n  protocol TCP\n';

/** No retry: what is measured is how soon a check meets the failure, not how long the file waits then. */
function checkerOf(kind: CheckKind): string {
  const url =
    kind === 'HTTP_GET' ? '      url {\n        path /\n        status_code 200\n      }\n' : '';
  return `    ${kind} {\n      connect_timeout 3\n      retry 0\n${url}    }\n`;
}
