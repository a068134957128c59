/** Tries everything that needs privileges and says what came of it. */
import { hasCapability } from '../../../src/kernel/capabilities.ts';
import { openFrameSender, openVrrpEndpoint } from '../../../src/kernel/datagram.ts';
import { SysError } from '../../../src/kernel/libc.ts';
import { LinkTable } from '../../../src/kernel/links.ts';
import { trySetRealtime } from '../../../src/kernel/scheduling.ts';
import { writeSysctl } from '../../../src/kernel/sysctl.ts';
import { addressOf, say } from './lines.ts';

function refusalOf(open: () => { close(): void }): object {
  try {
    open().close();
    return { code: 'none' };
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return { code: error.code, errno: error.errno, message: error.message };
  }
}

const links = LinkTable.open({});
const ifindex = links.byName('lo')?.index ?? 0;
const address = addressOf('10.9.9.9');
const socket = { ifindex, ifname: 'lo', onReceive: () => {}, onError: () => {} };
const group = addressOf('224.0.0.18');
say({
  capabilities: [hasCapability('CAP_NET_ADMIN'), hasCapability('CAP_NET_RAW')],
  vrrp: refusalOf(() => openVrrpEndpoint({ ...socket, family: 'inet', group, source: address })),
  frames: refusalOf(() => openFrameSender(ifindex)),
  address: links.addAddress({ ifindex, address, prefixLength: 32, scope: 0 }),
  realtime: trySetRealtime(50),
  sysctl: writeSysctl('net/ipv4/conf/lo/arp_ignore', '1'),
});
links.close();
