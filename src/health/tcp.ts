/**
 * TCP_CHECK: passes when the three-way handshake completes, as keepalived's. The connection is closed at
 * once, nothing is sent.
 */
import type { Socket } from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import type { TcpCheckConfig } from '../config/model.ts';
import { connect } from './connection.ts';
import type { Probe } from './probe.ts';
import { connectFailure, type SocketVerdict } from './socket-error.ts';

/**
 * Connects to `connectAddress:connectPort`. Settles at the connection, its failure, or the abort,
 * whichever is first; the descriptor is closed before it settles.
 */
export const probeTcp: Probe<TcpCheckConfig> = async (target, { signal, clock }) => {
  const startedMs = clock.monotonicMs();
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const verdict = await handshake();
  const durationMs = clock.monotonicMs() - startedMs;
  return verdict === undefined
    ? { kind: 'pass', durationMs, detail: `connected to ${endpoint}` }
    : { ...verdict, durationMs };

  async function handshake(): Promise<SocketVerdict | undefined> {
    try {
      const socket = await connect(target, signal);
      const verdict = selfConnection(socket, endpoint);
      socket.destroy();
      return verdict;
    } catch (error) {
      return connectFailure(error, target);
    }
  }
};

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
