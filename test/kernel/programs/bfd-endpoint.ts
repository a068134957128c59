/**
 * A BFD listener and a sender: NEIGHBOR PORT TTL [SOURCE]. Commands: {send: hex}. Says what it hears, with its
 * envelope.
 */
import { systemClock } from '../../../src/base/clock.ts';
import { openBfdListener, openBfdSender } from '../../../src/kernel/bfd-socket.ts';
import { addressOf, argument, hear, say } from './lines.ts';

const neighbor = addressOf(argument(0));
const port = Number(argument(1));
const source = process.argv[5];

const listener = openBfdListener(neighbor.family, port, {
  onReceive: ({ payload, source: from, destination, ttl, receivedMs = 0 }) =>
    say({
      received: Buffer.from(payload).toString('hex'),
      from: from.text,
      destination: destination.text,
      ttl,
      ageMs: systemClock.monotonicMs() - receivedMs,
    }),
  onError: ({ code }) => say({ error: code }),
});
const sender = openBfdSender({
  neighbor,
  port,
  ...(source === undefined ? {} : { source: addressOf(source) }),
  ttl: Number(argument(2)),
  sourcePort: 65_535,
});
const second = openBfdSender({ neighbor, port, ttl: 255, sourcePort: 65_535 });
hear<{ send: string }>(
  ({ send }) => say({ result: sender.send(Buffer.from(send, 'hex')) }),
  () => {
    listener.close();
    sender.close();
    second.close();
    say({ afterClose: sender.send(new Uint8Array(1)) });
  },
);
say({ ready: [sender.sourcePort, second.sourcePort] });
