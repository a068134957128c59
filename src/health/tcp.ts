/**
 * TCP_CHECK: passes when the three-way handshake completes, as keepalived's. The connection is closed at
 * once, nothing is sent.
 */
import { connect, type Socket } from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import type { TcpCheckConfig } from '../config/model.ts';
import type { Probe, ProbeResult } from './probe.ts';
import { errorCode, errorMessage, type SocketVerdict, socketVerdict } from './socket-error.ts';

/**
 * Connects to `connectAddress:connectPort`. Settles at the connection, its failure, or the abort,
 * whichever is first; the descriptor is closed before it settles.
 */
export const probeTcp: Probe<TcpCheckConfig> = (target, io) =>
  new Promise<ProbeResult>((resolve) => {
    const startedMs = io.clock.monotonicMs();
    const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
    let socket: Socket | undefined;
    let isSettled = false;

    const settle = (verdict: SocketVerdict | undefined): void => {
      if (isSettled) return;
      isSettled = true;
      io.signal.removeEventListener('abort', onAbort);
      socket?.destroy();
      const durationMs = io.clock.monotonicMs() - startedMs;
      resolve(
        verdict === undefined
          ? { kind: 'pass', durationMs, detail: `connected to ${endpoint}` }
          : { ...verdict, durationMs },
      );
    };
    const onAbort = (): void => settle(noConnection(endpoint, target.connectTimeoutMs));

    if (io.signal.aborted) {
      onAbort();
      return;
    }
    io.signal.addEventListener('abort', onAbort);
    try {
      socket = connect({ host: target.connectAddress.text, port: target.connectPort });
      socket.once('connect', () => settle(socket && selfConnection(socket, endpoint)));
      // Stays after settling: a late error of a destroyed socket must not be an uncaught one.
      socket.on('error', (error) => settle(connectFailure(error, endpoint)));
    } catch (error) {
      settle(connectFailure(error, endpoint));
    }
  });

function noConnection(endpoint: string, timeoutMs: number): SocketVerdict {
  const detail = `${endpoint}: no connection within ${timeoutMs} ms`;
  return { kind: 'fail', reason: 'CONNECT_TIMEOUT', detail };
}

function connectFailure(error: unknown, endpoint: string): SocketVerdict {
  return (
    socketVerdict(errorCode(error), 'connecting', endpoint) ?? {
      kind: 'fail',
      reason: 'CONNECT_FAILED',
      detail: `${endpoint}: ${errorMessage(error)}`,
    }
  );
}

/**
 * A connect to a dead local port can pick that very port as its source and meet itself (TCP's
 * simultaneous open): connected, with no server anywhere.
 */
function selfConnection(socket: Socket, endpoint: string): SocketVerdict | undefined {
  if (socket.localPort !== socket.remotePort) return undefined;
  if (socket.localAddress !== socket.remoteAddress) return undefined;
  const detail = `${endpoint}: connected to itself, nobody listens there`;
  return { kind: 'fail', reason: 'CONNECT_REFUSED', detail };
}
