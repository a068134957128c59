/**
 * Changes addresses of IFNAME faster than a link table in the same, busy event loop can read the
 * events, until its receive buffer has overflowed; says what the table reports afterwards.
 */
import { LinkTable } from '../../../src/kernel/links.ts';
import { NETLINK_ROUTE, NLM_F_CREATE } from '../../../src/kernel/netlink.ts';
import { NetlinkSocket } from '../../../src/kernel/netlink-socket.ts';
import {
  type AddressSpec,
  encodeAddress,
  encodeAddressRemoval,
  RTM_DELADDR,
  RTM_NEWADDR,
  RTMGRP_IPV4_IFADDR,
} from '../../../src/kernel/rtnetlink.ts';
import { addressOf, argument, say } from './lines.ts';

/** Each event takes about 1 KiB of the 16 MiB that SO_RCVBUFFORCE grants. */
const STORM = 40_000;

let changes = 0;
const table = LinkTable.open({
  onAddressChange: (address, present) => {
    // IPv6 addresses become usable in the meantime; they are no part of the storm.
    if (address.address.family === 'inet') changes += 1;
    say({ address: address.address.text, present });
  },
  onError: (error) => say({ error: error.message }),
});
const ifindex = table.byName(argument(0))?.index ?? 0;
const witness = NetlinkSocket.open(NETLINK_ROUTE, { groups: RTMGRP_IPV4_IFADDR });

const spec = (text: string, prefixLength = 32): AddressSpec => ({
  ifindex,
  address: addressOf(text),
  prefixLength,
  scope: 0,
});
const add = (text: string) => ({
  type: RTM_NEWADDR,
  flags: NLM_F_CREATE,
  payload: encodeAddress(spec(text)),
});
const remove = (text: string, prefixLength = 32) => ({
  type: RTM_DELADDR,
  payload: encodeAddressRemoval(spec(text, prefixLength)),
});

const other = NetlinkSocket.open(NETLINK_ROUTE);
const passing = Array.from({ length: STORM }, (_, index) =>
  index % 2 === 0 ? add('10.9.1.1') : remove('10.9.1.1'),
);
const outcomes = other.batch([...passing, add('10.9.1.2'), remove('10.9.0.1', 24)]);
say({ refused: outcomes.filter((outcome) => !outcome.ok).length });
const overflow = witness.drain(() => {});
say({ overflow: overflow.ok ? 'none' : overflow.code });
other.close();
witness.close();

// The poll callback runs in the turn after this one.
setImmediate(() =>
  setImmediate(() => {
    const addresses = table.addresses(ifindex).map(({ address }) => address.text);
    say({ addresses, changes });
    table.close();
  }),
);
