/**
 * SMTP_CHECK, as keepalived's (RFC 5321 4.3.2):
 *
 *   server  220 …                  250 …              221 …
 *   check          HELO helo_name         QUIT
 *
 * The server is good once it has said 250. QUIT and its answer are manners, and decide nothing.
 */
import type { SmtpCheckConfig } from '../config/model.ts';
import { type Conversation, converse, noLine, shown } from './conversation.ts';
import type { Probe, ProbeVerdict } from './probe.ts';
import type { TextLines } from './text-lines.ts';

/** Lines of one reply: a server that goes on and on has failed. */
export const MAX_REPLY_LINES = 100;

/** Passes when the greeting is 220 and HELO is answered with 250. */
export const probeSmtp: Probe<SmtpCheckConfig> = (target, io) =>
  converse(target, io, (conversation) => talk(target, conversation));

async function talk(
  target: SmtpCheckConfig,
  { socket, lines }: Conversation,
): Promise<ProbeVerdict> {
  const greeting = await readReply(lines, target, 'greeting', '220');
  if (greeting.kind !== 'pass') return greeting;
  socket.write(`HELO ${target.heloName}\r\n`);
  const answer = await readReply(lines, target, 'answer to HELO', '250');
  if (answer.kind !== 'pass') return answer;
  socket.write('QUIT\r\n');
  await readReply(lines, target, 'answer to QUIT', '221');
  return { kind: 'pass', detail: `answered ${shown(answer.detail)} to HELO` };
}

/** A reply of one line or more: `250-…` goes on, `250 …` ends. Passes with the text of its last line. */
async function readReply(
  lines: TextLines,
  target: SmtpCheckConfig,
  wanted: string,
  code: string,
): Promise<ProbeVerdict> {
  for (let count = 0; count < MAX_REPLY_LINES; count += 1) {
    const line = await lines.next();
    if (line.kind !== 'line') return noLine(line, target, wanted);
    if (line.isLast) return noLine({ kind: 'closed' }, target, wanted);
    const [, found, separator = ' '] = /^(\d{3})(?:([ -]).*)?$/.exec(line.text) ?? [];
    if (found === undefined) {
      const detail = `${wanted} is ${shown(line.text)}, no reply of SMTP`;
      return { kind: 'fail', reason: 'BAD_RESPONSE', detail };
    }
    if (found !== code) {
      const detail = `${wanted} is ${shown(line.text)}, expected ${code}`;
      return { kind: 'fail', reason: 'BAD_STATUS', detail };
    }
    if (separator === ' ') return { kind: 'pass', detail: line.text };
  }
  const detail = `${wanted} has more than ${MAX_REPLY_LINES} lines`;
  return { kind: 'fail', reason: 'BAD_RESPONSE', detail };
}
