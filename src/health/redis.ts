/**
 * REDIS_CHECK: AUTH where a password is given, PING, and ROLE where one is asked for.
 *
 *   *2 $4 AUTH $7 hunter2   ->  +OK
 *   *1 $4 PING              ->  +PONG
 *   *1 $4 ROLE              ->  *3 $6 master :0 *0        only its first string is read
 *
 * Each token ends with CR LF (RESP2). These three need no client, and ioredis 6 has no place where a server may
 * say anything: a reply that nobody asked for (`$-1`, a push without a name) makes it throw outside of any
 * promise, which ends the process.
 */
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { formatEndpoint } from '../base/address.ts';
import type { RedisCheckConfig } from '../config/model.ts';
import { type Conversation, converse, noLine, shown } from './conversation.ts';
import type { Probe, ProbeVerdict } from './probe.ts';
import { errorMessage } from './socket-error.ts';
import type { TextLines } from './text-lines.ts';
import { secure } from './tls-client.ts';

/** Passes when PING is answered with PONG, and ROLE with the role that is asked for. */
export const probeRedis: Probe<RedisCheckConfig> = async (target, io) => {
  const startedMs = io.clock.monotonicMs();
  const password = await readPassword(target);
  if (!password.ok) {
    const detail = `${endpointOf(target)} not asked: ${password.problem}`;
    const durationMs = io.clock.monotonicMs() - startedMs;
    return { kind: 'fail', reason: 'CREDENTIALS_UNUSABLE', detail, durationMs };
  }
  const secured = target.tls ? (raw: Socket) => withTls(raw, target, io.signal) : undefined;
  return converse(target, io, (talk) => ask(target, talk, password.text), secured);
};

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

async function withTls(
  raw: Socket,
  target: RedisCheckConfig,
  signal: AbortSignal,
): Promise<Socket | ProbeVerdict> {
  const { connectTimeoutMs: timeoutMs, connectAddress } = target;
  const endpoint = endpointOf(target);
  const wanted = { host: connectAddress.text, verify: false, protocols: [], endpoint, timeoutMs };
  const outcome = await secure(raw, wanted, signal);
  return outcome.ok ? outcome.socket : outcome.verdict;
}

async function ask(
  target: RedisCheckConfig,
  { socket, lines }: Conversation,
  password: string | undefined,
): Promise<ProbeVerdict> {
  if (password !== undefined) {
    const user = target.username === undefined ? [] : [target.username];
    socket.write(command('AUTH', ...user, password));
    const failure = await expectLine(lines, target, 'AUTH', '+OK');
    if (failure !== undefined) return failure;
  }
  socket.write(command('PING'));
  const failure = await expectLine(lines, target, 'PING', '+PONG');
  if (failure !== undefined) return failure;
  if (target.role === 'any') return { kind: 'pass', detail: `${endpointOf(target)} answers PING` };
  socket.write(command('ROLE'));
  return judgeRole(lines, target);
}

function command(...words: readonly string[]): string {
  const strings = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${strings.join('')}`;
}

/** Undefined when the answer to `name` is `wanted`. */
async function expectLine(
  lines: TextLines,
  target: RedisCheckConfig,
  name: 'AUTH' | 'PING',
  wanted: string,
): Promise<ProbeVerdict | undefined> {
  const line = await lines.next();
  if (line.kind !== 'line') return noLine(line, target, `answer to ${name}`);
  if (line.isLast) return noLine({ kind: 'closed' }, target, `answer to ${name}`);
  return line.text === wanted ? undefined : explain(target, name, line.text);
}

/** What it means that `name` is answered with this line. */
function explain(target: RedisCheckConfig, name: string, text: string): ProbeVerdict {
  if (!/^[-+:$*]/.test(text)) {
    return fail(target, 'BAD_RESPONSE', `${shown(text)} is not the protocol of Redis`);
  }
  const word = /^-([A-Z]+)\b/.exec(text)?.[1] ?? 'something else';
  // Only its first word: some servers repeat what they were sent, and that is the password.
  if (name === 'AUTH') return fail(target, 'AUTH_FAILED', `AUTH is answered with ${word}`);
  const reason = word === 'NOAUTH' ? 'AUTH_FAILED' : 'BAD_REPLY';
  return fail(target, reason, `${name} is answered with ${shown(text)}`);
}

async function judgeRole(lines: TextLines, target: RedisCheckConfig): Promise<ProbeVerdict> {
  for (const start of ['*', '$']) {
    const line = await lines.next();
    if (line.kind !== 'line') return noLine(line, target, 'answer to ROLE');
    if (!line.text.startsWith(start)) return explain(target, 'ROLE', line.text);
  }
  const line = await lines.next();
  if (line.kind !== 'line') return noLine(line, target, 'answer to ROLE');
  const role = line.text === 'slave' ? 'replica' : line.text;
  if (role === target.role) return { kind: 'pass', detail: `${endpointOf(target)} is a ${role}` };
  return fail(target, 'WRONG_ROLE', `its role is ${shown(role)}, expected ${target.role}`);
}

function fail(target: RedisCheckConfig, reason: string, detail: string): ProbeVerdict {
  return { kind: 'fail', reason, detail: `${endpointOf(target)}: ${detail}` };
}

function endpointOf(target: RedisCheckConfig): string {
  return formatEndpoint(target.connectAddress, target.connectPort);
}
