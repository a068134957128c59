/**
 * TLS of checkers. As keepalived's, it looks at no certificate unless `verify` asks for it: what is checked
 * is whether the server answers.
 */
import { readFile, stat } from 'node:fs/promises';
import type { Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  getCACertificates,
  type SecureContext,
  type TLSSocket,
} from 'node:tls';
import type { TlsClientConfig } from '../config/model-lvs.ts';
import { errorCode, errorMessage, type SocketVerdict, socketVerdict } from './socket-error.ts';

export interface TlsWanted {
  /** Name in the handshake; none when absent. */
  readonly sniName?: string;
  /** What the certificate must be for, where `verify` is on. */
  readonly host: string;
  readonly verify: boolean;
  /** Authorities of `verify`; the block SSL's, then the system's, when absent. */
  readonly ca?: string;
  readonly client?: TlsClientConfig;
  /** In ALPN; nothing is offered when empty. */
  readonly protocols: readonly string[];
  /** Of messages: `10.0.0.1:443`. */
  readonly endpoint: string;
  readonly timeoutMs: number;
}

export type TlsOutcome =
  | { readonly ok: true; readonly socket: TLSSocket; readonly certificateEndsMs?: number }
  | { readonly ok: false; readonly verdict: SocketVerdict };

/** Shakes hands over `raw`. Never rejects; where it does not come to a connection, `raw` is destroyed. */
export async function secure(
  raw: Socket,
  wanted: TlsWanted,
  signal: AbortSignal,
): Promise<TlsOutcome> {
  const context = await contextOf(wanted);
  const refuse = (verdict: SocketVerdict): TlsOutcome => {
    raw.destroy();
    return { ok: false, verdict };
  };
  if (context.kind !== 'context') return refuse(context);
  if (signal.aborted) return refuse(tooSlow(wanted));
  // It may have come to its end while files were read; then nothing more is heard of it.
  if (raw.errored !== null) return refuse(handshakeFailure(raw.errored, wanted));
  if (raw.destroyed) return refuse(closedEarly(wanted));
  const outcome = await shakeHands(raw, context.context, wanted, signal);
  if (!outcome.ok) return refuse(outcome.verdict);
  const { socket } = outcome;
  const { authorizationError } = socket;
  if (wanted.verify && !socket.authorized) {
    socket.destroy();
    return refuse(distrust(String(authorizationError), wanted));
  }
  const endsMs = Date.parse(socket.getPeerCertificate().valid_to ?? '');
  return Number.isNaN(endsMs) ? outcome : { ...outcome, certificateEndsMs: endsMs };
}

function shakeHands(
  raw: Socket,
  secureContext: SecureContext,
  wanted: TlsWanted,
  signal: AbortSignal,
): Promise<TlsOutcome> {
  return new Promise((resolve) => {
    const socket = connectTls({
      socket: raw,
      secureContext,
      host: wanted.host,
      ...(wanted.sniName === undefined ? {} : { servername: wanted.sniName }),
      ...(wanted.protocols.length === 0 ? {} : { ALPNProtocols: [...wanted.protocols] }),
      rejectUnauthorized: false,
    });
    const settle = (outcome: TlsOutcome): void => {
      signal.removeEventListener('abort', onAbort);
      socket.off('close', onClose);
      if (!outcome.ok) socket.destroy();
      resolve(outcome);
    };
    const fail = (verdict: SocketVerdict): void => settle({ ok: false, verdict });
    const onAbort = (): void => fail(tooSlow(wanted));
    const onClose = (): void => fail(closedEarly(wanted));
    signal.addEventListener('abort', onAbort);
    socket.once('secureConnect', () => settle({ ok: true, socket }));
    socket.once('close', onClose);
    // Stays: a late error of a destroyed socket must not be an uncaught one.
    socket.on('error', (error) => fail(handshakeFailure(error, wanted)));
  });
}

