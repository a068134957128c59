/**
 * REDIS_CHECK: AUTH where a password is given, PING, and ROLE where one is asked for. The only ioredis import
 * of the checks.
 *
 * ioredis speaks the protocol over a connection that is ours: it does not connect, wait, queue or reconnect.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { AbstractConnector, Redis } from 'ioredis';
import { formatEndpoint } from '../base/address.ts';
import type { RedisCheckConfig } from '../config/model.ts';
import { connect } from './connection.ts';
import { shown } from './conversation.ts';
import type { Probe, ProbeIo, ProbeVerdict } from './probe.ts';
import { connectFailure, errorCode, errorMessage, socketVerdict } from './socket-error.ts';
import { secure } from './tls-client.ts';

/** Bytes of all replies: PONG and a role with its replicas. A server that sends more has failed. */
export const MAX_REPLY_BYTES = 64 * 1024;

/** Passes when PING is answered with PONG, and ROLE with the role that is asked for. */
export const probeRedis: Probe<RedisCheckConfig> = async (target, io) => {
  const startedMs = io.clock.monotonicMs();
  const verdict = await ask(target, io);
  return { ...verdict, durationMs: io.clock.monotonicMs() - startedMs };
};

async function ask(target: RedisCheckConfig, io: ProbeIo): Promise<ProbeVerdict> {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const password = await readPassword(target);
  if (!password.ok) {
    const detail = `${endpoint} not asked: ${password.problem}`;
    return { kind: 'fail', reason: 'CREDENTIALS_UNUSABLE', detail };
  }
  let raw: Socket;
  try {
    raw = await connect(target, io.signal);
  } catch (error) {
    return connectFailure(error, target);
  }
  const stream = target.tls ? await secured(raw, target, endpoint, io.signal) : raw;
  if ('kind' in stream) return stream;
  try {
    return await talk({ target, endpoint, stream, signal: io.signal, password: password.text });
  } finally {
    stream.destroy();
    raw.destroy();
  }
}

async function secured(
  raw: Socket,
  target: RedisCheckConfig,
  endpoint: string,
  signal: AbortSignal,
): Promise<Socket | ProbeVerdict> {
  const { connectTimeoutMs: timeoutMs, connectAddress } = target;
  const wanted = { host: connectAddress.text, verify: false, protocols: [], endpoint, timeoutMs };
  const outcome = await secure(raw, wanted, signal);
  return outcome.ok ? outcome.socket : outcome.verdict;
}

type PasswordOutcome =
  | { readonly ok: true; readonly text: string | undefined }
  | { readonly ok: false; readonly problem: string };

/** Read at every check, so that a new password needs no reload. */
async function readPassword({ passwordFile }: RedisCheckConfig): Promise<PasswordOutcome> {
  if (passwordFile === undefined) return { ok: true, text: undefined };
  try {
    return { ok: true, text: (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '') };
  } catch (error) {
    return { ok: false, problem: errorMessage(error) };
  }
}

interface Talk {
  readonly target: RedisCheckConfig;
  readonly endpoint: string;
  readonly stream: Socket;
  readonly signal: AbortSignal;
  readonly password: string | undefined;
}

async function talk(parts: Talk): Promise<ProbeVerdict> {
  const { stream, signal } = parts;
  const redis = clientOver(stream, parts.target.connectTimeoutMs);
  let isFlooded = false;
  const onAbort = (): void => void stream.destroy();
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    await redis.connect();
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes <= MAX_REPLY_BYTES) return;
      isFlooded = true;
      stream.destroy();
    });
    return await converse(redis, parts);
  } catch (error) {
    return isFlooded
      ? failed(parts, 'REPLY_TOO_LARGE', `more than ${MAX_REPLY_BYTES} bytes in reply`)
      : explain(error, parts);
  } finally {
    signal.removeEventListener('abort', onAbort);
    redis.disconnect();
  }
}

async function converse(redis: Redis, parts: Talk): Promise<ProbeVerdict> {
  const { target, password } = parts;
  if (password !== undefined) {
    const user = target.username === undefined ? [] : [target.username];
    try {
      await redis.call('AUTH', ...user, password);
    } catch (error) {
      if (!isReply(error)) throw error;
      // Only its first word: some servers repeat what they were sent.
      return failed(parts, 'AUTH_FAILED', `AUTH is answered with ${firstWord(error.message)}`);
    }
  }
  const pong = await redis.call('PING');
  if (pong !== 'PONG')
    return failed(parts, 'BAD_REPLY', `PING is answered with ${shown(String(pong))}`);
  if (target.role === 'any') return { kind: 'pass', detail: `${parts.endpoint} answers PING` };
  const answer: unknown = await redis.call('ROLE');
  const name = Array.isArray(answer) ? String(answer[0]) : '';
  const role = name === 'slave' ? 'replica' : name;
  if (role === target.role) return { kind: 'pass', detail: `${parts.endpoint} is a ${role}` };
  return failed(parts, 'WRONG_ROLE', `its role is ${shown(role)}, expected ${target.role}`);
}

/** A client that uses `stream`, once. */
function clientOver(stream: Socket, timeoutMs: number): Redis {
  const redis = new Redis({
    Connector: class extends AbstractConnector {
      constructor() {
        super(0);
      }
      override async connect(): Promise<Socket> {
        return stream;
      }
      override disconnect(): void {
        stream.destroy();
      }
    },
    protocol: 2,
    lazyConnect: true,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    disableClientInfo: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
    commandTimeout: timeoutMs,
  });
  // Commands say what happened; without a listener it is printed.
  redis.on('error', () => {});
  return redis;
}

function explain(error: unknown, parts: Talk): ProbeVerdict {
  const { target, endpoint, stream, signal } = parts;
  if (signal.aborted)
    return failed(parts, 'TIMEOUT', `no reply within ${target.connectTimeoutMs} ms`);
  if (isReply(error)) {
    const reason = firstWord(error.message) === 'NOAUTH' ? 'AUTH_FAILED' : 'BAD_REPLY';
    return failed(parts, reason, `answered with ${shown(error.message)}`);
  }
  const cause = stream.errored ?? error;
  const verdict = socketVerdict(errorCode(cause), 'connected', endpoint);
  if (verdict !== undefined) return verdict;
  return error instanceof Error && error.name === 'ParserError'
    ? failed(parts, 'BAD_RESPONSE', 'the answer is not in the protocol of Redis')
    : failed(parts, 'CLOSED_EARLY', 'connection closed before the reply');
}

function failed({ endpoint }: Talk, reason: string, detail: string): ProbeVerdict {
  return { kind: 'fail', reason, detail: `${endpoint}: ${detail}` };
}

/** An error that the server itself replied with. */
function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}

function firstWord(text: string): string {
  return /^[A-Z]+/.exec(text)?.[0] ?? 'an error';
}
