/**
 * DNS_CHECK: one query by UDP; passes with response code NOERROR, as keepalived's, and where the
 * configuration says `expect_answer` only when these records are among the answers. The only dns-packet
 * import.
 *
 * What is not the reply to this query (another id, another question, no response, garbage) is not heeded:
 * anybody can send that in the server's name.
 */
import { randomInt } from 'node:crypto';
import { type DecodedPacket, type Answer as DnsRecord, decode, encode } from 'dns-packet';
import { formatEndpoint, parseAddress } from '../base/address.ts';
import type { DnsCheckConfig } from '../config/model.ts';
import { exchange } from './datagram-exchange.ts';
import type { Probe, ProbeVerdict } from './probe.ts';
import { errorMessage } from './socket-error.ts';

/** RFC 1035 section 4.1.1: recursion desired, as keepalived asks. */
const RECURSION_DESIRED = 0x0100;
const RCODE_MASK = 0x0f;
const ID_COUNT = 0x1_0000;

/** RFC 1035 section 4.1.1, RFC 2136 section 2.2. */
const RCODES = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
  'YXDOMAIN',
  'YXRRSET',
  'NXRRSET',
  'NOTAUTH',
  'NOTZONE',
];

/** Records shown in a detail. */
const SHOWN_RECORDS = 4;

/** Sends the query and judges the reply. */
export const probeDns: Probe<DnsCheckConfig> = (target, io) => {
  const id = randomInt(ID_COUNT);
  const { type, name } = target;
  const question = `${name} ${type}`;
  let ignored = '';
  return exchange(
    target,
    {
      protocol: 'udp',
      request: encode({ type: 'query', id, flags: RECURSION_DESIRED, questions: [{ type, name }] }),
      onDatagram: (bytes) => {
        const reply = decodeReply(bytes);
        const why = typeof reply === 'string' ? reply : notOurs(reply, id, target);
        if (typeof reply !== 'string' && why === undefined) return judgeReply(reply, target);
        ignored = `; what came was ignored: ${why}`;
        return undefined;
      },
      onSilence: () => {
        const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
        const detail = `${endpoint}: no reply to ${question} within ${target.connectTimeoutMs} ms${ignored}`;
        return { kind: 'fail', reason: 'TIMEOUT', detail };
      },
    },
    io,
  );
};

/** The message, or why it is none. */
function decodeReply(bytes: Buffer): DecodedPacket | string {
  try {
    return decode(bytes);
  } catch (error) {
    return `not a DNS message (${errorMessage(error)})`;
  }
}

function notOurs(reply: DecodedPacket, id: number, target: DnsCheckConfig): string | undefined {
  if (!reply.flag_qr) return 'not a response';
  if (reply.id !== id) return 'another id';
  const questions = reply.questions ?? [];
  const [question] = questions;
  // A server that cannot read the question, or does not want to, may leave it out.
  if (question === undefined) return rcodeOf(reply) === 0 ? 'no question' : undefined;
  const isSame =
    questions.length === 1 &&
    question.type === target.type &&
    (question.class ?? 'IN') === 'IN' &&
    plainName(question.name) === plainName(target.name);
  return isSame ? undefined : 'another question';
}

function judgeReply(reply: DecodedPacket, target: DnsCheckConfig): ProbeVerdict {
  const question = `${target.name} ${target.type}`;
  const rcode = rcodeOf(reply);
  if (rcode !== 0) {
    const detail = `${question}: ${RCODES[rcode] ?? `response code ${rcode}`}`;
    return { kind: 'fail', reason: 'BAD_RCODE', detail };
  }
  const records = (reply.answers ?? []).filter(({ type }) => type === target.type);
  const found = records.map(textOf);
  const missing = (target.answers ?? []).find((wanted) => !found.includes(plainText(wanted)));
  if (missing === undefined)
    return { kind: 'pass', detail: `${question}: NOERROR, ${shown(found)}` };
  if (reply.flag_tc) {
    const detail = `${question}: the reply was cut off, ${missing} is not in what is left`;
    return { kind: 'fail', reason: 'TRUNCATED', detail };
  }
  const detail = `${question}: no record ${missing}, but ${shown(found)}`;
  return { kind: 'fail', reason: 'BAD_ANSWER', detail };
}

function rcodeOf({ flags = 0 }: DecodedPacket): number {
  return flags & RCODE_MASK;
}

function shown(records: readonly string[]): string {
  const rest = records.length - SHOWN_RECORDS;
  const list = records.slice(0, SHOWN_RECORDS).join(', ');
  if (records.length === 0) return 'no record';
  return rest > 0 ? `${list} and ${rest} more` : list;
}

/** A record in the notation of `expect_answer`. */
function textOf(record: DnsRecord): string {
  switch (record.type) {
    case 'A':
    case 'AAAA':
    case 'NS':
    case 'CNAME':
      return plainText(record.data);
    case 'MX':
      return `${record.data.preference ?? 0} ${plainName(record.data.exchange)}`;
    case 'SOA':
      return `${plainName(record.data.mname)} ${record.data.serial ?? 0}`;
    case 'TXT':
      return plainText([record.data].flat().map(String).join(''));
    case 'RRSIG':
      return `${record.data.typeCovered} ${record.data.keyTag} ${plainName(record.data.signersName)}`;
    case 'DNSKEY':
      return `${record.data.flags} ${record.data.algorithm} ${record.data.key.toString('base64')}`;
    default:
      return record.type;
  }
}

/** Addresses in their one notation, names without the last dot, all in lower case. */
function plainText(text: string): string {
  return parseAddress(text)?.text ?? plainName(text);
}

function plainName(name: string): string {
  return name.toLowerCase().replace(/(?<=.)\.$/, '');
}
