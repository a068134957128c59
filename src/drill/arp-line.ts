/**
 * tcpdump's lines for ARP, as `tcpdump -n -e -tt` prints them. P. A gratuitous ARP (RFC 5227 1.2, RFC
 * 9568 8.1.2) has the announced address as sender and as target, as a request or as a reply.
 */
export interface GratuitousArp {
  /** The capture's clock: CLOCK_REALTIME, seconds with fractions. */
  readonly timeS: number;
  readonly mac: string;
  readonly address: string;
}

const MAC = '[0-9a-f]{2}(?::[0-9a-f]{2}){5}';
const REQUEST = new RegExp(
  `^(\\d+\\.\\d+) (${MAC}) > .* Request who-has (\\S+?)(?: \\(${MAC}\\))? tell ([^\\s,]+)`,
);
/** Only a broadcast reply is an announcement; the answer to somebody's question goes to him alone. */
const REPLY = new RegExp(
  `^(\\d+\\.\\d+) (${MAC}) > ff:ff:ff:ff:ff:ff,.* Reply (\\S+) is-at (${MAC})`,
);

/** The gratuitous ARP this line shows, or undefined for any other line. */
export function parseGratuitousArp(line: string): GratuitousArp | undefined {
  const request = REQUEST.exec(line);
  if (request !== null) {
    const [, time = '', mac = '', target = '', sender = ''] = request;
    return target === sender ? { timeS: Number(time), mac, address: sender } : undefined;
  }
  const reply = REPLY.exec(line);
  if (reply === null) return undefined;
  const [, time = '', , address = '', mac = ''] = reply;
  return { timeS: Number(time), mac, address };
}
