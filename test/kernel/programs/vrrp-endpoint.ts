/** A VRRP endpoint: IFNAME FAMILY GROUP SOURCE. Commands: {send: hex}, {stallUntil: file}. */
import { existsSync } from 'node:fs';
import { openVrrpEndpoint } from '../../../src/kernel/datagram.ts';
import { LinkTable } from '../../../src/kernel/links.ts';
import { addressOf, argument, hear, say } from './lines.ts';

const ifname = argument(0);
const links = LinkTable.open({});
const ifindex = links.byName(ifname)?.index ?? 0;
links.close();

let count = 0;
const endpoint = openVrrpEndpoint({
  ifname,
  ifindex,
  family: argument(1) === 'inet' ? 'inet' : 'inet6',
  group: addressOf(argument(2)),
  source: addressOf(argument(3)),
  onReceive: ({ payload, source, destination, ttl, ifindex: from }) => {
    count += 1;
    say({
      received: Buffer.from(payload).toString('hex'),
      source: source.text,
      destination: destination.text,
      ttl,
      isOurInterface: from === ifindex,
    });
  },
  onError: (error) => say({ error: error.message }),
});

/** Keeps the event loop from turning until the file is there; says how many `drain` delivered. */
function stallAndDrain(file: string): void {
  say({ stalled: true });
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
  const before = count;
  endpoint.drain();
  say({ drained: count - before });
}

hear<{ send?: string; stallUntil?: string }>(
  (command) => {
    if (command.stallUntil !== undefined) return stallAndDrain(command.stallUntil);
    say({ result: endpoint.send(Buffer.from(command.send ?? '', 'hex')) });
  },
  () => endpoint.close(),
);
say({ ready: true });
