/**
 * What makes a machine a real server of LVS-DR: the VIP on lo, and no ARP about it. On lvsd's side that
 * is one command; beside keepalived it is done by hand, as its users do.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './command.ts';
import { LVSD, type ProgramName } from './director.ts';
import { type ServerName, VIRTUAL_ADDRESS } from './lab.ts';
import type { Topology } from './topology.ts';

/** linux/Documentation/networking/ip-sysctl: 1 = answer only for addresses of the incoming interface. */
const ARP_IGNORE = '1';
/** 2 = always the best local address of the outgoing interface as the sender. */
const ARP_ANNOUNCE = '2';

export async function bringUpRealServer(
  topology: Topology,
  server: ServerName,
  { program, directory }: { readonly program: ProgramName; readonly directory: string },
): Promise<void> {
  if (program === 'lvsd') {
    // The nodes share the machine's files, so each keeps its record in a directory of its own.
    const record = ['--record', join(directory, 'realserver.json')];
    await run([...topology.on(server), LVSD, 'realserver', 'up', VIRTUAL_ADDRESS, ...record]);
  } else {
    await bringUpByHand(topology, server);
  }
}

async function bringUpByHand(topology: Topology, server: ServerName): Promise<void> {
  // ARP is silenced first: an address that is there before would be answered for.
  for (const scope of ['all', 'lo']) {
    await topology.writeSysctl(server, `net/ipv4/conf/${scope}/arp_ignore`, ARP_IGNORE);
    await topology.writeSysctl(server, `net/ipv4/conf/${scope}/arp_announce`, ARP_ANNOUNCE);
  }
  const namespace = topology.namespace(server);
  await run(['ip', '-n', namespace, 'address', 'add', `${VIRTUAL_ADDRESS}/32`, 'dev', 'lo']);
}

/** Whether the launcher is there: a checkout of drill alone has only keepalived to drill with. */
export function hasLvsd(): boolean {
  return existsSync(LVSD);
}
