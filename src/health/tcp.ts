/**
 * TCP_CHECK: passes when the three-way handshake completes, as keepalived's. The connection is closed at
 * once, nothing is sent.
 */
import { formatEndpoint } from '../base/address.ts';
import type { TcpCheckConfig } from '../config/model.ts';
import { DialAbortedError } from '../kernel/dial.ts';
import { openStream, type TcpStream } from '../kernel/stream.ts';
import type { Probe, ProbeVerdict } from './probe.ts';
import { connectFailure } from './socket-error.ts';

/**
 * Connects to `connectAddress:connectPort`. Settles at the connection, its failure, or the abort,
 * whichever is first; the descriptor is closed before it settles.
 */
export const probeTcp: Probe<TcpCheckConfig> = (target, { signal, clock }) =>
  new Promise((resolve) => {
    const startedMs = clock.monotonicMs();
    let stream: TcpStream | undefined;
    const settle = (verdict: ProbeVerdict): void => {
      signal.removeEventListener('abort', onAbort);
      stream?.close();
      resolve({ ...verdict, durationMs: clock.monotonicMs() - startedMs });
    };
    const fail = (error: unknown): void => settle(connectFailure(error, target));
    const onAbort = (): void => fail(new DialAbortedError(signal.reason));
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    try {
      stream = openStream(target, {
        onConnected: () => settle(judge(target, stream?.isSelfConnected() ?? false)),
        onBytes: () => {},
        onEnd: () => {},
        onError: fail,
      });
    } catch (error) {
      fail(error);
    }
  });

function judge(target: TcpCheckConfig, isSelfConnected: boolean): ProbeVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  if (!isSelfConnected) return { kind: 'pass', detail: `connected to ${endpoint}` };
  const detail = `${endpoint}: connected to itself, nobody listens there`;
  return { kind: 'fail', reason: 'CONNECT_REFUSED', detail };
}
