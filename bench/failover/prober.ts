/**
 * A client: an ICMP echo request to ADDRESS every millisecond, answered by the other end's kernel. Says
 * `ready` when it begins; on SIGTERM it waits for late answers and prints every probe as JSON.
 * `node prober.ts ADDRESS`, as root.
 */
import { systemClock } from '../../src/base/clock.ts';
import * as libc from '../../src/kernel/libc.ts';
import {
  AF_INET,
  MSG_DONTWAIT,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
} from '../../src/kernel/linux.ts';
import { IncomingMessage } from '../../src/kernel/message-header.ts';
import { watchReadable } from '../../src/kernel/poller.ts';
import { packSockaddrIn } from '../../src/kernel/sockaddr.ts';
import { DeadlineTimer } from '../../src/kernel/timer.ts';
import type { Probe } from './figures.ts';

const IPPROTO_ICMP = 1;
const ECHO_REQUEST = 8;
const ECHO_REPLY = 0;
const IP_HEADER_LENGTH = 20;
const ICMP_LENGTH = 16;
const NUMBER_OFFSET = 8;
const LATE_ANSWERS_MS = 100;
const PROBE_INTERVAL_MS = 1;

const address = process.argv[2] ?? '';
const destination = packSockaddrIn({ family: 'inet', text: address });
const identifier = process.pid & 0xffff;
const fd = libc.socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP, 'ICMP');
const incoming = new IncomingMessage({ payload: 256, name: 0, control: 0 });
const probes: { sentMs: number; isAnswered: boolean }[] = [];
let isEnding = false;

/**
 *      0      1      2          4            6          8              16
 *     +------+------+----------+------------+----------+--------------+
 *     | type | code | checksum | identifier | sequence | probe number |     RFC 792, echo
 *     +------+------+----------+------------+----------+--------------+
 */
function request(number: number): Buffer {
  const bytes = Buffer.alloc(ICMP_LENGTH);
  bytes.writeUInt8(ECHO_REQUEST, 0);
  bytes.writeUInt16BE(identifier, 4);
  bytes.writeUInt16BE(number & 0xffff, 6);
  bytes.writeUInt32BE(number, NUMBER_OFFSET);
  let sum = 0;
  for (let at = 0; at < ICMP_LENGTH; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, 2);
  return bytes;
}

watchReadable(fd, () => {
  while (incoming.receive(fd)) {
    const icmp = incoming.payload.subarray(IP_HEADER_LENGTH);
    if (icmp.length < ICMP_LENGTH || icmp[0] !== ECHO_REPLY) continue;
    if (icmp.readUInt16BE(4) !== identifier) continue;
    const probe = probes[icmp.readUInt32BE(NUMBER_OFFSET)];
    if (probe !== undefined) probe.isAnswered = true;
  }
});

let nextMs = systemClock.monotonicMs();
const timer = new DeadlineTimer(() => {
  if (isEnding) return;
  const sentMs = systemClock.monotonicMs();
  const bytes = request(probes.length);
  probes.push({ sentMs, isAnswered: false });
  try {
    libc.sendto(fd, bytes, MSG_DONTWAIT, destination);
  } catch (error) {
    // No neighbour, or a full buffer: a probe without an answer.
    if (!(error instanceof libc.SysError)) throw error;
  }
  nextMs = Math.max(nextMs + PROBE_INTERVAL_MS, sentMs);
  timer.arm(nextMs);
});
timer.arm(nextMs);
process.stdout.write('ready\n');

process.on('SIGTERM', () => {
  isEnding = true;
  setTimeout(() => {
    const record: readonly Probe[] = probes;
    process.stdout.write(JSON.stringify(record), () => process.exit(0));
  }, LATE_ANSWERS_MS);
});
