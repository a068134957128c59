/**
 * A VRRP endpoint: IFNAME FAMILY GROUP SOURCE [TTL]; GROUP `-`: unicast only. Commands: {send: hex,
 * to: address}, {warm: true}, {stallUntil: file}.
 */
import { existsSync } from 'node:fs';
import { openVrrpEndpoint } from '../../../src/kernel/datagram.ts';
import { LinkTable } from '../../../src/kernel/links.ts';
import { addressOf, argument, hear, say } from './lines.ts';

const ifname = argument(0);
const links = LinkTable.open({});
const ifindex = links.byName(ifname)?.index ?? 0;
links.close();

const group = argument(2) === '-' ? undefined : addressOf(argument(2));
const unicastTtl = process.argv[6];

let count = 0;
const endpoint = openVrrpEndpoint({
  ifname,
  ifindex,
  family: argument(1) === 'inet' ? 'inet' : 'inet6',
  ...(group === undefined ? {} : { group }),
  ...(unicastTtl === undefined ? {} : { unicastTtl: Number(unicastTtl) }),
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
/** What a rehearsal must not send. */
const UNSENT = Buffer.from('rehearsed');

function stallAndDrain(file: string): void {
  say({ stalled: true });
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
  const before = count;
  endpoint.drain();
  say({ drained: count - before });
}

hear<{ send?: string; to?: string; warm?: true; stallUntil?: string }>(
  (command) => {
    if (command.stallUntil !== undefined) return stallAndDrain(command.stallUntil);
    const destination = command.to === undefined ? group : addressOf(command.to);
    if (destination === undefined) throw new Error('Nobody to send to');
    if (command.warm === true) return say({ result: endpoint.send(UNSENT, destination, true) });
    say({ result: endpoint.send(Buffer.from(command.send ?? '', 'hex'), destination) });
  },
  () => endpoint.close(),
);
say({ ready: true });
