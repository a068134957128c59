/** A check that talks in lines: connect, talk, close, whatever comes. */
import type { Socket } from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import type { CheckerBase } from '../config/model.ts';
import { connect } from './connection.ts';
import type { ProbeIo, ProbeResult, ProbeVerdict } from './probe.ts';
import { connectFailure, errorCode, errorMessage, socketVerdict } from './socket-error.ts';
import { type LineOutcome, MAX_LINE_BYTES, TextLines } from './text-lines.ts';

export interface Conversation {
  readonly socket: Socket;
  readonly lines: TextLines;
}

/**
 * Connects to the target and has `talk` decide. The connection is closed when this resolves. `secured` makes
 * TLS of it first; it destroys what it was given where that fails.
 */
export async function converse(
  target: CheckerBase,
  { signal, clock }: ProbeIo,
  talk: (conversation: Conversation) => Promise<ProbeVerdict>,
  secured?: (raw: Socket) => Promise<Socket | ProbeVerdict>,
): Promise<ProbeResult> {
  const startedMs = clock.monotonicMs();
  const verdict = await connectAndTalk();
  return { ...verdict, durationMs: clock.monotonicMs() - startedMs };

  async function connectAndTalk(): Promise<ProbeVerdict> {
    let raw: Socket;
    try {
      raw = await connect(target, signal);
    } catch (error) {
      return connectFailure(error, target);
    }
    const socket = secured === undefined ? raw : await secured(raw);
    if ('kind' in socket) return socket;
    const lines = new TextLines(socket, signal);
    try {
      return await talk({ socket, lines });
    } finally {
      lines.close();
      socket.destroy();
      raw.destroy();
    }
  }
}

/** What it means that no line came. `wanted` is what was waited for: `greeting`. */
export function noLine(
  outcome: Exclude<LineOutcome, { kind: 'line' }>,
  target: CheckerBase,
  wanted: string,
): ProbeVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const fail = (reason: string, what: string): ProbeVerdict => ({
    kind: 'fail',
    reason,
    detail: `${endpoint}: ${what}`,
  });
  switch (outcome.kind) {
    case 'aborted':
      return fail('TIMEOUT', `no ${wanted} within ${target.connectTimeoutMs} ms`);
    case 'closed':
      return fail('CLOSED_EARLY', `connection closed before the ${wanted}`);
    case 'tooLong':
      return fail('BAD_RESPONSE', `a line of more than ${MAX_LINE_BYTES} bytes for the ${wanted}`);
    case 'error':
      return (
        socketVerdict(errorCode(outcome.error), 'connected', endpoint) ??
        fail('CONNECTION_FAILED', errorMessage(outcome.error))
      );
    default:
      return outcome satisfies never;
  }
}

/** A peer's text for a message: bounded, and nothing that moves a cursor. */
export function shown(text: string): string {
  return JSON.stringify(text.slice(0, MAX_SHOWN));
}

const MAX_SHOWN = 100;
