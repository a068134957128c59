/**
 * The lab on paper: the network people first learn LVS-DR on. One segment, two directors, two real
 * servers, one client; the numbers that conf/lvs.conf, the topology and the bounds have in common.
 */
export const NODE_NAMES = ['director1', 'director2', 'server1', 'server2', 'client'] as const;
export type NodeName = (typeof NODE_NAMES)[number];
export type DirectorName = 'director1' | 'director2';
export type ServerName = 'server1' | 'server2';

export const DIRECTOR_NAMES: readonly DirectorName[] = ['director1', 'director2'];
export const SERVER_NAMES: readonly ServerName[] = ['server1', 'server2'];

export const LAB_INTERFACE = 'eth0';
export const LAB_PREFIX_LENGTH = 24;
export const VIRTUAL_ADDRESS = '192.168.10.188';
export const SERVICE_PORT = 80;

const HOST_NUMBERS: Readonly<Record<NodeName, number>> = {
  director1: 100,
  director2: 99,
  server1: 101,
  server2: 102,
  client: 103,
};

export const PAGES: Readonly<Record<ServerName, string>> = {
  server1: 'welcome to 7-1',
  server2: 'welcome to 7-2',
};

/** `192.168.10.100` for director1. */
export function nodeAddress(node: NodeName): string {
  return `192.168.10.${HOST_NUMBERS[node]}`;
}

/** A locally administered MAC that carries the address, so that a capture reads itself. */
export function nodeMac(node: NodeName): string {
  return `02:00:c0:a8:0a:${HOST_NUMBERS[node].toString(16).padStart(2, '0')}`;
}

/** VRRP as in conf/lvs.conf: director1 is the preferred master. */
export const ADVERT_INTERVAL_MS = 1_000;
export const PRIORITIES: Readonly<Record<DirectorName, number>> = {
  director1: 150,
  director2: 100,
};

/** Checks as in conf/lvs.conf. */
export const DELAY_LOOP_MS = 1_000;
export const CHECK_RETRIES = 1;
export const DELAY_BEFORE_RETRY_MS = 1_000;
export const CONNECT_TIMEOUT_MS = 1_000;
