/** Opens and closes one of everything, IFNAME, and says how many descriptors there were and are. */
import { readdirSync } from 'node:fs';
import { openFrameSender, openVrrpEndpoint } from '../../../src/kernel/datagram.ts';
import { GenericNetlink } from '../../../src/kernel/genetlink.ts';
import { LinkTable } from '../../../src/kernel/links.ts';
import { DeadlineTimer } from '../../../src/kernel/timer.ts';
import { addressOf, argument, say } from './lines.ts';

const ROUNDS = 20;

function openAndCloseAll(): void {
  const links = LinkTable.open({});
  const link = links.byName(argument(0));
  if (link === undefined) throw new Error('The interface is not there');
  const socket = {
    ifindex: link.index,
    ifname: link.name,
    onReceive: () => {},
    onError: () => {},
  };
  const v4 = { family: 'inet', group: addressOf('224.0.0.18'), source: addressOf('10.9.0.1') };
  const v6 = { family: 'inet6', group: addressOf('ff02::12'), source: addressOf('fe80::1') };
  const timer = new DeadlineTimer(() => {});
  timer.arm(1);
  const opened = [
    openVrrpEndpoint({ ...socket, ...v4, family: 'inet' }),
    openVrrpEndpoint({ ...socket, ...v6, family: 'inet6' }),
    openFrameSender(link.index),
    timer,
    links,
  ];
  const family = GenericNetlink.open('nlctrl');
  if (family.ok) family.channel.close();
  GenericNetlink.open('lvsd-absent');
  try {
    openVrrpEndpoint({ ...socket, ...v4, family: 'inet', ifname: 'lvsd-absent' });
  } catch {
    // A refusal must not leak either.
  }
  for (const each of opened) {
    each.close();
    each.close();
  }
}

const count = (): number => readdirSync('/proc/self/fd').length;

// The first round loads libc and starts the event loop's own descriptors.
openAndCloseAll();
setImmediate(() => {
  const before = count();
  for (let round = 0; round < ROUNDS; round++) openAndCloseAll();
  setImmediate(() => say({ before, after: count() }));
});
