/** A UDP endpoint: SOURCE PORT PEERPORT IFNAME. Commands: {send: hex, to: address}, {stallUntil: file}. */
import { existsSync } from 'node:fs';
import { openUdpEndpoint } from '../../../src/vrrp/transport-udp.ts';
import { addressOf, argument, hear, say } from './lines.ts';

let count = 0;
const opening = openUdpEndpoint({
  source: addressOf(argument(0)),
  port: Number(argument(1)),
  peerPort: Number(argument(2)),
  ifname: argument(3),
  ttl: 255,
  onReceive: ({ payload, source, destination, ttl }) => {
    count += 1;
    say({
      received: Buffer.from(payload).toString('hex'),
      source: source.text,
      destination: destination.text,
      hasTtl: ttl !== undefined,
    });
  },
  onError: (code, detail) => say({ error: code, detail }),
});

/** Keeps the event loop from turning until the file is there; says how many came before it settled. */
function stallAndSettle(file: string): void {
  say({ stalled: true });
  const pause = new Int32Array(new SharedArrayBuffer(4));
  while (!existsSync(file)) Atomics.wait(pause, 0, 0, 5);
  const before = count;
  if (opening.ok) opening.endpoint.settle(() => say({ settled: count - before }));
}

if (opening.ok) {
  const { endpoint } = opening;
  hear<{ send?: string; to?: string; stallUntil?: string }>(
    (command) => {
      if (command.stallUntil !== undefined) return stallAndSettle(command.stallUntil);
      const payload = Buffer.from(command.send ?? '', 'hex');
      say({ result: endpoint.send(payload, addressOf(command.to ?? '')) });
    },
    () => {
      endpoint.close();
      say({ afterClose: endpoint.send(new Uint8Array(8), addressOf('127.0.0.1')) });
    },
  );
  say({ ready: true });
} else {
  say({ refused: opening.code });
}
