/** Asks one peer by datagram and waits for what counts as an answer: UDP_CHECK, DNS_CHECK, PING_CHECK. */
import { formatEndpoint } from '../base/address.ts';
import type { CheckerBase } from '../config/model.ts';
import { openPeer, type Peer } from '../kernel/connected-datagram.ts';
import type { ProbeIo, ProbeResult, ProbeVerdict } from './probe.ts';
import { connectFailure, errorCode, type SocketVerdict } from './socket-error.ts';

export interface Exchange {
  readonly protocol: 'udp' | 'echo';
  readonly request: Uint8Array;
  /** Judges a datagram of the peer; undefined is none of ours, and the wait goes on. Never throws. */
  readonly onDatagram: (bytes: Buffer) => ProbeVerdict | undefined;
  /** What silence until the deadline means. */
  readonly onSilence: () => ProbeVerdict;
}

/** Sends `request` once; settles with the first answer, error or abort. No descriptor is left then. */
export function exchange(
  target: CheckerBase,
  { protocol, request, onDatagram, onSilence }: Exchange,
  io: ProbeIo,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const startedMs = io.clock.monotonicMs();
    let peer: Peer | undefined;
    let isSettled = false;
    const settle = (answer: ProbeVerdict): void => {
      if (isSettled) return;
      isSettled = true;
      io.signal.removeEventListener('abort', onAbort);
      peer?.close();
      resolve({ ...answer, durationMs: io.clock.monotonicMs() - startedMs });
    };
    const onAbort = (): void => settle(onSilence());
    if (io.signal.aborted) {
      onAbort();
      return;
    }
    io.signal.addEventListener('abort', onAbort);
    try {
      peer = openPeer({
        protocol,
        target,
        onDatagram: (bytes) => {
          const answer = onDatagram(bytes);
          if (answer !== undefined) settle(answer);
        },
        onError: (error) => settle(refusal(error, target)),
      });
      peer.send(request);
    } catch (error) {
      settle(refusal(error, target));
    }
  });
}

/** ICMP's port unreachable arrives as ECONNREFUSED. */
function refusal(error: unknown, target: CheckerBase): SocketVerdict {
  if (errorCode(error) !== 'ECONNREFUSED') return connectFailure(error, target);
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const detail = `${endpoint}: port unreachable, says the server`;
  return { kind: 'fail', reason: 'PORT_UNREACHABLE', detail };
}
