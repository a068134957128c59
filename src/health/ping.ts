/** PING_CHECK: passes when the server answers an ICMP or ICMPv6 echo request. */
import { randomBytes } from 'node:crypto';
import type { PingCheckConfig } from '../config/model.ts';
import { exchange } from './datagram-exchange.ts';
import { encodeEchoRequest, isReplyTo } from './echo.ts';
import type { Probe } from './probe.ts';

/** Long enough that a reply to another request cannot be taken for ours. */
const NONCE_LENGTH = 16;

/** One request; a reply counts when identifier, sequence and nonce are ours. */
export const probePing: Probe<PingCheckConfig> = (target, io) => {
  const { family, text } = target.connectAddress;
  const chosen = randomBytes(4 + NONCE_LENGTH);
  const echo = {
    identifier: chosen.readUInt16BE(0),
    sequence: chosen.readUInt16BE(2),
    data: chosen.subarray(4),
  };
  return exchange(
    target,
    {
      protocol: 'echo',
      request: encodeEchoRequest(family, echo),
      onDatagram: (message) =>
        isReplyTo(family, echo, message)
          ? { kind: 'pass', detail: `${text}: echo reply` }
          : undefined,
      onSilence: () => {
        const detail = `${text}: no echo reply within ${target.connectTimeoutMs} ms`;
        return { kind: 'fail', reason: 'TIMEOUT', detail };
      },
    },
    io,
  );
};
