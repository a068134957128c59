/**
 * UDP_CHECK: a datagram is sent to the port. Without `require_reply` no ICMP error until the deadline is a
 * pass, as keepalived has it; with it a reply must come, of the right length and beginning.
 */
import { formatEndpoint } from '../base/address.ts';
import type { UdpCheckConfig } from '../config/model.ts';
import { exchange } from './datagram-exchange.ts';
import type { Probe, ProbeVerdict } from './probe.ts';

/** What is sent when the file says nothing: something that a log is understood by. */
const DEFAULT_PAYLOAD = Buffer.from('lvsd check');

/** Bytes of a reply shown in a detail. */
const SHOWN_BYTES = 16;

/** Sends `payload` and judges what comes back. */
export const probeUdp: Probe<UdpCheckConfig> = (target, io) => {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const { payload } = target;
  return exchange(
    target,
    {
      protocol: 'udp',
      request: payload === undefined ? DEFAULT_PAYLOAD : Buffer.from(payload, 'hex'),
      onDatagram: (bytes) => judgeReply(target, bytes),
      onSilence: () => {
        const within = `within ${target.connectTimeoutMs} ms`;
        return target.requiresReply
          ? { kind: 'fail', reason: 'TIMEOUT', detail: `${endpoint}: no reply ${within}` }
          : { kind: 'pass', detail: `${endpoint}: no ICMP error ${within}` };
      },
    },
    io,
  );
};

/** The reply against length and pattern, where one is required. */
function judgeReply(target: UdpCheckConfig, bytes: Buffer): ProbeVerdict {
  const endpoint = formatEndpoint(target.connectAddress, target.connectPort);
  const { minReplyLength, maxReplyLength, reply } = target;
  const found = `reply of ${bytes.length} bytes`;
  if (!target.requiresReply) return { kind: 'pass', detail: `${endpoint}: ${found}` };
  if (bytes.length < minReplyLength || bytes.length > maxReplyLength) {
    const wanted = `expected ${minReplyLength} to ${maxReplyLength}`;
    return { kind: 'fail', reason: 'BAD_LENGTH', detail: `${endpoint}: ${found}, ${wanted}` };
  }
  if (reply !== undefined && !beginsWith(bytes, reply)) {
    const shown = bytes.subarray(0, SHOWN_BYTES).toString('hex').toUpperCase();
    const detail = `${endpoint}: reply begins ${shown}, expected ${reply}`;
    return { kind: 'fail', reason: 'BAD_REPLY', detail };
  }
  return { kind: 'pass', detail: `${endpoint}: ${found}` };
}

/** `pattern`: hex digits in upper case, X for any. */
function beginsWith(bytes: Buffer, pattern: string): boolean {
  const digits = bytes
    .subarray(0, pattern.length / 2)
    .toString('hex')
    .toUpperCase();
  if (digits.length < pattern.length) return false;
  return [...pattern].every((digit, index) => digit === 'X' || digit === digits[index]);
}