function tooSlow({ endpoint, timeoutMs }: TlsWanted): SocketVerdict {
  const detail = `${endpoint}: TLS handshake not done within ${timeoutMs} ms`;
  return { kind: 'fail', reason: 'TIMEOUT', detail };
}

function closedEarly({ endpoint }: TlsWanted): SocketVerdict {
  const detail = `${endpoint}: connection closed in the TLS handshake`;
  return { kind: 'fail', reason: 'CLOSED_EARLY', detail };
}

function handshakeFailure(error: unknown, wanted: TlsWanted): SocketVerdict {
  // Node calls a closed connection a reset one here.
  if (errorMessage(error).includes('disconnected before secure')) return closedEarly(wanted);
  const { endpoint } = wanted;
  return (
    socketVerdict(errorCode(error), 'connected', endpoint) ?? {
      kind: 'fail',
      reason: 'TLS_FAILED',
      detail: `${endpoint}: ${opensslReason(error)}`,
    }
  );
}

/** `…:SSL routines:ssl3_get_record:wrong version number:…` is for those who read its source. */
function opensslReason(error: unknown): string {
  const reason = error instanceof Error && 'reason' in error ? error.reason : undefined;
  return typeof reason === 'string'
    ? `TLS handshake: ${reason}`
    : errorMessage(error).slice(0, 200);
}

/** `code` is OpenSSL's name of what is wrong, or Node's for a name that does not fit. */
function distrust(code: string, { endpoint, host }: TlsWanted): SocketVerdict {
  const what = (reason: string, text: string): SocketVerdict => ({
    kind: 'fail',
    reason,
    detail: `${endpoint}: ${text} (${code})`,
  });
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return what('CERT_EXPIRED', 'the certificate has expired');
    case 'CERT_NOT_YET_VALID':
      return what('CERT_NOT_YET_VALID', 'the certificate is not valid yet');
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return what('CERT_WRONG_NAME', `the certificate is not for ${host}`);
    default:
      return what('CERT_UNTRUSTED', 'the certificate is not trusted');
  }
}

type ContextOutcome = { readonly kind: 'context'; readonly context: SecureContext } | SocketVerdict;

interface CachedContext {
  /** Names and times of the files it was made of. */
  readonly stamp: string;
  readonly context: SecureContext;
}

/** By what they are made of; few, for they come from the configuration. */
const contexts = new Map<string, CachedContext>();

/** Made once and again when a file changes: making one takes milliseconds. */
async function contextOf(wanted: TlsWanted): Promise<ContextOutcome> {
  const { verify, client = {} } = wanted;
  const caFile = verify ? (wanted.ca ?? client.ca) : undefined;
  const { certificate = client.key, key = certificate } = client;
  const files = [caFile, certificate, key];
  const name = JSON.stringify([verify, files, client.password?.text]);
  try {
    const stamp = await stampOf(files);
    const cached = contexts.get(name);
    if (cached?.stamp === stamp) return { kind: 'context', context: cached.context };
    const [ca, cert, keyText] = await Promise.all(files.map(readOptional));
    const context = createSecureContext({
      // None at all where nobody is verified: loading the usual ones takes its time.
      ca: verify ? (ca ?? systemAuthorities()) : [],
      ...(cert === undefined ? {} : { cert }),
      ...(keyText === undefined ? {} : { key: keyText }),
      ...(client.password === undefined ? {} : { passphrase: client.password.text }),
    });
    contexts.set(name, { stamp, context });
    return { kind: 'context', context };
  } catch (error) {
    const detail = `${wanted.endpoint} not asked: ${errorMessage(error)}`;
    return { kind: 'fail', reason: 'CREDENTIALS_UNUSABLE', detail };
  }
}

async function stampOf(files: readonly (string | undefined)[]): Promise<string> {
  const times = files.map(async (file) => (file === undefined ? 0 : (await stat(file)).mtimeMs));
  return (await Promise.all(times)).join(' ');
}

async function readOptional(file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : readFile(file, 'utf8');
}

function systemAuthorities(): string[] {
  return [...getCACertificates('default'), ...getCACertificates('system')];
}
