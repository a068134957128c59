/** The connection of one HTTP request through TLS, and its end. */
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { formatEndpoint } from '../base/address.ts';
import type { SslGetConfig } from '../config/model.ts';
import { connect } from './connection.ts';
import type { HttpRequest } from './http-request.ts';
import type { ProbeIo } from './probe.ts';
import { connectFailure, type SocketVerdict } from './socket-error.ts';
import { secure } from './tls-client.ts';

/** A connection that is ready for a request. */
export interface Line {
  readonly kind: 'open';
  readonly raw: Socket;
  /** TLS over `raw`. */
  readonly stream: Socket;
  readonly endpoint: string;
  /** ALPN chose HTTP/2. */
  readonly isHttp2: boolean;
  readonly certificateEndsMs?: number;
}

/** Never rejects; no descriptor is left where there is no line. */
export async function openLine(
  target: SslGetConfig,
  request: HttpRequest,
  { signal }: ProbeIo,
): Promise<Line | SocketVerdict> {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  let raw: Socket;
  try {
    raw = await connect(target, signal);
  } catch (error) {
    return connectFailure(error, target);
  }
  const { sniName = target.enableSni === true ? hostName(request.host) : undefined } = target;
  const outcome = await secure(
    raw,
    {
      ...(sniName === undefined ? {} : { sniName }),
      host: sniName ?? hostName(request.host),
      verify: target.verify === true,
      ...(target.ca === undefined ? {} : { ca: target.ca }),
      ...(target.client === undefined ? {} : { client: target.client }),
      protocols: target.httpProtocol === '2' ? ['h2', 'http/1.1'] : [],
      endpoint,
      timeoutMs: target.connectTimeoutMs,
    },
    signal,
  );
  if (!outcome.ok) return outcome.verdict;
  const { socket, certificateEndsMs } = outcome;
  const isHttp2 = socket.alpnProtocol === 'h2';
  const line = { kind: 'open', raw, stream: socket, endpoint, isHttp2 } as const;
  return certificateEndsMs === undefined ? line : { ...line, certificateEndsMs };
}

/** Without its port, and an IPv6 address without its brackets. */
function hostName(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

/** Closes the line; `isPolite` says the end of TLS (close_notify) first, as long as the signal lets it. */
export async function closeLine(line: Line, isPolite: boolean, signal: AbortSignal): Promise<void> {
  const { raw, stream } = line;
  if (isPolite && stream instanceof TLSSocket && !stream.destroyed && !signal.aborted) {
    await saidGoodbye(stream, signal);
  }
  stream.destroy();
  raw.destroy();
}

function saidGoodbye(socket: TLSSocket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const leave = (): void => {
      signal.removeEventListener('abort', leave);
      resolve();
    };
    signal.addEventListener('abort', leave);
    socket.once('finish', leave);
    socket.once('close', leave);
    socket.end();
  });
}
